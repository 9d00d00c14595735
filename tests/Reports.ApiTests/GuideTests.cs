using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Everything that <c>docs/guide.md</c> shows is done here as its reader would do it.</summary>
public sealed partial class GuideTests(ReportsApp app)
{
    private const string Address = "https://reports.example.com";
    private static readonly string[] Outputs = ["json", "http", "text"];
    private static readonly string[] Programs = ["python", "csharp"];
    private static readonly string Text = File.ReadAllText(Path.Combine(Checkout.Root, "docs/guide.md"));
    private static readonly Sample[] Samples = [.. Fence().Matches(Text).Select(Sample.Of)];

    private static readonly JsonNode Document =
        JsonNode.Parse(File.ReadAllText(Path.Combine(Checkout.Root, "docs/openapi/v1.json")))!;

    [Fact]
    public async Task every_sample_runs_and_shows_what_the_guide_shows()
    {
        await using var node = await app.ListenAsync(
            "--Reports:Quotas:DownloadsPerHour=25", "--Reports:Quotas:RequestsPerDay=90000");
        using var reader = await ReaderAsync(new Uri(node.Urls.First()));

        var shown = await reader.RunAsync(Samples.Where(sample => sample.Kind == "bash").Select(sample => sample.Text));

        foreach (var (sample, output) in Samples.Where(sample => sample.Kind == "bash").Zip(shown))
        {
            var next = Samples.ElementAtOrDefault(sample.Index + 1);
            if (next is { IsOutput: true } expected && sample.IsFollowedBy(expected))
            {
                await CheckAsync(expected, output, reader.Address);
            }
        }

        Files(reader, "python-reports").ShouldBe(reader.Given.Select(given => given.Sha256), ignoreOrder: true);
        Files(reader, "csharp-reports").ShouldBe(reader.Given.Select(given => given.Sha256), ignoreOrder: true);
    }

    [Fact]
    public void every_sample_is_of_a_kind_that_is_run_or_compared()
    {
        FenceMark().Count(Text).ShouldBe(2 * Samples.Length, "what stands between the marks of a sample");
        foreach (var sample in Samples)
        {
            var isShown = sample.IsOutput && sample.Index > 0 && Samples[sample.Index - 1].IsFollowedBy(sample);
            var isRun = sample.Kind == "bash" || (Programs.Contains(sample.Kind) && Samples.Any(other =>
                other.Kind == "bash" && other.Text.Contains($" {sample.FileName} ", StringComparison.Ordinal)));
            (isShown || isRun || IsDocumented(sample)).ShouldBeTrue($"Nothing runs or compares:\n{sample.Text}");
        }
    }

    [Fact]
    public void every_code_parameter_and_member_stands_in_the_guide()
    {
        var parameters = Document["paths"]![TestMerchant.List]!["get"]!["parameters"]!.AsArray()
            .Select(parameter => parameter!["$ref"]!.GetValue<string>().Split('/')[^1]);
        var members = ((string[])["ReportList", "ListedReport", "DownloadAction", "ShownRequest"]).SelectMany(
            name => Document["components"]!["schemas"]![name]!["properties"]!.AsObject().Select(member => member.Key));

        foreach (var problem in Problem.All)
        {
            Text.ShouldContain($"| {problem.Status} | `{problem.Code}` |");
        }

        foreach (var parameter in parameters)
        {
            Text.ShouldContain($"\n| `{parameter}` |");
        }

        foreach (var member in members)
        {
            Text.ShouldContain($"\"{member}\":");
        }
    }

    [Fact]
    public void every_link_within_the_guide_leads_somewhere()
    {
        var places = Heading().Matches(Text).Select(heading => NoAnchor().Replace(
            heading.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-')).ToArray();

        Anchor().Matches(Text).Select(link => link.Groups[1].Value).ShouldBeSubsetOf(places);
    }

    [Theory]
    [InlineData("python", "python3")]
    [InlineData("csharp", "dotnet", "run")]
    public async Task a_program_gets_every_file_whole_though_everything_fails_once(string kind, params string[] command)
    {
        await using var proxy = await FailingProxy.StartAsync(app.Address);
        using var reader = await ReaderAsync(proxy.Address);
        var program = Samples.Single(sample => sample.Kind == kind).FileName;
        var run = $"{string.Join(' ', command)} {program} reports";

        (await reader.RunAsync([run]))[0].ShouldEndWith("\n6 new\n");

        proxy.Failures.Keys.ShouldBe(Enum.GetValues<Failure>(), ignoreOrder: true);
        proxy.HasResumed.ShouldBeTrue();
        Files(reader, "reports").ShouldBe(reader.Given.Select(given => given.Sha256), ignoreOrder: true);
        var late = await reader.Merchant.FinishedAsync(
            "../late/settlement.csv", Content(99), createdAt: DateTimeOffset.UtcNow.AddYears(-1));
        await reader.Merchant.ShownSinceAsync();
        (await reader.RunAsync([run]))[0].ShouldEndWith("12 records\n1 new\n");
        (await reader.RunAsync([run]))[0].ShouldBe("0 new\n");
        Files(reader, "reports")
            .ShouldBe([.. reader.Given.Select(given => given.Sha256), late.Sha256], ignoreOrder: true);
    }

    private static IEnumerable<string> Files(GuideReader reader, string directory) =>
        Directory.GetFiles(Path.Combine(reader.Directory, directory))
            .Where(file => Path.GetFileName(file) != "watermark")
            .Select(file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));

    private static async Task CheckAsync(Sample expected, string output, Uri address)
    {
        var actual = output.Replace(address.ToString().TrimEnd('/'), Address, StringComparison.Ordinal)
            .Replace("\r", "", StringComparison.Ordinal);
        if (expected.Kind == "http")
        {
            // The order of headers means nothing, and there are more than are shown.
            var lines = actual.Split('\n');
            foreach (var line in expected.Text.TrimEnd().Split('\n'))
            {
                lines.ShouldContain(l => Pattern(line).IsMatch(Variable(l)), $"{line}\nin\n{actual}");
            }

            return;
        }

        Pattern(expected.Text.TrimEnd()).IsMatch(Variable(actual.TrimEnd())).ShouldBeTrue(
            $"Expected:\n{expected.Text}\nbut there is:\n{actual}");
        if (expected.Kind == "json")
        {
            bool Has(string member) => expected.Text.Contains($"\"{member}\":", StringComparison.Ordinal);
            var component = Has("results") ? "ReportList" : Has("progress") ? "ShownRequest" : "Problem";
            var schema = new JsonObject { ["$ref"] = $"#/components/schemas/{component}" };
            JsonSchemas.Check(await JsonSchemas.OfDocumentAsync(Document, schema), output, component);
        }
    }

    // An example that no sample produces is the one that the OpenAPI document shows.
    private static bool IsDocumented(Sample sample)
    {
        var bodies = Document["components"]!["responses"]!.AsObject()
            .Select(response => response.Value!["content"]?["application/problem+json"]).OfType<JsonNode>()
            .SelectMany(body => (JsonNode?[])
            [
                body["example"], .. body["examples"]?.AsObject().Select(example => example.Value!["value"]) ?? [],
            ]);
        return sample.Kind == "json" && bodies.Any(body => JsonNode.DeepEquals(body, JsonNode.Parse(sample.Text)));
    }

    // What differs from one run to the next: its shape alone is compared.
    private static string Variable(string text) => Differing().Replace(
        text, match => match.Groups.Cast<Group>().Skip(1).First(group => group.Success).Name);

    private static Regex Pattern(string expected) => new(
        $"^{Regex.Escape(Variable(expected)).Replace("…", ".*", StringComparison.Ordinal)}$");

    private static byte[] Content(int number)
    {
        var rows = Enumerable.Range(10, 12).Select(row => string.Create(
            CultureInfo.InvariantCulture, $"pay_{number:000}_{row},2026-03-01T09:15:30.250+03:00,{row}.500\r\n"));
        return Encoding.UTF8.GetBytes($"transaction_id,occurred_at,net_amount\r\n{string.Concat(rows)}");
    }

    private async Task<GuideReader> ReaderAsync(Uri address)
    {
        var merchant = await app.MerchantAsync("Asia/Kuwait");
        var (user, password) = await merchant.UserAsync([Permissions.ViewReport]);
        var now = DateTimeOffset.UtcNow;
        var march = new DateTimeOffset(2026, 3, 1, 0, 5, 0, TimeSpan.Zero);
        var february = new ReportPeriod(
            new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.FromHours(3)),
            new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.FromHours(3)),
            "Asia/Kuwait");
        GivenReport[] given =
        [
            await merchant.FinishedAsync("settlement-2026-02-28.csv", Content(1), march),
            await merchant.FinishedAsync(
                "settlement-2026-02.csv", Content(2), march.AddMinutes(5), ReportInterval.Monthly, period: february),
            await merchant.FinishedAsync(
                "settlement-2026-11-01_2026-11-15.csv", Content(3), now.AddDays(-4), ReportInterval.Custom,
                ReportSource.Manual),
            await merchant.FinishedAsync("settlement-2026-11-20.csv", Content(4), now.AddDays(-3)),
            await merchant.FinishedAsync("settlement-2026-11-21.csv", Content(5), now.AddDays(-2)),
            await merchant.FinishedAsync("settlement-2026-11-22.csv", Content(6), now.AddDays(-1)),
        ];
        var reader = new GuideReader(
            address, merchant, await app.KeyAsync(merchant.Id, isAuditor: true), user, password, given);
        foreach (var program in Samples.Where(sample => Programs.Contains(sample.Kind)))
        {
            await File.WriteAllTextAsync(Path.Combine(reader.Directory, program.FileName), program.Text);
        }

        return reader;
    }

    [GeneratedRegex(@"^```(\S*)\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^\s*(```|~~~)", RegexOptions.Multiline)]
    private static partial Regex FenceMark();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("[^a-z0-9 -]")]
    private static partial Regex NoAnchor();

    [GeneratedRegex(@"\]\(#([^)]+)\)")]
    private static partial Regex Anchor();

    [GeneratedRegex(
        """
        (?<instant>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))|
        (?<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)|
        (?<digest>\b[0-9a-f]{64}\b)|(?<request>\b[0-9a-f]{32}\b)|
        (?<base64>:[A-Za-z0-9+/]{43}=:)|(?<id>"[A-Za-z0-9_-]{44}")
        """,
        RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Differing();

    private sealed record Sample(int Index, string Kind, string Text, int Start, int End)
    {
        private static int _count;

        public bool IsOutput => Outputs.Contains(Kind);

        /// <summary>The first word of a program names the file that it is saved as.</summary>
        public string FileName => Text.Split([' ', ':'], 3)[1];

        public static Sample Of(Match fence) => new(
            _count++, fence.Groups[1].Value, fence.Groups[2].Value, fence.Index, fence.Index + fence.Length);

        /// <summary>Output stands right after what shows it.</summary>
        public bool IsFollowedBy(Sample other) =>
            Kind == "bash" && other.IsOutput && string.IsNullOrWhiteSpace(GuideTests.Text[End..other.Start]);
    }
}
