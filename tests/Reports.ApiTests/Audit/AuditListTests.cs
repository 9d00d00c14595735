using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.WebUtilities;
using Reports.Access;
using Reports.Contracts;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>What a merchant's list answered, made again from the events.</summary>
public sealed partial class AuditListTests(ReportsApp app)
{
    private static readonly string[] Queries =
    [
        "?created_after=2001-01-01T00:00:00Z", "?created_after=2001-01-01&limit=2",
        "?created_after=2001-01-01&limit=2&offset=2",
        "?created_after=2026-02-01&created_before=2026-02-03&tz=Asia/Kuwait",
        "?interval=monthly&created_after=2001-01-01",
        "?source=MANUAL&created_after=2001-01-01&offset=1", "?created_after=2026-02-02&limit=1",
    ];

    [Fact]
    public async Task what_the_list_answered_over_time_is_answered_again_byte_for_byte()
    {
        var merchant = await app.MerchantAsync();
        var other = await app.MerchantAsync();
        var recorded = new List<(string Query, string At, string Body)>();
        async Task RecordAsync()
        {
            foreach (var query in Queries)
            {
                var body = await BodyAsync(merchant.Client(), TestMerchant.List + query);
                recorded.Add((query, await NowAsync(), body));
            }
        }

        var reports = new List<GivenReport>();
        for (var day = 1; day <= 6; day++)
        {
            var isMonthly = day % 3 == 0;
            reports.Add(await merchant.FinishedAsync(
                $"r-{day}.csv",
                createdAt: new DateTimeOffset(2026, 2, day, 21, 0, 0, TimeSpan.Zero),
                interval: isMonthly ? ReportInterval.Monthly : ReportInterval.Daily,
                source: isMonthly ? ReportSource.Manual : ReportSource.Auto));
            await other.FinishedAsync(createdAt: new DateTimeOffset(2026, 2, day, 21, 0, 0, TimeSpan.Zero));
            await RecordAsync();
        }

        await app.Services.SendAsync(merchant.Id, new PlaceLegalHold.Command(reports[1].Id, "case"), default);
        await RecordAsync();
        await merchant.ExpireAsync(reports[2].Id);
        await RecordAsync();
        await app.Services.SendAsync(merchant.Id, new ReleaseLegalHold.Command(reports[1].Id, "case"), default);
        await merchant.ExpireAsync(reports[1].Id);
        await RecordAsync();
        await app.Services.SendAsync(merchant.Id, new ChangeMerchant.Command(TimeZone: "Asia/Kuwait"), default);
        await Eventually.IsTrueAsync(
            async () => Count(await BodyAsync(merchant.Client(), TestMerchant.List + Queries[6]))
                != Count(recorded[^1].Body),
            "the change of the time zone to act");
        await RecordAsync();
        using var auditor = await AuditClient.AuditorAsync(app);

        recorded.Select(r => r.Body).Distinct().Count().ShouldBeGreaterThan(30, "the answers hardly changed");
        foreach (var (query, at, body) in recorded)
        {
            var url = QueryHelpers.AddQueryString(
                $"{AuditClient.Path}list{query}",
                new Dictionary<string, string?> { ["merchant"] = $"{merchant.Id}", ["as_of"] = at });
            (await BodyAsync(auditor.Http, url)).ShouldBe(Shown(body), $"{query} at {at}");
        }
    }

    [Fact]
    public async Task the_pages_of_a_list_as_it_was_lead_to_each_other()
    {
        var merchant = await app.MerchantAsync();
        for (var i = 0; i < 5; i++)
        {
            await merchant.FinishedAsync($"r-{i}.csv");
        }

        var at = await NowAsync();
        await merchant.FinishedAsync("late.csv");
        using var auditor = await AuditClient.AuditorAsync(app);
        var names = new List<string>();
        for (var url = $"{AuditClient.Path}list?merchant={merchant.Id}&as_of={at}&limit=2"; url is not null;)
        {
            using var response = await auditor.Http.GetAsync(new Uri(url, UriKind.RelativeOrAbsolute));
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            names.AddRange((await TestMerchant.JsonAsync(response)).GetProperty("results").EnumerateArray()
                .Select(r => r.GetProperty("report_name").GetString()!));
            url = response.Headers.TryGetValues("Link", out var links)
                && Next().Match(links.Single()) is { Success: true } next ? next.Groups[1].Value : null;
        }

        names.ShouldBe(["r-4.csv", "r-3.csv", "r-2.csv", "r-1.csv", "r-0.csv"]);
    }

    [Fact]
    public async Task a_merchant_sees_its_own_list_only_and_an_auditor_of_all_must_say_whose()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var self = AuditClient.WithKey(app, merchant.Key);
        using var all = await AuditClient.AuditorAsync(app);

        (await self.GetAsync("list")).GetProperty("count").GetInt32().ShouldBe(0);
        await self.GetAsync($"list?merchant={other.Id}", HttpStatusCode.Forbidden);
        (await all.GetAsync("list", HttpStatusCode.BadRequest)).GetProperty("merchant").GetArrayLength().ShouldBe(1);
        await all.GetAsync($"list?merchant={Guid.CreateVersion7()}", HttpStatusCode.NotFound);
    }

    private static async Task<string> BodyAsync(HttpClient client, string url)
    {
        using var response = await client.GetAsync(new Uri(url, UriKind.Relative));
        var body = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(HttpStatusCode.OK, body);
        return body;
    }

    private async Task<string> NowAsync()
    {
        await using var command = app.Database.CreateCommand("select clock_timestamp()");
        return ((DateTime)(await command.ExecuteScalarAsync())!).ToString(
            "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
    }

    private static int Count(string body) => JsonNode.Parse(body)!["count"]!.GetValue<int>();

    // Less what leads to downloads, and the watermark, in the links too.
    private string Shown(string body)
    {
        body = Watermark().Replace(Watermarks().Replace(Actions().Replace(body, ""), ""), "");
        return body.Replace("http://localhost", app.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);
    }

    [GeneratedRegex(""","download_action":\{[^}]*\}""")]
    private static partial Regex Actions();

    [GeneratedRegex(""","watermark":"[^"]*"(?=\}$)""")]
    private static partial Regex Watermark();

    [GeneratedRegex("&watermark=[^\"&]*")]
    private static partial Regex Watermarks();

    [GeneratedRegex("<([^>]*)>; rel=\"next\"")]
    private static partial Regex Next();
}
