using Reports.ApiTests.Ledger;
using Reports.Audit;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>Where a walk through the events ends that is bounded by instants.</summary>
public sealed class EventWalkTests(LedgerTemplate template) : IAsyncLifetime
{
    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task a_walk_up_to_an_instant_has_every_event_of_a_backlog_that_was_sealed_after_it()
    {
        await _store.AppendAsync(2);
        await SealAsync();
        await _store.AppendAsync(20);
        var to = new DateTimeOffset(await _store.AskAsync<DateTime>("select clock_timestamp()"));
        await _store.AppendAsync(5);
        await SealAsync();

        (await WalkAsync(null, to)).ShouldBe(Enumerable.Range(1, 22).Select(n => (long)n));
        (await WalkAsync(to, null)).ShouldBe(Enumerable.Range(23, 5).Select(n => (long)n));
        (await WalkAsync(null, to.AddHours(-1))).ShouldBeEmpty();
        (await WalkAsync(null, to.AddHours(1))).Count.ShouldBe(27);
    }

    [Fact]
    public async Task the_last_event_before_an_instant_is_found_without_reading_all_of_them()
    {
        await _store.AttackAsync(
            """
            insert into ledger.row_hashes (seq_id, leaf, recorded_at)
            select n, sha256(''), timestamptz '2026-01-01Z' + n * interval '1 second' from generate_series(1, 200000) n
            """);
        await _store.ExecuteAsync("analyze ledger.row_hashes");

        var plan = await _store.AskAsync<string>(
            """
            explain (format json) select max(seq_id + 0) from ledger.row_hashes
            where seq_id > 90000 and recorded_at < timestamptz '2026-01-01Z' + 90100 * interval '1 second'
            """);

        plan.ShouldContain("row_hashes_recorded_at");
    }

    private async Task SealAsync()
    {
        await using var node = _store.Node(LedgerStore.Options(_key) with { LargestBatch = 3 });
        await node.StartAsync();
        await _store.IsSealedAsync();
    }

    private async Task<List<long>> WalkAsync(DateTimeOffset? from, DateTimeOffset? to)
    {
        var filter = new EventFilter(null, null, null, [], null, from, to, 0, null);
        var (walk, _) = await EventWalk.BeginAsync(_store.Database, filter, CancellationToken.None);
        var found = new List<long>();
        while (!walk.IsOver)
        {
            await walk.ReadAsync(
                _store.Database,
                5,
                row =>
                {
                    found.Add(row.Sequence);
                    return true;
                },
                CancellationToken.None);
        }

        return found;
    }
}
