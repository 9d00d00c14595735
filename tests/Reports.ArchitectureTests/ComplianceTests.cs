using System.Text.RegularExpressions;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.ArchitectureTests;

/// <summary>What <c>docs/compliance.md</c> claims is there.</summary>
public sealed partial class ComplianceTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Checkout.Root, "docs/compliance.md"));

    [GeneratedRegex(@"`(?<name>[a-z][a-z-]*\.[a-z-]+\.v\d+)`")]
    private static partial Regex EventName();

    [GeneratedRegex(@"`(?<type>[A-Z]\w+Tests)\.(?<method>[a-z_0-9]+)`")]
    private static partial Regex TestName();

    [Fact]
    public void every_event_answers_for_a_requirement()
    {
        var named = EventName().Matches(Page).Select(m => m.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);

        ContractNames.Events.Keys.Except(named).ShouldBeEmpty("docs/compliance.md does not name them");
        named.Except(ContractNames.Events.Keys).ShouldBeEmpty("there are no such events");
    }

    [Fact]
    public void every_test_that_is_named_exists()
    {
        var named = TestName().Matches(Page).Select(m => (Type: m.Groups["type"].Value, Method: m.Groups["method"].Value))
            .Distinct().ToList();
        var sources = Directory.GetFiles(Path.Combine(Checkout.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .ToLookup(path => Path.GetFileNameWithoutExtension(path), File.ReadAllText, StringComparer.Ordinal);

        named.Count.ShouldBeGreaterThan(30);
        named.Where(test => !sources[test.Type].Any(source => source.Contains($" {test.Method}(")))
            .ShouldBeEmpty();
    }

    [Theory]
    [InlineData("10.2.1 ")]
    [InlineData("10.2.1.1 ")]
    [InlineData("10.2.1.2 ")]
    [InlineData("10.2.1.3 ")]
    [InlineData("10.2.1.4 ")]
    [InlineData("10.2.1.5 ")]
    [InlineData("10.2.1.6 ")]
    [InlineData("10.2.1.7 ")]
    [InlineData("10.3.1 ")]
    [InlineData("10.3.2 ")]
    [InlineData("10.3.3 ")]
    [InlineData("10.3.4 ")]
    [InlineData("10.4.1, 10.4.1.1 ")]
    [InlineData("10.5.1 ")]
    [InlineData("10.6.1 ")]
    [InlineData("10.6.2 ")]
    [InlineData("10.6.3 ")]
    [InlineData("10.7.1, 10.7.2 ")]
    [InlineData("10.7.3 ")]
    public void every_requirement_has_a_row(string requirement) => Page.ShouldContain($"\n| {requirement}");
}
