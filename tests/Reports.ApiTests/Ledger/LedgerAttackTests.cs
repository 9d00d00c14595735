using Npgsql;
using Reports.Audit;
using Reports.Audit.Sealing;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// What somebody can do who may do anything in the database but has no key: at random places of a sealed store, each
/// attack in a transaction that is rolled back, found by the verifier on an export from that transaction. How many
/// places a class has is <c>REPORTS_TEST_LEDGER_ATTACKS</c>, how many events the store <c>REPORTS_TEST_LEDGER_EVENTS</c>.
/// </summary>
public sealed class LedgerAttackTests(SealedStore store) : IClassFixture<SealedStore>
{
    // Attacks on single events are made at so many places at once, and each must be named.
    private const int Together = 10;

    private static readonly int Places = LedgerScale.Of("REPORTS_TEST_LEDGER_ATTACKS", 15);

    private static readonly string[] Edits =
    [
        """data = data || '{"pad": "y"}'""", "data = data - 'amount'", "data = jsonb_set(data, '{amount}', '1.5')",
        "data = '{}'", "id = gen_random_uuid()", "stream_id = gen_random_uuid()", "version = version + 1000",
        "type = 'download.refused.v1'", "tenant_id = 'other'", "timestamp = timestamp + interval '1 microsecond'",
        "user_name = null", "user_name = 'operator'", "correlation_id = null", "correlation_id = upper(correlation_id) || '-'",
        "causation_id = ''", "headers = null", """headers = headers || '{"request_id": "x"}'""", "headers = '{}'",
    ];

    private static readonly string[] Shifts =
        ["+ interval '1 microsecond'", "- interval '1 year'", "+ interval '200000 years'"];

    [Fact]
    public async Task what_is_not_attacked_is_ok()
    {
        await using var attack = await store.AttackAsync("select 1");

        var verification = attack.Verify();

        verification.Line().ShouldBe("OK");
        (verification.Events, verification.Leaves).ShouldBe((store.Sequences.Count, store.Sequences.Count));
        (await attack.SweepAsync()).ShouldBeEmpty();
    }

    [Fact]
    public Task an_edited_event_is_modified() => EachAsync(
        Verdict.Modified, (sequence, random) => $"update events.mt_events set {Edits[random.Next(Edits.Length)]} where seq_id = {sequence}");

    [Fact]
    public Task an_event_that_is_said_to_be_recorded_at_another_time_is_modified() => EachAsync(
        Verdict.Modified,
        (sequence, random) =>
            $"update ledger.row_hashes set recorded_at = recorded_at {Shifts[random.Next(Shifts.Length)]} where seq_id = {sequence}");

    [Fact]
    public Task a_deleted_event_is_missing() => EachAsync(
        Verdict.Missing, (sequence, _) => $"delete from events.mt_events where seq_id = {sequence}");

    [Fact]
    public Task an_event_that_is_deleted_with_its_hash_is_missing() => EachAsync(
        Verdict.Missing,
        (sequence, _) => $"delete from events.mt_events where seq_id = {sequence}; delete from ledger.row_hashes where seq_id = {sequence}");

    [Fact]
    public async Task an_event_in_a_gap_is_inserted()
    {
        for (var (done, random) = (0, new Random(3)); done < Places; done += Together)
        {
            var gaps = Pick(store.Gaps, random);
            var copy = string.Join(';', gaps.Select(gap => $"""
                insert into events.mt_events (
                    seq_id, id, stream_id, version, data, type, timestamp, tenant_id, headers, user_name, is_archived)
                select {gap}, gen_random_uuid(), gen_random_uuid(), 1, data, type, timestamp, tenant_id, headers, user_name, false
                from events.mt_events where seq_id = {store.Sequences[random.Next(store.Sequences.Count)]}
                """));

            // With the hash that insertion takes, and without.
            var hashes = random.Next(2) == 0 ? "" : """
                ;insert into ledger.row_hashes (seq_id, leaf, recorded_at)
                select e.seq_id, ledger.leaf(e, now()), now() from events.mt_events e
                where not exists (select from ledger.row_hashes h where h.seq_id = e.seq_id)
                """;
            await using var attack = await store.AttackAsync(copy + hashes);

            attack.Verify().Verdict.ShouldBe(Verdict.Inserted);
            attack.Findings.Select(f => (f.Verdict, f.Sequence!.Value)).Order()
                .ShouldBe(gaps.Select(g => (Verdict.Inserted, g)).Order());
            (await attack.SweepAsync()).ShouldBe(gaps.Order());
        }
    }

    [Fact]
    public async Task events_that_change_places_are_reordered()
    {
        for (var (done, random) = (0, new Random(4)); done < Places; done += Together)
        {
            var places = Pick(store.Sequences, random);
            var swaps = string.Join(';', places.Chunk(2).Select(pair => $"""
                update events.mt_events set seq_id = -seq_id where seq_id in ({pair[0]}, {pair[1]});
                update events.mt_events set seq_id = case when seq_id = -{pair[0]} then {pair[1]} else {pair[0]} end
                where seq_id in (-{pair[0]}, -{pair[1]})
                """));
            await using var attack = await store.AttackAsync(swaps);

            attack.Verify().Verdict.ShouldBe(Verdict.Reordered);
            attack.Findings.Select(f => (f.Verdict, f.Sequence!.Value)).Order()
                .ShouldBe(places.Select(p => (Verdict.Reordered, p)).Order());
            (await attack.SweepAsync()).ShouldBe(places.Order());
        }
    }

    [Fact]
    public async Task an_archived_event_is_modified()
    {
        for (var (done, random) = (0, new Random(6)); done < Places; done += Together)
        {
            var places = Pick(store.Sequences, random);
            await using var attack = await store.AttackAsync(
                $"update events.mt_events set is_archived = true where seq_id in ({string.Join(',', places)})");

            attack.Verify().Verdict.ShouldBe(Verdict.Modified);
            attack.Findings.Select(f => f.Sequence!.Value).Order().ShouldBe(places.Order());
            (await attack.SweepAsync()).ShouldBe(places.Order());
        }
    }

    [Fact]
    public Task a_tail_that_is_dropped_with_its_checkpoints_is_truncated_to_whoever_holds_one() => TailsAsync(
        (size, _) => Drop(size),
        store.Newest,
        (attack, _) => attack.Findings.Select(f => f.Verdict).Distinct().ShouldBe([Verdict.Truncated]));

    [Fact]
    public Task a_leaf_that_is_rewritten_for_an_edited_event_forks_the_tree() => EveryAsync(
        Verdict.Fork,
        (sequence, random) => $"""
        update events.mt_events set {Edits[random.Next(4)]} where seq_id = {sequence};
        update ledger.leaves l set leaf = ledger.leaf(e, h.recorded_at)
        from events.mt_events e join ledger.row_hashes h using (seq_id) where e.seq_id = l.seq_id and l.seq_id = {sequence}
        """);

    [Fact]
    public async Task a_tree_that_is_rebuilt_and_signed_by_another_key_has_bad_signatures()
    {
        var key = CheckpointSigner.Generate();
        using var signer = new CheckpointSigner(key);
        await EveryAsync(
            Verdict.BadSignature,
            (sequence, random) => $"""
            update events.mt_events set {Edits[random.Next(4)]} where seq_id = {sequence};
            update ledger.leaves l set leaf = ledger.leaf(e, h.recorded_at)
            from events.mt_events e join ledger.row_hashes h using (seq_id) where e.seq_id = l.seq_id and l.seq_id = {sequence};
            delete from ledger.keys;
            insert into ledger.keys (id, pem) values ('{signer.Key.Id}', '{signer.Key.ToPem()}')
            """,
            attack => attack.SignAnewAsync(signer));
    }

    [Fact]
    public Task a_backup_that_is_restored_and_gone_on_with_is_another_ledger_to_whoever_holds_a_checkpoint() => TailsAsync(
        (size, random) => $"{Drop(size)}; {Append(random.Next(1, 40))}",
        store.Newest,
        (attack, size) =>
        {
            // Shorter than what is held, or longer and another: by the service's own key, so nothing else shows.
            var expected = attack.Size < store.Newest.Checkpoint.Size ? Verdict.Truncated : Verdict.Fork;
            attack.Findings.Select(f => f.Verdict).Distinct().ShouldBe([expected]);
        },
        attack => attack.SealAsync());

    private static string Drop(long size) =>
        $"""
        delete from ledger.checkpoints where size > {size};
        delete from events.mt_events where seq_id > (select last_seq from ledger.checkpoints where size = {size});
        delete from ledger.row_hashes where seq_id > (select last_seq from ledger.checkpoints where size = {size});
        delete from ledger.leaves where idx >= {size};
        delete from ledger.nodes where (idx + 1) << level > {size}
        """;

    // Numbers are drawn on: no transaction gives back what is drawn, or set back, and the store is everybody's.
    private static string Append(int events) =>
        $"""
        set local session_replication_role = origin;
        with streams as (
            insert into events.mt_streams (tenant_id, id, type, version)
            select 'platform', gen_random_uuid(), 'x', 1 from generate_series(1, {events}) returning id)
        insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, is_archived)
        select nextval('events.mt_events_sequence'), gen_random_uuid(), id, 1, '1', 'test.happened.v1', now(), 'platform',
            false
        from streams
        """;

    private static IReadOnlyList<long> Pick(IReadOnlyList<long> from, Random random)
    {
        var picked = new HashSet<long>();
        while (picked.Count < Together)
        {
            picked.Add(from[random.Next(from.Count)]);
        }

        return [.. picked];
    }

    // At several places at once: each of them is found, nothing else is, and the sweep of the service finds them too.
    private async Task EachAsync(Verdict verdict, Func<long, Random, string> sql)
    {
        for (var (done, random) = (0, new Random(1)); done < Places; done += Together)
        {
            var places = Pick(store.Sequences, random);
            await using var attack = await store.AttackAsync(string.Join(';', places.Select(p => sql(p, random))));

            attack.Verify().Verdict.ShouldBe(verdict);
            attack.Findings.Select(f => (f.Verdict, f.Sequence!.Value)).Order()
                .ShouldBe(places.Select(p => (verdict, p)).Order());
            (await attack.SweepAsync()).ShouldBe(places.Order());
        }
    }

    // At one place after the other.
    private async Task EveryAsync(
        Verdict verdict, Func<long, Random, string> sql, Func<LedgerAttack, Task>? more = null)
    {
        for (var (done, random) = (0, new Random(2)); done < Places; done++)
        {
            var sequence = store.Sequences[random.Next(store.Sequences.Count)];
            await using var attack = await store.AttackAsync(sql(sequence, random));
            await (more?.Invoke(attack) ?? Task.CompletedTask);

            attack.Verify().Verdict.ShouldBe(verdict);
            attack.Verify(held: null).Verdict.ShouldBe(verdict);
        }
    }

    // At the end: from a random checkpoint on. Somebody holds the newest one.
    private async Task TailsAsync(
        Func<long, Random, string> sql, SignedCheckpoint held, Action<LedgerAttack, long> check,
        Func<LedgerAttack, Task>? more = null)
    {
        for (var (done, random) = (0, new Random(7)); done < Places; done++)
        {
            var size = store.Sizes[random.Next(store.Sizes.Count - 1)];
            await using var attack = await store.AttackAsync(sql(size, random));
            await (more?.Invoke(attack) ?? Task.CompletedTask);
            attack.Verify().Verdict.ShouldNotBe(Verdict.Ok);
            check(attack, size);
            attack.Verify(held: null).Verdict.ShouldBe(Verdict.Ok, "without what others hold, nothing shows");
        }
    }
}

/// <summary>A store of many events with gaps between them, sealed under many checkpoints.</summary>
public sealed class SealedStore(LedgerTemplate template) : IAsyncLifetime
{
    private const int Batch = 100;

    private readonly byte[] _key = CheckpointSigner.Generate();
    private readonly LedgerStore _store = new(template);
    private readonly LedgerExport _export = new();

    internal IReadOnlyList<long> Sequences { get; private set; } = [];

    internal IReadOnlyList<long> Gaps { get; private set; } = [];

    internal IReadOnlyList<long> Sizes { get; private set; } = [];

    internal SignedCheckpoint Newest { get; private set; } = null!;

    internal LedgerExport Export => _export;

    internal CheckpointSigner Signer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _store.InitializeAsync();
        Signer = new CheckpointSigner(_key);
        var events = LedgerScale.Of("REPORTS_TEST_LEDGER_EVENTS", 10_000);
        for (var filled = 0; filled < events; filled += Batch)
        {
            await _store.FillAsync(Batch);
            await _store.ExecuteAsync("select nextval('events.mt_events_sequence') from generate_series(1, 3)");
        }

        await _store.FillAsync(Batch);
        await using (var node = _store.Node(LedgerStore.Options(_key) with { LargestBatch = Batch }))
        {
            await node.StartAsync();
            await _store.IsSealedAsync();
        }

        await _store.ExecuteAsync("vacuum analyze");
        Sequences = await _store.AskAsync<long[]>("select array_agg(seq_id order by seq_id) from events.mt_events");
        Gaps = [.. Enumerable.Range(1, (int)Sequences[^1]).Select(n => (long)n).Except(Sequences)];
        Sizes = await _store.AskAsync<long[]>("select array_agg(size order by size) from ledger.checkpoints");
        Newest = SignedCheckpoint.Parse(
            await _store.AskAsync<string>("select note from ledger.checkpoints order by size desc limit 1"))!;
        await using var connection = await _store.Database.OpenConnectionAsync();
        await _export.WriteAsync(connection);
    }

    public async ValueTask DisposeAsync()
    {
        _export.Dispose();
        Signer.Dispose();
        await _store.DisposeAsync();
    }

    /// <summary>Does something with the triggers off, in a transaction that ends with the attack.</summary>
    internal async Task<LedgerAttack> AttackAsync(string sql)
    {
        var connection = await _store.Database.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"set local session_replication_role = replica; {sql}", connection);
        await command.ExecuteNonQueryAsync();
        return new LedgerAttack(this, connection, transaction);
    }
}

/// <summary>An attack that lasts until this is disposed.</summary>
internal sealed class LedgerAttack(SealedStore store, NpgsqlConnection connection, NpgsqlTransaction transaction)
    : IAsyncDisposable
{
    private ExportFolder? _folder;

    /// <summary>What the verifier found.</summary>
    public List<Finding> Findings { get; } = [];

    /// <summary>How many leaves the tree has that was sealed over the attack.</summary>
    public long Size { get; private set; }

    /// <summary>Verifies an export, with the right key and the newest checkpoint from before.</summary>
    public Verification Verify() => Verify(store.Newest);

    public Verification Verify(SignedCheckpoint? held)
    {
        Findings.Clear();
        _folder ??= store.Export.WriteAsync(connection).GetAwaiter().GetResult();
        var file = Path.Combine(_folder.Path, "held.txt");
        File.WriteAllText(file, held?.Note());
        return ExportVerifier.Verify(
            _folder,
            new VerificationOptions(
                [store.Signer.Key], held is null ? HeldCheckpoints.None : new HeldCheckpoints([file], null)),
            Findings.Add);
    }

    /// <summary>The sequences that the service's own sweep finds something wrong with.</summary>
    public async Task<IReadOnlyList<long>> SweepAsync()
    {
        var findings = await new Sweep(new LedgerOptions().Origin, [store.Signer.Key])
            .RunAsync(connection, CancellationToken.None);
        return [.. findings.Late.Concat(findings.Faults.Select(f => f.Sequence)).Order()];
    }

    /// <summary>Makes tree and checkpoints anew from the leaves, with another key.</summary>
    public async Task SignAnewAsync(CheckpointSigner signer)
    {
        var edge = new TreeEdge();
        var checkpoints = new List<(long Size, byte[] Root, byte[] Edge, string Note)>();
        await using (var command = new NpgsqlCommand(
            """
            select l.leaf, c.size, c.last_seq, c.root
            from ledger.leaves l left join ledger.checkpoints c on c.size = l.idx + 1 order by l.idx
            """,
            connection))
        {
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
            {
                edge.Append(row.GetFieldValue<byte[]>(0));
                if (!await row.IsDBNullAsync(1) && !row.GetFieldValue<byte[]>(3).AsSpan().SequenceEqual(edge.Root()))
                {
                    checkpoints.Add((edge.Count, edge.Root(), edge.ToBytes(), Note(edge, row.GetInt64(2), signer)));
                }
            }
        }

        await using var update = new NpgsqlCommand(
            """
            update ledger.checkpoints c set root = n.root, edge = n.edge, note = n.note
            from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::text[]) n (size, root, edge, note)
            where c.size = n.size
            """,
            connection);
        update.Parameters.AddWithValue(checkpoints.Select(c => c.Size).ToArray());
        update.Parameters.AddWithValue(checkpoints.Select(c => c.Root).ToArray());
        update.Parameters.AddWithValue(checkpoints.Select(c => c.Edge).ToArray());
        update.Parameters.AddWithValue(checkpoints.Select(c => c.Note).ToArray());
        await update.ExecuteNonQueryAsync();
    }

    /// <summary>Seals what is not sealed, with the right key: the service after a backup was restored.</summary>
    public async Task SealAsync()
    {
        await using var command = new NpgsqlCommand(
            """
            insert into ledger.leaves (idx, seq_id, leaf)
            select (select max(idx) from ledger.leaves) + row_number() over (order by h.seq_id), h.seq_id, h.leaf
            from ledger.row_hashes h where not exists (select from ledger.leaves l where l.seq_id = h.seq_id);
            select leaf, (select max(seq_id) from ledger.leaves) from ledger.leaves order by idx
            """,
            connection);
        var (edge, last) = (new TreeEdge(), 0L);
        await using (var row = await command.ExecuteReaderAsync())
        {
            while (await row.ReadAsync())
            {
                edge.Append(row.GetFieldValue<byte[]>(0));
                last = row.GetInt64(1);
            }
        }

        await using var insert = new NpgsqlCommand("insert into ledger.checkpoints values ($1, $2, $3, $4, $5)", connection);
        insert.Parameters.AddWithValue(edge.Count);
        insert.Parameters.AddWithValue(edge.Root());
        insert.Parameters.AddWithValue(last);
        insert.Parameters.AddWithValue(edge.ToBytes());
        insert.Parameters.AddWithValue(Note(edge, last, store.Signer));
        await insert.ExecuteNonQueryAsync();
        Size = edge.Count;
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();

        // What was set back stays so, whatever becomes of the transaction.
        await using var command = new NpgsqlCommand(
            "select setval('events.mt_events_sequence', max(seq_id)) from events.mt_events", connection);
        await command.ExecuteNonQueryAsync();
        await connection.DisposeAsync();
    }

    private static string Note(TreeEdge edge, long last, CheckpointSigner signer) => SignedCheckpoint.Sign(
        new Checkpoint(new LedgerOptions().Origin, edge.Count, edge.Root(), last, DateTimeOffset.UtcNow, []), [signer]).Note();
}
