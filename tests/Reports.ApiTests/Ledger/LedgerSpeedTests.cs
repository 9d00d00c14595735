using System.Diagnostics;
using System.Globalization;
using Reports.Audit;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// How fast a backlog is sealed. <c>REPORTS_TEST_LEDGER_BACKLOG</c> is how many events it has; the rate is written to
/// the output of the test.
/// </summary>
public sealed class LedgerSpeedTests(LedgerTemplate template, ITestOutputHelper output) : IAsyncLifetime
{
    private readonly LedgerStore _store = new(template);

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task a_backlog_is_sealed_fast()
    {
        const int LeastASecond = 2000; // on a machine that is busy with other tests; alone it is over 20,000
        var events = LedgerScale.Of("REPORTS_TEST_LEDGER_BACKLOG", 20_000);
        await _store.FillAsync(events);
        await _store.ExecuteAsync("vacuum analyze events.mt_events");
        var began = Stopwatch.GetTimestamp();
        await using var node = _store.Node(new LedgerOptions { Keys = [CheckpointSigner.Generate()] });
        await node.StartAsync();
        await Eventually.IsTrueAsync(
            async () => await _store.AskAsync<long>("select coalesce(max(size), 0) from ledger.checkpoints") == events,
            "the backlog to be sealed",
            TimeSpan.FromMinutes(5));
        var took = Stopwatch.GetElapsedTime(began);

        var rate = events / took.TotalSeconds;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{events} events were sealed in {took.TotalSeconds:0.00} s: {rate:0} a second"));
        rate.ShouldBeGreaterThan(LeastASecond);
    }
}
