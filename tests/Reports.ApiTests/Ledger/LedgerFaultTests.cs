using Microsoft.Extensions.Diagnostics.HealthChecks;
using Reports.Audit;
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
        await IsLoggedAsync($"{verdict} at sequence {sequence}:");
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
        await HasFaultsAsync("found INSERTED 7");
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
        await IsLoggedAsync($"INSERTED at sequence {number}:");

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

    // What is consistent in itself, and only not what was sealed: event, row hash and leaf are changed together, and of
    // the last also the node over them. It is found by the tree.
    [Theory]
    [InlineData(5, false, 0)]
    [InlineData(300, false, 256)]
    [InlineData(300, true, 0)]
    public async Task an_event_that_is_changed_with_its_hash_and_its_leaf_is_found(int events, bool withNode, long sequence)
    {
        await _store.AppendAsync(events);
        await using (await NodeAsync())
        {
            await _store.IsSealedAsync();
        }

        await _store.AttackAsync(
            """
            update events.mt_events set user_name = 'x' where seq_id = 3;
            update ledger.row_hashes h set leaf = ledger.leaf(e, h.recorded_at) from events.mt_events e where e.seq_id = 3 and h.seq_id = 3;
            update ledger.leaves l set leaf = h.leaf from ledger.row_hashes h where h.seq_id = 3 and l.seq_id = 3
            """);
        if (withNode)
        {
            var leaves = await _store.AskAsync<byte[][]>(
                "select array_agg(leaf order by idx) from ledger.leaves where idx < 256");
            var edge = new TreeEdge();
            foreach (var leaf in leaves)
            {
                edge.Append(leaf);
            }

            await _store.AttackAsync(
                $"update ledger.nodes set hash = decode('{Convert.ToHexString(edge.Root())}', 'hex') where level = 8 and idx = 0");
        }

        await using var node = await NodeAsync();
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count > 0), "the sweep to find it");
        node.State.Findings.Select(f => (f.Verdict, f.Sequence)).ShouldBe([(LedgerVerdict.Fork, sequence)]);
        await _store.AppendAsync();
        await _store.IsSealedAsync();
    }

    [Theory]
    [InlineData("update events.mt_events set is_archived = true where seq_id = 3", "marked as archived")]
    [InlineData("update events.mt_events set bdata = 'x' where seq_id = 3", "binary data")]
    [InlineData("update ledger.row_hashes set leaf = sha256('') where seq_id = 3", "the hash of a sealed event's row")]
    [InlineData("update ledger.row_hashes set recorded_at = now() where seq_id = 3", "is not what it was")]
    public async Task what_no_leaf_shows_of_a_sealed_event_is_found_too(string attack, string cause)
    {
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        await _store.AttackAsync(attack);

        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count > 0), "the sweep to find it");
        var found = node.State.Findings.ShouldHaveSingleItem();
        (found.Verdict, found.Sequence).ShouldBe((LedgerVerdict.Modified, 3));
        found.Cause.ShouldContain(cause);
    }

    // Whoever may change a row may change what the database says of it, too.
    [Theory]
    [InlineData(
        "update events.mt_events set user_name = 'x' where seq_id = 3",
        """
        create or replace function ledger.leaf(e events.mt_events, recorded_at timestamptz) returns bytea
            language sql stable return (select h.leaf from ledger.row_hashes h where h.seq_id = e.seq_id)
        """)]
    [InlineData(
        """update events.mt_events set data = data || '{"amount": 9}' where seq_id = 3""",
        """
        create or replace function ledger.shown(type text, data jsonb) returns jsonb
            language sql stable return '{"amount": 1.50, "text": "é"}'::jsonb
        """)]
    public async Task an_event_is_found_changed_though_the_functions_of_the_ledger_were_replaced(
        string attack, string function)
    {
        await _store.AppendAsync(5);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();

        await _store.AttackAsync($"{function}; {attack}");

        await HasFaultsAsync("found MODIFIED 3");
    }

    [Fact]
    public async Task a_whole_event_whose_keys_are_hidden_is_as_it_was_until_a_key_is_changed()
    {
        await _store.AppendAsync(5);
        await _store.ExecuteAsync(
            """
            alter table events.mt_events disable trigger refuse_change;
            update events.mt_events set data = '{"z": 1, "storage_key": "k"}' where seq_id = 3;
            alter table events.mt_events enable trigger refuse_change;
            alter table ledger.row_hashes disable trigger refuse_change;
            update ledger.row_hashes h set leaf = ledger.leaf(e, h.recorded_at)
            from events.mt_events e where e.seq_id = h.seq_id and h.seq_id = 3;
            alter table ledger.row_hashes enable trigger refuse_change
            """);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();
        await _store.AttackAsync("update events.mt_events set is_archived = true where seq_id = 4");
        await HasFaultsAsync("found MODIFIED 4");

        await _store.AttackAsync("""update events.mt_events set data = data || '{"storage_key": "l"}' where seq_id = 3""");

        await HasFaultsAsync("found MODIFIED 3", "found MODIFIED 4");
    }

    [Theory]
    [InlineData("alter table events.mt_events disable trigger record_row", "record_row of events.mt_events")]
    [InlineData("drop trigger leave_gap on events.mt_events", "leave_gap of events.mt_events")]
    [InlineData("alter table ledger.leaves enable replica trigger refuse_truncate", "refuse_truncate of ledger.leaves")]
    [InlineData("drop trigger refuse_change on events.mt_streams", "refuse_change of events.mt_streams")]
    [InlineData(
        """
        create or replace trigger refuse_change before update on ledger.keys
            for each row execute function ledger.refuse_change()
        """,
        "refuse_change of ledger.keys")]
    public async Task a_trigger_that_is_off_or_gone_is_found(string attack, string trigger)
    {
        await using var node = await NodeAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();

        await _store.ExecuteAsync(attack);

        await HasFaultsAsync("found NO_TRIGGER 0");
        node.State.Findings.ShouldHaveSingleItem().Cause.ShouldContain($": {trigger} is off");
        _store.Log.Lines.ShouldContain(line => line.Contains("NO_TRIGGER") && line.Contains(trigger));
        var check = new LedgerCheck(node.State);
        (await check.CheckHealthAsync(new() { Registration = new("ledger", check, HealthStatus.Degraded, []) }))
            .Description.ShouldNotBeNull().ShouldContain(trigger);
    }

    [Fact]
    public async Task a_row_among_the_keys_that_is_no_key_is_found()
    {
        await using var node = await NodeAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();

        await _store.AttackAsync("insert into ledger.keys (id, pem) values ('junk', 'junk')");

        await HasFaultsAsync("found BAD_SIGNATURE 0");
        node.State.Findings.ShouldHaveSingleItem().Cause.ShouldContain("the row junk of the ledger's keys");
    }

    [Fact]
    public async Task a_whole_store_is_gone_round_and_nothing_is_found_in_it()
    {
        await _store.FillAsync(1000);
        await using var node = await NodeAsync();
        await _store.IsSealedAsync();
        await _store.AttackAsync("update ledger.nodes set hash = sha256('') where idx = 2");

        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.Findings.Count == 2), "the sweep to find it");
        node.State.Findings.Select(f => (f.Verdict, f.Sequence))
            .ShouldBe([(LedgerVerdict.Fork, 0), (LedgerVerdict.Fork, 768)]);
    }

    [Fact]
    public async Task what_is_wrong_is_known_to_whoever_comes_later_and_its_end_is_on_record_too()
    {
        await _store.AppendAsync(5);
        await using (await NodeAsync())
        {
            await _store.IsSealedAsync();
            await _store.AttackAsync("update events.mt_events set user_name = 'x' where seq_id = 3");
            await HasFaultsAsync("found MODIFIED 3");
            await _store.AppendAsync(2);
            await _store.IsSealedAsync();
        }

        await HasFaultsAsync("found MODIFIED 3");
        await using (await NodeAsync())
        {
            await _store.AttackAsync("update events.mt_events set user_name = 'somebody' where seq_id = 3");
            await HasFaultsAsync();
            await _store.AttackAsync("update ledger.checkpoints set note = 'x'");
            await _store.AppendAsync();
            await HasFaultsAsync("found BAD_SIGNATURE 0", "stopped BAD_SIGNATURE 7");
        }

        (await _store.AskAsync<long>("select count(*) from ledger.faults where ends is not null and kind = 'found'")).ShouldBe(1);
    }

    [Fact]
    public async Task a_look_at_what_is_sealed_that_fails_is_tried_again_and_sealing_goes_on()
    {
        await using var node = await NodeAsync();
        await _store.AppendAsync(3);
        await _store.IsSealedAsync();
        await _store.ExecuteAsync("alter table ledger.nodes rename to nodes_that_are_gone");
        await _store.AttackAsync("update events.mt_events set is_archived = true where seq_id = 2");
        await Eventually.IsTrueAsync(
            () => Task.FromResult(_store.Log.Lines.Count(l => l.Contains("could not be looked through")) > 2),
            "several looks to fail");

        node.State.IsSealing.ShouldBeTrue();
        _store.Log.Lines.Count(l => l.Contains("This node seals the ledger")).ShouldBe(1);
        await _store.ExecuteAsync("alter table ledger.nodes_that_are_gone rename to nodes");
        await HasFaultsAsync("found MODIFIED 2");
        await _store.AppendAsync();
        await _store.IsSealedAsync();
        _store.Log.Lines.Count(l => l.Contains("This node seals the ledger")).ShouldBe(1);
    }

    [Fact]
    public async Task a_time_in_which_events_waited_too_long_is_one_outage_however_many_checkpoints_end_it()
    {
        var options = LedgerStore.Options(_key) with { LongestWait = TimeSpan.FromMinutes(1), LargestBatch = 3 };
        await SealAsync();
        (await _store.AskAsync<long>("select count(*) from ledger.outages")).ShouldBe(0);
        await _store.AppendAsync(10);
        await _store.AttackAsync(
            """
            update ledger.keys set first_used = first_used - interval '1 hour';
            update ledger.row_hashes h
            set recorded_at = h.recorded_at - interval '10 min', leaf = ledger.leaf(e, h.recorded_at - interval '10 min')
            from events.mt_events e where e.seq_id = h.seq_id and h.seq_id > 1
            """);
        await _store.AppendAsync(10);
        await SealAsync();
        await SealAsync();

        (await _store.AskAsync<long>("select count(*) from ledger.outages")).ShouldBe(1);
        (await _store.AskAsync<bool>(
            """
            select o.cause = 'delayed' and o.ended - o.began between '10 min' and '12 min'
                and o.began = (select recorded_at from ledger.row_hashes where seq_id = 2)
                and o.ended = (select max(made_at) from ledger.checkpoints where made_at - oldest > '1 min')
            from ledger.outages o
            """)).ShouldBeTrue();

        async Task SealAsync()
        {
            await using var node = _store.Node(options);
            await node.StartAsync();
            await _store.AppendAsync();
            await _store.IsSealedAsync();
        }
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

    [Fact]
    public async Task an_idle_sealer_notices_that_the_end_of_the_ledger_is_gone_and_its_numbers_are_drawn_again()
    {
        await using var node = await NodeAsync();
        await _store.AppendAsync(5);
        await _store.IsSealedAsync();
        await _store.AppendAsync(5);
        await _store.IsSealedAsync();

        await _store.AttackAsync(
            """
            delete from ledger.checkpoints where size > 5; delete from ledger.leaves where idx >= 5;
            delete from ledger.row_hashes where seq_id > 5; delete from events.mt_events where seq_id > 5;
            select setval('events.mt_events_sequence', 5)
            """);

        var fault = await FaultAsync(node);
        fault.Verdict.ShouldBe(LedgerVerdict.Truncated);
        fault.Sequence.ShouldBe(10);
    }

    private CheckpointKey Key
    {
        get
        {
            using var signer = new CheckpointSigner(_key);
            return signer.Key;
        }
    }

    // Those that have not ended, as every node reads them.
    private Task HasFaultsAsync(params string[] faults) => Eventually.IsTrueAsync(
        async () => (await _store.AskAsync<string[]>(
            $"select coalesce(array_agg(concat_ws(' ', kind, verdict, sequence)), '{{}}') from ({LedgerFaults.Open}) f"))
            .Order(StringComparer.Ordinal).SequenceEqual(faults),
        $"the faults to be: {string.Join(", ", faults)}");

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

    // The state tells before the log does.
    private Task IsLoggedAsync(string text) => Eventually.IsTrueAsync(
        () => Task.FromResult(_store.Log.Lines.Any(line => line.Contains(text))), $"the log to say {text}");

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
