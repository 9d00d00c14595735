using System.Net;
using System.Security.Cryptography;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What happens while the database is away. On an instance of its own.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private readonly ReportsApp _app = new();

    public async ValueTask InitializeAsync() => await _app.InitializeAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task nothing_is_delivered_while_it_cannot_be_recorded_and_every_attempt_is_on_record_afterwards()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();
        using var anonymous = new HttpClient { BaseAddress = _app.Address };
        var attempts = new List<Guid>();

        await _app.CutDatabaseAsync();
        foreach (var caller in new[] { client, anonymous })
        {
            using var refused = await caller.GetAsync(path);
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Headers.RetryAfter.ShouldNotBeNull();
            await Problems.UnavailableAsync(refused);
            attempts.Add(Guid.Parse(refused.Headers.GetValues("Download-Id").Single()));
        }

        using var list = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        list.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        using var ready = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        ready.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        using var live = await client.GetAsync(new Uri("/health/live", UriKind.Relative));
        live.StatusCode.ShouldBe(HttpStatusCode.OK);
        await _app.RestoreDatabaseAsync();

        foreach (var attempt in attempts)
        {
            var events = await Eventually.GetAsync(() => RecordedAsync(attempt), $"attempt {attempt} to be on record");
            events[1].ShouldBeOfType<ReportDownloadFailed>().Status.ShouldBe(503);
        }

        // The node renews its lease in a round of its own; until then it begins no download.
        using var delivered = await Eventually.GetAsync(
            async () => await client.GetAsync(path) is { IsSuccessStatusCode: true } answer ? answer : null,
            "a download after the outage");
    }

    [Fact]
    public async Task a_download_during_which_every_connection_broke_has_its_end_on_record()
    {
        const int Large = 30_000_000;
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var client = merchant.RealClient();
        using var response = await client.GetAsync(
            new Uri(await merchant.DownloadPathAsync("large.csv"), UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        var attempt = Guid.Parse(response.Headers.GetValues("Download-Id").Single());

        await _app.BreakConnectionsAsync();
        (await response.Content.ReadAsByteArrayAsync()).Length.ShouldBe(Large);

        (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloaded>().BytesSent.ShouldBe(Large);
    }

    [Fact]
    public async Task an_attempt_that_meets_a_broken_connection_is_answered_and_recorded()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();

        for (var i = 0; i < 5; i++)
        {
            await _app.BreakConnectionsAsync();
            using var response = await client.GetAsync(path);

            response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable);
            var attempt = Guid.Parse(response.Headers.GetValues("Download-Id").Single());
            await Eventually.GetAsync(
                async () => await RecordedAsync(attempt)
                    ?? (await merchant.EventsAsync(attempt) is { Count: 2 } events ? events : null),
                $"attempt {attempt} to be on record");
        }
    }

    [Fact]
    public async Task reports_whose_messages_meet_an_outage_are_finished_after_it()
    {
        const int Reports = 80;
        var merchant = await _app.MerchantAsync();

        // All at once: one after the other, they would be finished as fast as they are asked for.
        await Task.WhenAll(Enumerable.Range(0, Reports).Select(i => _app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1).AddDays(i)),
            default)));

        await _app.CutDatabaseAsync();

        // Each node fails to renew its lease a few times a second: so many lines are an outage of some seconds.
        await Eventually.GetAsync(
            () => Task.FromResult(_app.Log.Lines.Count(l => l.Contains("could not renew")) > 30 ? "seen" : null),
            "the outage to last");
        await _app.RestoreDatabaseAsync();

        (await FinishedAsync(merchant)).ShouldBeLessThan(Reports, "the outage came too late to meet a message");
        await Eventually.GetAsync(
            async () => await FinishedAsync(merchant) == Reports ? "all" : null, "every report to be finished");
    }

    private async Task<long> FinishedAsync(TestMerchant merchant)
    {
        await using var command = _app.Database.CreateCommand(
            "select count(*) from reports.report_requests where status = 'finished' and merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<IReadOnlyList<object>?> RecordedAsync(Guid attempt) =>
        await TestMerchant.EventsAsync(_app, Tenants.Platform, attempt) is { Count: 2 } events ? events : null;
}
