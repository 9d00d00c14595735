using Reports.Audit.Sealing;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>What stops the sealer, and what lets it go on.</summary>
public sealed class LedgerFaultTests(LedgerTemplate template) : IAsyncLifetime
{
    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    // Each is done to the third of five events that are not sealed yet.
    public static TheoryData<string, string, string> Unsealed() => new()
    {
        {
            "MODIFIED",
            """update events.mt_events set data = data || '{"amount": 9}' where seq_id = @""",
            """update events.mt_events set data = data || '{"amount": 1.50}' where seq_id = @"""
        },
        {
            "MODIFIED",
            "update events.mt_events set tenant_id = 'other' where seq_id = @",
            "update events.mt_events set tenant_id = 'platform' where seq_id = @"
        },
        {
            "MODIFIED",
            "update events.mt_events set is_archived = true where seq_id = @",
            "update events.mt_events set is_archived = false where seq_id = @"
        },
        {
            "MISSING",
            "create table gone as select * from events.mt_events where seq_id = @; delete from events.mt_events where seq_id = @",
            "insert into events.mt_events select * from gone"
        },
        {
            "INSERTED",
            "create table gone as select * from ledger.row_hashes where seq_id = @; delete from ledger.row_hashes where seq_id = @",
            "insert into ledger.row_hashes select * from gone"
        },
    };

    [Theory]
    [MemberData(nameof(Unsealed))]
    public async Task a_wrong_event_stops_the_ledger_which_names_it_and_goes_on_when_it_is_repaired(
        string verdict, string attack, string repair)
    {
        await _store.AppendAsync(5);
        var sequence = await _store.AskAsync<long>("select min(seq_id) + 2 from events.mt_events");
        await _store.AttackAsync(At(attack, sequence));
        await using var node = await NodeAsync();

        var fault = await FaultAsync(node);
        LedgerFaultException.Word(fault.Verdict).ShouldBe(verdict);
        fault.Sequence.ShouldBe(sequence);
        _store.Log.Lines.ShouldContain(line => line.Contains($"{verdict} at sequence {sequence}:"));
        (await _store.AskAsync<long>("select count(*) from ledger.leaves")).ShouldBe(2);

        await _store.AttackAsync(At(repair, sequence));
        await _store.IsSealedAsync();
        await _store.IsWholeAsync(Key);
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Fault is null), "the fault to be over");
    }

    [Fact]
    public async Task what_comes_late_is_sealed_late_with_an_alarm()
    {
        await _store.ExecuteAsync("select setval('events.mt_events_sequence', 10)");
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        await InsertAsync(7);
        await _store.IsSealedAsync();

        (await _store.AskAsync<long>("select seq_id from ledger.leaves where is_late")).ShouldBe(7);
        (await _store.AskAsync<long>("select idx from ledger.leaves where is_late")).ShouldBe(5);
        await _store.IsWholeAsync(Key);
        _store.Log.Lines.ShouldContain(line => line.Contains("came late, from sequence 7 on"));
    }

    [Fact]
    public async Task what_is_put_in_among_sealed_events_without_a_hash_stops_the_ledger()
    {
        await _store.ExecuteAsync("select setval('events.mt_events_sequence', 10)");
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        await InsertAsync(7, isAttack: true);
        var fault = await FaultAsync(node);

        fault.Verdict.ShouldBe(LedgerVerdict.Inserted);
        fault.Sequence.ShouldBe(7);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(1000)]
    public async Task a_number_that_was_not_drawn_is_refused_and_found_where_the_trigger_was_off(long number)
    {
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        var refused = await Should.ThrowAsync<Npgsql.PostgresException>(() => InsertAsync(number));
        refused.MessageText.ShouldContain($"the number {number} of the event was not drawn");

        await InsertAsync(number, isAttack: true);
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count > 0), "the sweep to find it");
        node.State.Findings.Select(f => (f.Verdict, f.Sequence)).ShouldBe([(LedgerVerdict.Inserted, number)]);
        _store.Log.Lines.ShouldContain(line => line.Contains($"INSERTED at sequence {number}:"));

        await _store.AttackAsync($"delete from events.mt_events where seq_id = {number}");
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count == 0), "the finding to be over");
    }

    [Theory]
    [InlineData("delete from events.mt_events where seq_id = 3", "MISSING")]
    [InlineData("update events.mt_events set user_name = 'x' where seq_id = 3", "MODIFIED")]
    public async Task a_sealed_event_that_is_changed_is_found_and_sealing_goes_on(string attack, string verdict)
    {
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        await _store.AttackAsync(attack);
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count > 0), "the sweep to find it");
        node.State.Findings.Select(f => (LedgerFaultException.Word(f.Verdict), f.Sequence)).ShouldBe([(verdict, 3)]);

        await _store.AppendAsync();
        await _store.IsSealedAsync();
    }

    // Each is done to a ledger of five events, while nobody seals.
    public static TheoryData<string, string> Heads() => new()
    {
        { "BAD_SIGNATURE", "update ledger.checkpoints set note = replace(note, 'sequence 5', 'sequence 6')" },
        { "BAD_SIGNATURE", "update ledger.checkpoints set note = 'nothing'" },
        { "FORK", "update ledger.checkpoints set edge = edge || edge" },
        { "FORK", "update ledger.checkpoints set root = sha256('')" },
        { "FORK", "update ledger.checkpoints set last_seq = 4" },
        { "FORK", "insert into ledger.leaves select 5, 99, leaf from ledger.leaves where idx = 4" },
        { "TRUNCATED", "delete from ledger.leaves where idx = 4" },
        { "TRUNCATED", "delete from ledger.checkpoints" },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public async Task a_ledger_whose_head_was_changed_is_not_added_to(string verdict, string attack)
    {
        await _store.AppendAsync(5);
        await using (await NodeAsync())
        {
            await _store.IsSealedAsync();
        }

        await _store.AttackAsync(attack);
        await using var node = await NodeAsync();

        LedgerFaultException.Word((await FaultAsync(node)).Verdict).ShouldBe(verdict);
    }

    [Fact]
    public async Task a_head_that_is_signed_by_another_key_is_not_added_to()
    {
        await _store.AppendAsync(5);
        await using (var other = _store.Node(LedgerStore.Options(CheckpointSigner.Generate())))
        {
            await other.StartAsync();
            await _store.IsSealedAsync();
        }

        await using var node = await NodeAsync();

        (await FaultAsync(node)).Verdict.ShouldBe(LedgerVerdict.BadSignature);
    }

    [Fact]
    public async Task a_sealer_at_work_notices_that_the_end_of_the_ledger_is_gone()
    {
        await using var node = await NodeAsync();
        await _store.AppendAsync(5);
        await _store.IsSealedAsync();
        await _store.AppendAsync(5);
        await _store.IsSealedAsync();

        await _store.AttackAsync(
            """
            delete from ledger.checkpoints where size > 5; delete from ledger.leaves where idx >= 5;
            delete from ledger.row_hashes where seq_id > 5; delete from events.mt_events where seq_id > 5
            """);
        await _store.AppendAsync();

        // First the newest checkpoint is not the one that was read before; then it is too small.
        await Eventually.IsTrueAsync(
            () => Task.FromResult(node.State.Fault?.Verdict == LedgerVerdict.Truncated), "the loss to be noticed");
        (await _store.AskAsync<long>("select count(*) from ledger.leaves")).ShouldBe(5);
    }

    private CheckpointKey Key
    {
        get
        {
            using var signer = new CheckpointSigner(_key);
            return signer.Key;
        }
    }

    private static string At(string sql, long sequence) =>
        sql.Replace("@", sequence.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private async Task<LedgerNode> NodeAsync()
    {
        var node = _store.Node(LedgerStore.Options(_key) with { SweepInterval = TimeSpan.FromMilliseconds(50) });
        await node.StartAsync();
        return node;
    }

    private static async Task<LedgerFaultException> FaultAsync(LedgerNode node) =>
        await Eventually.GetAsync(() => Task.FromResult(node.State.Fault), "the ledger to stop");

    private async Task InsertAsync(long sequence, bool isAttack = false)
    {
        var sql = $"""
            with stream as (
                insert into events.mt_streams (tenant_id, id, type, version)
                values ('platform', gen_random_uuid(), 'x', 1) returning id)
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, is_archived)
            select {sequence}, gen_random_uuid(), id, 1, '1', 'test.happened.v1', now(), 'platform', false from stream
            """;
        await (isAttack ? _store.AttackAsync(sql) : _store.ExecuteAsync(sql));
    }
}
