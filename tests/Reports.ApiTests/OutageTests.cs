using System.Net;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
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

    private async Task<IReadOnlyList<object>?> RecordedAsync(Guid attempt) =>
        await TestMerchant.EventsAsync(_app, Tenants.Platform, attempt) is { Count: 2 } events ? events : null;
}
