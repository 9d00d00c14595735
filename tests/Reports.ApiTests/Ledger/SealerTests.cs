using System.Collections.Concurrent;
using Npgsql;
using Reports.Audit;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>What the sealer does with events that are as they should be.</summary>
public sealed class SealerTests(LedgerTemplate template) : IAsyncLifetime
{
    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();

    private CheckpointKey Key => Public(_key);

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task an_event_is_sealed_within_two_seconds_while_others_are_appended()
    {
        const int Writers = 4;
        const int Each = 150;

        // The intervals are those of the service.
        await using var node = _store.Node(new LedgerOptions { Keys = [_key] });
        await node.StartAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < Each; i++)
            {
                await _store.AppendAsync();
            }
        })));
        await _store.IsSealedAsync();

        (await UsualAsync()).ShouldBeLessThan(TimeSpan.FromSeconds(2));
        await _store.IsWholeAsync(Key);
    }

    [Fact]
    public async Task transactions_that_roll_back_leave_gaps_and_no_finding()
    {
        await using var node = _store.Node(LedgerStore.Options(_key));
        await node.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++)
            {
                await using var connection = await _store.Database.OpenConnectionAsync();
                await using var transaction = await connection.BeginTransactionAsync();
                await LedgerStore.AppendAsync(connection, 3);
                if ((i + writer) % 3 != 0)
                {
                    await transaction.CommitAsync();
                }
            }
        })));
        await _store.IsSealedAsync();

        (await _store.AskAsync<bool>(
            "select (select max(seq_id) from ledger.leaves) > (select count(*) from ledger.leaves)")).ShouldBeTrue();
        node.State.Fault.ShouldBeNull();
        await _store.IsWholeAsync(Key);
    }

    [Fact]
    public async Task a_transaction_that_holds_a_number_delays_the_later_ones_and_is_not_left_out()
    {
        await using var node = _store.Node(LedgerStore.Options(_key));
        await node.StartAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();

        // It has drawn a number and written nothing yet: that is between two statements of the function that appends.
        await using var connection = await _store.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var draw = new NpgsqlCommand("select nextval('events.mt_events_sequence')", connection, transaction);
        var number = (long)(await draw.ExecuteScalarAsync())!;
        await _store.AppendAsync(5);
        await LoopsAsync(node);
        (await _store.AskAsync<long>("select max(seq_id) from ledger.leaves")).ShouldBeLessThan(number);

        await using var insert = new NpgsqlCommand(
            $"""
            with stream as (
                insert into events.mt_streams (tenant_id, id, type, version)
                values ('platform', gen_random_uuid(), 'x', 1) returning id)
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, is_archived)
            select {number}, gen_random_uuid(), id, 1, '1', 'test.happened.v1', now(), 'platform', false from stream
            """,
            connection,
            transaction);
        await insert.ExecuteNonQueryAsync();
        await LoopsAsync(node);
        (await _store.AskAsync<long>("select max(seq_id) from ledger.leaves")).ShouldBeLessThan(number);

        await transaction.CommitAsync();
        await _store.IsSealedAsync();
        await _store.IsWholeAsync(Key);
        (await _store.AskAsync<long>("select count(*) from ledger.leaves where is_late")).ShouldBe(0);
    }

    [Fact]
    public async Task another_node_goes_on_when_the_connection_is_cut_and_when_the_node_stops()
    {
        var options = LedgerStore.Options(_key);
        var nodes = new ConcurrentQueue<LedgerNode>([_store.Node(options), _store.Node(options), _store.Node(options)]);
        foreach (var node in nodes)
        {
            await node.StartAsync();
        }

        for (var i = 0; i < 10; i++)
        {
            await _store.AppendAsync(3);
            await _store.ExecuteAsync(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where application_name like 'sealer-%' and datname = current_database()
                """);
            await _store.AppendAsync(3);
            await _store.IsSealedAsync();
        }

        while (nodes.TryDequeue(out var node))
        {
            await _store.AppendAsync(3);
            await _store.IsSealedAsync();
            await node.DisposeAsync();
        }

        await _store.IsWholeAsync(Key);
    }

    [Fact]
    public async Task events_from_before_the_ledger_are_sealed_too()
    {
        await _store.AttackAsync("drop schema ledger cascade");
        await _store.ExecuteAsync("select nextval('events.mt_events_sequence')");
        await _store.FillAsync(1000);
        await _store.ApplySchemaAsync();

        await using var node = _store.Node(LedgerStore.Options(_key) with { LargestBatch = 300 });
        await node.StartAsync();
        await _store.IsSealedAsync();

        await _store.IsWholeAsync(Key);
        (await _store.AskAsync<long>("select count(*) from ledger.checkpoints")).ShouldBe(4);
        (await _store.AskAsync<long>("select count(*) from ledger.nodes where level = 8")).ShouldBe(3);
    }

    [Fact]
    public async Task keys_change_without_a_break()
    {
        var second = CheckpointSigner.Generate();
        await SealAsync(LedgerStore.Options(_key));
        await SealAsync(LedgerStore.Options(_key, second));
        await SealAsync(LedgerStore.Options(second));

        // Whoever has one of the keys can go from note to note: each names the keys of all that signed it.
        await _store.IsWholeAsync(Key, Public(second));
        var notes = await _store.AskAsync<string[]>("select array_agg(note order by size) from ledger.checkpoints");
        var checkpoints = notes.Select(note => SignedCheckpoint.Parse(note)!).ToList();
        checkpoints.Select(c => c.Signatures.Count).ShouldBe([1, 2, 1]);
        checkpoints[0].IsSignedBy([Key]).ShouldBeTrue();
        checkpoints[1].IsSignedBy([Key]).ShouldBeTrue();
        checkpoints[1].Checkpoint.Keys.ShouldContain(Public(second).Id);
        checkpoints[2].IsSignedBy([Public(second)]).ShouldBeTrue();
        checkpoints[2].IsSignedBy([Key]).ShouldBeFalse();
        (await _store.AskAsync<long>("select count(*) from ledger.keys")).ShouldBe(2);
    }

    [Fact]
    public async Task a_key_that_is_lost_is_believed_when_it_is_configured_as_a_former_one()
    {
        var second = CheckpointSigner.Generate();
        await SealAsync(LedgerStore.Options(_key));

        using var lost = new CheckpointSigner(_key);
        await SealAsync(LedgerStore.Options(second) with { FormerKeys = [PublicInfo(lost.Key)] });

        await _store.IsWholeAsync(Key, Public(second));
    }

    private static byte[] PublicInfo(CheckpointKey key)
    {
        using var ec = System.Security.Cryptography.ECDsa.Create();
        ec.ImportFromPem(key.ToPem());
        return ec.ExportSubjectPublicKeyInfo();
    }

    private static CheckpointKey Public(byte[] key)
    {
        using var signer = new CheckpointSigner(key);
        return signer.Key;
    }

    private async Task SealAsync(LedgerOptions options)
    {
        await using var node = _store.Node(options);
        await node.StartAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();
    }

    // The sealer has looked again since now, and more than once.
    private static async Task LoopsAsync(LedgerNode node)
    {
        var before = node.State.Rounds;
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Rounds > before + 5), "the sealer to look again");
    }

    // Not the longest wait: a machine that does other work may stand still for longer than that.
    private Task<TimeSpan> UsualAsync() => _store.AskAsync<TimeSpan>(
        """
        select percentile_cont(0.5) within group (order by c.made_at - h.recorded_at)
        from ledger.leaves l join ledger.row_hashes h using (seq_id)
        cross join lateral (select made_at from ledger.checkpoints where size > l.idx order by size limit 1) c
        """);
}
