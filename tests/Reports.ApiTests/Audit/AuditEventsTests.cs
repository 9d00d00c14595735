using System.Net;
using System.Text.Json;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>The events of the audit: pages, filters, and what they show.</summary>
public sealed class AuditEventsTests(ReportsApp app)
{
    [Fact]
    public async Task an_auditor_sees_a_merchants_events_in_the_order_of_the_store()
    {
        var merchant = await app.MerchantAsync();
        var report = await merchant.FinishedAsync();
        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);

        var events = await auditor.EventsAsync();

        events.Select(Type).ShouldBe(
        [
            "merchant.registered.v1", "api-key.issued.v1", "report.requested.v1", "report.generated.v1",
            "report.finished.v1", "api-key.issued.v1",
        ]);
        events.Select(Sequence).ShouldBeInOrder();
        var finished = events[4];
        finished.GetProperty("tenant").GetString().ShouldBe(merchant.Id.ToString());
        finished.GetProperty("stream_id").GetGuid().ShouldBe(report.Id);
        finished.GetProperty("version").GetInt64().ShouldBe(3);
        finished.GetProperty("leaf_index").ValueKind.ShouldBe(JsonValueKind.Number);
        finished.GetProperty("data").GetProperty("sha256").GetString().ShouldBe(report.Sha256);
    }

    [Fact]
    public async Task filters_let_through_what_they_say()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var (one, two) = (await merchant.FinishedAsync("one.csv"), await merchant.FinishedAsync("two.csv"));
        await other.FinishedAsync();
        await merchant.ExpireAsync(one.Id);
        var id = await merchant.EncryptedIdAsync("two.csv");
        using var client = merchant.Client();
        var path = new Uri(await merchant.DownloadPathAsync("two.csv"), UriKind.Relative);
        using var download = await client.GetAsync(path);
        await merchant.EndOfAsync(Guid.Parse(download.Headers.GetValues("Download-Id").Single()));
        using var all = await AuditClient.AuditorAsync(app);
        var of = $"?merchant={merchant.Id}";

        (await all.EventsAsync($"{of}&type=report.expired.v1")).Select(Stream).ShouldBe([one.Id]);
        (await all.EventsAsync($"{of}&type=report.expired.v1,report.finished.v1")).Count.ShouldBe(3);
        string[] story =
        [
            "report.requested.v1", "report.generated.v1", "report.finished.v1", "download.attempted.v1",
            "download.completed.v1",
        ];
        (await all.EventsAsync($"{of}&report={two.Id}")).Select(Type).ShouldBe(story);
        (await all.EventsAsync($"?report={two.Id}")).Select(Type).ShouldBe(story);
        (await all.EventsAsync($"{of}&report={id}&limit=2")).Select(Type).ShouldBe(story);
        var done = (await all.EventsAsync($"{of}&principal={Actor.Operator.Id}")).Select(Type).ToList();
        done.ShouldContain("report.requested.v1");
        done.ShouldNotContain("report.finished.v1");
        (await all.EventsAsync($"{of}&principal=operator:{Actor.Operator.Id}")).Count
            .ShouldBe((await all.EventsAsync($"{of}&principal={Actor.Operator.Id}")).Count);
        (await all.EventsAsync($"{of}&principal=user:{Actor.Operator.Id}")).ShouldBeEmpty();
        (await all.EventsAsync($"{of}&outcome=pending")).Select(Type).ShouldBe(["download.attempted.v1"]);
        (await all.EventsAsync($"{of}&outcome=failure&limit=1")).ShouldBeEmpty();
        (await all.EventsAsync($"?merchant=platform")).Select(e => e.GetProperty("tenant").GetString()).Distinct()
            .ShouldBe(["platform"]);

        var events = await all.EventsAsync(of);
        var middle = events[3].GetProperty("recorded_at").GetString();
        (await all.EventsAsync($"{of}&from={middle}")).Select(Sequence)
            .ShouldBe(events.Where(e => string.CompareOrdinal(Recorded(e), middle) >= 0).Select(Sequence));
        (await all.EventsAsync($"{of}&to={middle}")).Select(Sequence)
            .ShouldBe(events.Where(e => string.CompareOrdinal(Recorded(e), middle) < 0).Select(Sequence));
        (await all.EventsAsync($"{of}&after={Sequence(events[1])}&through={Sequence(events[4])}")).Select(Sequence)
            .ShouldBe(events.Skip(2).Take(3).Select(Sequence));
        (await all.EventsAsync($"{of}&limit=1")).Select(Sequence).ShouldBe(events.Select(Sequence));
    }

    [Theory]
    [InlineData("merchant=1", "merchant")]
    [InlineData("report=%25", "report")]
    [InlineData("principal=%00", "principal")]
    [InlineData("principal=Jane%20Doe", "principal")]
    [InlineData("principal=person:operator", "principal")]
    [InlineData("type=report.finished", "type")]
    [InlineData("outcome=good", "outcome")]
    [InlineData("from=2026-11-01", "from")]
    [InlineData("to=yesterday", "to")]
    [InlineData("after=-1", "after")]
    [InlineData("through=0", "through")]
    [InlineData("limit=0", "limit")]
    [InlineData("format=xml", "format")]
    [InlineData("after=1&after=2", "after")]
    public async Task what_cannot_be_meant_is_refused_by_name_and_recorded(string query, string field)
    {
        var merchant = await app.MerchantAsync();
        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);

        var problem = await auditor.GetAsync($"events?{query}", HttpStatusCode.BadRequest);

        problem.GetProperty("errors").EnumerateObject().Single().Name.ShouldBe(field);
        var read = (await AuditClient.ReadsAsync(app, merchant.Id.ToString())).ShouldHaveSingleItem();
        (read.Status, read.Code).ShouldBe((400, "invalid_parameters"));
    }

    [Fact]
    public async Task a_stream_shows_what_the_pages_show_and_resumes_by_sequence()
    {
        var merchant = await app.MerchantAsync();
        for (var i = 0; i < 5; i++)
        {
            await merchant.FinishedAsync();
        }

        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);
        var pages = await auditor.EventsAsync("?limit=3");

        var through = $"&through={Sequence(pages[^1])}";
        var lines = await auditor.LinesAsync($"?after=0{through}");

        lines.ShouldBe(pages.Select(e => e.GetRawText()));
        (await auditor.LinesAsync($"?after={Sequence(pages[7])}{through}")).ShouldBe(lines.Skip(8));
    }

    private static string Type(JsonElement e) => e.GetProperty("type").GetString()!;

    private static long Sequence(JsonElement e) => e.GetProperty("sequence").GetInt64();

    private static Guid Stream(JsonElement e) => e.GetProperty("stream_id").GetGuid();

    private static string? Recorded(JsonElement e) => e.GetProperty("recorded_at").GetString();
}
