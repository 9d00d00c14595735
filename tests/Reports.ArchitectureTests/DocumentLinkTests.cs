using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Reports.ArchitectureTests;

/// <summary>Links from one document to another, or to a place in it, lead there.</summary>
public sealed partial class DocumentLinkTests
{
    [GeneratedRegex(@"(?ms)^```.*?^```|`[^`\n]*`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\]\(\s*(?<path>[^)#\s]*)(?:#(?<place>[^)\s]*))?\s*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?m)^#+\s+(?<title>.+?)\s*$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();

    [Fact]
    public void every_relative_link_leads_to_something_that_is_there()
    {
        var documents = Directory.GetFiles(Path.Combine(Checkout.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Append(Path.Combine(Checkout.Root, "README.md")).ToList();
        var links = documents
            .SelectMany(from => Link().Matches(Code().Replace(File.ReadAllText(from), ""))
                .Select(m => (From: from, Path: m.Groups["path"].Value, Place: m.Groups["place"].Value)))
            .Where(link => !link.Path.Contains(':', StringComparison.Ordinal)).ToList();

        links.Count.ShouldBeGreaterThan(50);
        links.Where(link => !Leads(link.From, link.Path, link.Place))
            .Select(link => $"{Path.GetRelativePath(Checkout.Root, link.From)}: {link.Path}#{link.Place}")
            .ShouldBeEmpty();
    }

    private static bool Leads(string from, string path, string place)
    {
        var to = path.Length == 0 ? from : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(from)!, path));
        return place.Length == 0
            ? File.Exists(to) || Directory.Exists(to)
            : File.Exists(to) && Places(to).Contains(place, StringComparer.Ordinal);
    }

    // As the forges make them: lower case, no punctuation, a dash for each space; a number after one that was before.
    private static IEnumerable<string> Places(string file) => Heading().Matches(File.ReadAllText(file))
        .Select(m => Punctuation().Replace(m.Groups["title"].Value.Trim(), "").Replace(' ', '-').ToLowerInvariant())
        .GroupBy(slug => slug, (slug, same) => same.Select((_, n) => n == 0 ? slug : $"{slug}-{n}"))
        .SelectMany(slugs => slugs);
}
