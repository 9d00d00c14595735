using System.Net;
using System.Text.Json;
using Reports.Contracts;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>Reports and downloads replayed.</summary>
public sealed class AuditReplayTests(ReportsApp app)
{
    [Fact]
    public async Task a_report_is_told_from_its_request_to_the_end_of_its_file_with_its_downloads()
    {
        var merchant = await app.MerchantAsync();
        var report = await app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1)),
            default);
        await Eventually.IsTrueAsync(
            async () => (await merchant.ListAsync()).GetProperty("count").GetInt32() == 1, "the report to be finished");
        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        await DownloadAsync(merchant, TestMerchant.PathOf(listed));
        await app.Services.SendAsync(merchant.Id, new PlaceLegalHold.Command(report, "case 7"), default);
        await app.Services.SendAsync(merchant.Id, new ReleaseLegalHold.Command(report, "case 7 is over"), default);
        await merchant.ExpireAsync(report);
        await DownloadAsync(merchant, TestMerchant.PathOf(listed));
        using var auditor = await AuditClient.AuditorAsync(app);
        using var self = AuditClient.WithKey(app, merchant.Key);

        var told = await auditor.GetAsync($"reports/{report}");

        (await self.GetAsync($"reports/{listed.GetProperty("encrypted_id")}")).GetProperty("steps").GetArrayLength()
            .ShouldBe(told.GetProperty("steps").GetArrayLength());
        told.GetProperty("merchant").GetGuid().ShouldBe(merchant.Id);
        told.GetProperty("encrypted_id").GetString().ShouldBe(listed.GetProperty("encrypted_id").GetString());
        var steps = told.GetProperty("steps").EnumerateArray().ToList();
        steps.Select(s => (s.GetProperty("type").GetString(), s.GetProperty("state").GetProperty("status").GetString()))
            .ShouldBe(
            [
                ("report.requested.v1", "requested"), ("report.generation-started.v1", "generating"),
                ("report.generated.v1", "generated"), ("report.finished.v1", "finished"),
                ("download.attempted.v1", "finished"), ("download.completed.v1", "finished"),
                ("report.legal-hold-placed.v1", "finished"), ("report.legal-hold-released.v1", "finished"),
                ("report.expired.v1", "expired"),
                ("download.attempted.v1", "expired"), ("download.failed.v1", "expired"),
            ]);
        steps.Select(s => s.GetProperty("state").GetProperty("is_listed").GetBoolean())
            .ShouldBe([false, false, false, true, true, true, true, true, false, false, false]);
        steps.Count(s => s.GetProperty("state").GetProperty("is_held").GetBoolean()).ShouldBe(1);
        steps[0].GetProperty("story").GetString()!.ShouldStartWith("An operator asked for settlement-2026-03-01.csv");
        steps[5].GetProperty("story").GetString()!.ShouldStartWith("The whole file was given");
        steps[6].GetProperty("story").GetString().ShouldBe(
            "An operator ordered the file to be kept beyond its time, because: case 7.");
        steps[10].GetProperty("story").GetString().ShouldBe("The download was refused: 410 report_expired.");
        told.GetProperty("downloads").EnumerateArray().Select(d => d.GetProperty("decision"))
            .Select(d => (Answer(d, "recorded"), Answer(d, "recomputed"), d.GetProperty("agrees").GetBoolean()))
            .ShouldBe([("200 ", "200 ", true), ("410 report_expired", "410 report_expired", true)]);
        told.GetProperty("state").GetProperty("status").GetString().ShouldBe("expired");

        // The state at any place is that after the last step before it.
        foreach (var step in steps)
        {
            foreach (var place in (string[])["sequence", "recorded_at"])
            {
                var then = await auditor.GetAsync($"reports/{report}?as_of={step.GetProperty(place)}");
                then.GetProperty("state").GetRawText().ShouldBe(step.GetProperty("state").GetRawText());
                then.GetProperty("steps").EnumerateArray().Last().GetProperty("sequence").GetInt64()
                    .ShouldBe(step.GetProperty("sequence").GetInt64());
            }
        }

        // Page by page it is the same story.
        var paged = new List<long>();
        for (var next = $"reports/{report}?limit=3"; next is not null;)
        {
            var page = await auditor.GetAsync(next);
            paged.AddRange(
                page.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("sequence").GetInt64()));
            next = page.GetProperty("next").GetString() is { } url ? new Uri(url).PathAndQuery : null;
        }

        paged.ShouldBe(steps.Select(s => s.GetProperty("sequence").GetInt64()));
    }

    [Fact]
    public async Task a_download_is_told_with_the_decision_made_again_and_what_it_was_made_from()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var id = await DownloadAsync(merchant, await merchant.DownloadPathAsync("r.csv"));
        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);

        var told = await auditor.GetAsync($"downloads/{id}");

        told.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("type").GetString())
            .ShouldBe(["download.attempted.v1", "download.completed.v1"]);
        var decision = told.GetProperty("decision");
        (Answer(decision, "recorded"), Answer(decision, "recomputed")).ShouldBe(("200 ", "200 "));
        decision.GetProperty("agrees").GetBoolean().ShouldBeTrue();
        decision.GetProperty("agrees_by_events").GetBoolean().ShouldBeTrue();
        decision.GetProperty("ruling").GetString().ShouldBe("given");
        decision.GetProperty("inputs").GetProperty("token_expires_at").GetDateTimeOffset()
            .ShouldBeGreaterThan(DateTimeOffset.UtcNow);
    }

    // On an instance of its own: its ledger will say that the record was altered.
    [Fact]
    public async Task a_replay_tells_which_events_are_not_what_was_sealed()
    {
        await using var own = new ReportsApp();
        await own.InitializeAsync();
        var merchant = await own.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");
        var download = await DownloadAsync(merchant, await merchant.DownloadPathAsync("r.csv"));
        using var auditor = await AuditClient.AuditorAsync(own);
        await AuditClient.SealedAsync(own);
        async Task<IEnumerable<bool>> IntactAsync(string path) => (await auditor.GetAsync(path))
            .GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("intact").GetBoolean());
        (await IntactAsync($"reports/{given.Id}")).ShouldBe([true, true, true, true, true]);
        (await IntactAsync($"downloads/{download}")).ShouldBe([true, true]);

        await using var command = own.Database.CreateCommand(
            $"""
            begin;
            set local session_replication_role = replica;
            update events.mt_events set data = jsonb_set(data, '{"{report,report_name}"}', '"other.csv"')
            where stream_id = '{given.Id}' and type = 'report.requested.v1';
            update events.mt_events set is_archived = true where stream_id = '{given.Id}' and type = 'report.generated.v1';
            update ledger.row_hashes set recorded_at = recorded_at + interval '1 s'
            where seq_id = (select seq_id from events.mt_events where stream_id = '{download}' and version = 1);
            update ledger.leaves set leaf = sha256('another')
            where seq_id = (select seq_id from events.mt_events where stream_id = '{download}' and version = 2);
            commit
            """);
        await command.ExecuteNonQueryAsync();

        (await IntactAsync($"reports/{given.Id}")).ShouldBe([false, false, true, false, false]);
        (await IntactAsync($"downloads/{download}")).ShouldBe([false, false]);
    }

    [Theory]
    [InlineData("reports/x", HttpStatusCode.BadRequest)]
    [InlineData("reports/019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70", HttpStatusCode.NotFound)]
    [InlineData("reports/AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc", HttpStatusCode.NotFound)]
    [InlineData("reports/019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70?as_of=soon", HttpStatusCode.BadRequest)]
    [InlineData("downloads/x", HttpStatusCode.BadRequest)]
    [InlineData("downloads/019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70", HttpStatusCode.NotFound)]
    [InlineData("list?as_of=2999-01-01T00:00:00Z", HttpStatusCode.BadRequest)]
    [InlineData("list?as_of=2001-01-01T00:00:00Z", HttpStatusCode.NotFound)]
    [InlineData("list?limit=0", HttpStatusCode.BadRequest)]
    [InlineData("list?cursor=", HttpStatusCode.BadRequest)]
    public async Task what_is_not_there_or_cannot_be_meant_is_refused_and_recorded(string path, HttpStatusCode status)
    {
        var merchant = await app.MerchantAsync();
        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);

        await auditor.GetAsync(path, status);

        (await AuditClient.ReadsAsync(app, merchant.Id.ToString())).ShouldHaveSingleItem().Status.ShouldBe((int)status);
    }

    private static string Answer(JsonElement decision, string name) =>
        $"{decision.GetProperty(name).GetProperty("status")} {decision.GetProperty(name).GetProperty("code")}";

    private static async Task<Guid> DownloadAsync(TestMerchant merchant, string path)
    {
        using var client = merchant.RealClient();
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        var id = Guid.Parse(response.Headers.GetValues("Download-Id").Single());
        await merchant.EndOfAsync(id);
        return id;
    }
}
