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

        using var delivered = await client.GetAsync(path);
        delivered.StatusCode.ShouldBe(HttpStatusCode.OK);
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
    public async Task a_report_whose_messages_meet_an_outage_is_finished_after_it()
    {
        var merchant = await _app.MerchantAsync();
        var report = await _app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1)),
            default);

        await _app.CutDatabaseAsync();
        await Eventually.GetAsync(
            () => Task.FromResult(_app.Log.Lines.Any(l => l.Contains("currently accepting connections")) ? "seen" : null),
            "the outage to be noticed");
        await _app.RestoreDatabaseAsync();

        var events = await Eventually.GetAsync(
            async () => await merchant.EventsAsync(report) is { Count: 3 } all ? all : null, "the report to be finished");
        events[^1].ShouldBeOfType<ReportFinished>();
    }

    private async Task<IReadOnlyList<object>?> RecordedAsync(Guid attempt) =>
        await TestMerchant.EventsAsync(_app, Tenants.Platform, attempt) is { Count: 2 } events ? events : null;
}
