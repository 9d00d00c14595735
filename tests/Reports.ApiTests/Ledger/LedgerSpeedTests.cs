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
        await using var node = _store.Node(new LedgerOptions { Keys = [CheckpointSigner.Generate()] });
        await node.StartAsync();
        await Eventually.IsTrueAsync(
            async () => await _store.AskAsync<long>("select coalesce(max(size), 0) from ledger.checkpoints") == events,
            "the backlog to be sealed",
            TimeSpan.FromMinutes(5));
        // Between two checkpoints nothing but seals: how long a node takes to start is not asked here.
        var rate = await _store.AskAsync<double>(
            """
            select max((size - before) / extract(epoch from made_at - made_before))::float8
            from (select size, made_at, lag(size) over w before, lag(made_at) over w made_before
                  from ledger.checkpoints window w as (order by size)) c
            """);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"of {events} events, {rate:0} were sealed a second"));
        rate.ShouldBeGreaterThan(LeastASecond);
    }
}
