using System.Security.Cryptography;
using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>What a sweep found, and where it looked.</summary>
/// <param name="Late">Events that are not sealed although later ones are.</param>
/// <param name="Faults">What is wrong with what is sealed.</param>
/// <param name="HasSeen">Whether the sweep would have found a fault that was found before.</param>
internal sealed record SweepFindings(
    IReadOnlyList<long> Late,
    IReadOnlyList<LedgerFaultException> Faults,
    Func<LedgerFaultException, bool> HasSeen);

/// <summary>
/// Looks through what is sealed, piece by piece, so that a sweep takes the same time however much there is: for events
/// without a leaf and leaves without an event, the newest of them each time; and, going round all of it, whether events,
/// the hashes of their rows and the tree's leaves and nodes still are what the newest checkpoint was signed over. And
/// each time, whether the triggers are at work.
/// </summary>
internal sealed class Sweep(string origin, IReadOnlyList<CheckpointKey> believed)
{
    private const long Recent = 100_000;
    private const long Piece = 500_000;
    private const int Most = 1000;
    private const int LongestName = 64;

    // Nothing legitimate is sealed behind later ones: it is told for as long as it is in the tree.
    private const string SealedLate =
        "select seq_id from ledger.leaves where is_late order by seq_id limit $1";

    private const string Keys = "select id, pem from ledger.keys order by id limit $1";

    // Those that are missing, are off, or do something else than they were made for.
    private const string Triggers =
        $"""
        select string_agg(format('%s of %s', w.called, w.place), ', ' order by w.place, w.called)
        from ({LedgerSchema.TriggerList}) w
        where not exists (
            select from pg_catalog.pg_trigger t
            where t.tgrelid = to_regclass(w.place) and t.tgname = w.called and t.tgenabled in ('O', 'A')
              and t.tgtype = w.kind and t.tgqual is null and t.tgfoid = to_regproc(w.function))
        """;

    // The leaves under one node of the second level that is kept: a sweep looks at so many of them.
    private const long Block = 1 << (2 * LedgerTree.LevelStep);
    private const long Group = 1 << LedgerTree.LevelStep;

    // What one statement reads: it must not take long where events are large.
    private const long Stretch = 16 * Group;

    private const string Compare =
        """
        select coalesce(e.seq_id, l.seq_id), l.seq_id is null
        from (select seq_id from events.mt_events where seq_id > $1 and seq_id <= $2) e
        full join (select seq_id from ledger.leaves where seq_id > $1 and seq_id <= $2) l using (seq_id)
        where e.seq_id is null or l.seq_id is null
        order by 1 limit $3
        """;

    // No walk over what is sealed comes by them, and the trigger lets none of them in.
    private const string Outside =
        """
        select e.seq_id from events.mt_events e,
            (select case when is_called then last_value else 0 end as last from events.mt_events_sequence offset 0) s
        where e.seq_id < 1 or e.seq_id > s.last
        order by 1 limit $1
        """;

    // What the columns hold, and no function of the ledger's: whoever replaces one hides nothing by it.
    private const string Leaves =
        """
        select l.seq_id, l.leaf, e.seq_id is null, l.leaf is distinct from h.leaf, coalesce(e.is_archived, false),
            e.bdata is not null, e.id, e.stream_id, e.version, e.type, e.tenant_id,
            case when isfinite(e.timestamp) then (extract(epoch from e.timestamp) * 1000000)::bigint end,
            case when isfinite(h.recorded_at) then (extract(epoch from h.recorded_at) * 1000000)::bigint end,
            e.user_name, e.correlation_id, e.causation_id, e.headers::text, e.data::text
        from ledger.leaves l
        left join events.mt_events e on e.seq_id = l.seq_id
        left join ledger.row_hashes h on h.seq_id = l.seq_id
        where l.idx >= $1 and l.idx < $2 order by l.idx
        """;

    private long _next;
    private long _nextBlock;

    /// <summary>Looks at the newest part and at the next piece.</summary>
    public async Task<SweepFindings> RunAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var (late, faults, seen) = (new List<long>(), new List<LedgerFaultException>(), new HashSet<long>());
        var head = await HeadAsync(connection, faults, cancellation);
        var pieces = Pieces(head?.LastSequence ?? 0);
        foreach (var (after, upTo) in pieces)
        {
            await using var command = Command(Compare, connection, after, upTo);
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Most });
            await using var row = await command.ExecuteReaderAsync(cancellation);
            while (await row.ReadAsync(cancellation))
            {
                if (row.GetBoolean(1))
                {
                    late.Add(row.GetInt64(0));
                }
                else
                {
                    faults.Add(new(LedgerVerdict.Missing, row.GetInt64(0), "a sealed event is gone"));
                }
            }
        }

        await using (var command = new NpgsqlCommand(Outside, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Most });
            await using var row = await command.ExecuteReaderAsync(cancellation);
            while (await row.ReadAsync(cancellation))
            {
                faults.Add(new(
                    LedgerVerdict.Inserted, row.GetInt64(0), "the row has a number that no event was ever given"));
            }
        }

        await using (var command = new NpgsqlCommand(SealedLate, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Most });
            await using var row = await command.ExecuteReaderAsync(cancellation);
            while (await row.ReadAsync(cancellation))
            {
                faults.Add(new(
                    LedgerVerdict.Inserted, row.GetInt64(0), "the event came after later ones were sealed, and was sealed late"));
            }
        }

        await using (var command = new NpgsqlCommand(Keys, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Most });
            await using var row = await command.ExecuteReaderAsync(cancellation);
            while (await row.ReadAsync(cancellation))
            {
                if (row.GetString(0) is var id && !IsKey(id, row.GetString(1)))
                {
                    var name = id.Length > LongestName ? id[..LongestName] : id;
                    faults.Add(new(LedgerVerdict.BadSignature, 0, $"the row {name} of the ledger's keys is no key of that id"));
                }
            }
        }

        await using (var command = new NpgsqlCommand(Triggers, connection))
        {
            if (await command.ExecuteScalarAsync(cancellation) is string triggers)
            {
                faults.Add(new(
                    LedgerVerdict.NoTrigger, 0, $"the database does not guard what is recorded: {triggers} is off or gone"));
            }
        }

        if (head is { Size: > 0 })
        {
            await LookAtBlockAsync(connection, head.Size, faults, seen, cancellation);
        }

        return new SweepFindings(
            [.. late.Distinct()],
            [.. faults.DistinctBy(f => f.Message).Take(Most)],
            found => found.Verdict switch
            {
                _ when found.Sequence == 0 => true,
                LedgerVerdict.Missing => pieces.Any(p => found.Sequence > p.After && found.Sequence <= p.UpTo),
                LedgerVerdict.Inserted => true,
                _ => seen.Contains(found.Sequence),
            });
    }

    private static bool IsKey(string id, string pem)
    {
        try
        {
            return CheckpointKey.FromPem(pem).Id == id;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            return false;
        }
    }

    // The newest checkpoint is signed and of the tree that the nodes make: what is below them, blocks show. Of a whole
    // tree no event can be named.
    private async Task<LedgerHead?> HeadAsync(
        NpgsqlConnection connection, List<LedgerFaultException> faults, CancellationToken cancellation)
    {
        try
        {
            var head = await LedgerHead.LoadAsync(connection, origin, believed, cancellation);
            var root = await LedgerTree.RootAsync(connection, new LeafRange(0, head.Size), cancellation);
            if (root is null || !root.AsSpan().SequenceEqual(head.Root))
            {
                faults.Add(new(
                    LedgerVerdict.Fork, 0, $"the first {head.Size} leaves do not make the root that was signed"));
            }

            return head;
        }
        catch (LedgerFaultException e)
        {
            faults.Add(new(e.Verdict, 0, e.Cause));
            return null;
        }
    }

    private List<(long After, long UpTo)> Pieces(long last)
    {
        var after = _next < last ? _next : 0;
        _next = Math.Min(after + Piece, last);
        var recent = Math.Max(0, last - Recent);
        return after <= recent && _next == last ? [(after, _next)] : [(after, _next), (recent, last)];
    }

    private async Task LookAtBlockAsync(
        NpgsqlConnection connection, long size, List<LedgerFaultException> faults, HashSet<long> seen,
        CancellationToken cancellation)
    {
        var first = _nextBlock * Block < size ? _nextBlock * Block : 0;
        var end = Math.Min(first + Block, size);
        var block = new TreeEdge();
        long last = 0;
        for (var at = first; at < end; at += Stretch)
        {
            var until = Math.Min(at + Stretch, end);
            (last, var groups) = await LookAtLeavesAsync(connection, at, until, faults, seen, cancellation);
            var nodes = await LedgerTree.NodesAsync(
                connection, LedgerTree.LevelStep, at / Group, until / Group, cancellation);
            foreach (var (index, root, sequence) in groups)
            {
                block.Append(root);
                if (!IsNode(nodes, index, root))
                {
                    faults.Add(new(
                        LedgerVerdict.Fork, sequence,
                        $"the leaves {index * Group} to {((index + 1) * Group) - 1} are not those that were sealed"));
                }
            }
        }

        if (block.Count == Group)
        {
            await LookAboveAsync(connection, size, first / Block, block.Root(), last, faults, cancellation);
        }

        _nextBlock = end < size ? end / Block : 0;
    }

    // The leaves, their events, and the roots of their whole groups.
    private static async Task<(long Last, List<(long Index, byte[] Root, long Last)> Groups)> LookAtLeavesAsync(
        NpgsqlConnection connection, long at, long end, List<LedgerFaultException> faults, HashSet<long> seen,
        CancellationToken cancellation)
    {
        var (edge, groups) = (new TreeEdge(), new List<(long Index, byte[] Root, long Last)>());
        long last = 0;
        await using var command = Command(Leaves, connection, at, end);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            last = row.GetInt64(0);
            seen.Add(last);
            if (Find(row) is var (verdict, cause))
            {
                faults.Add(new(verdict, last, cause));
            }

            edge.Append(row.GetFieldValue<byte[]>(1), (level, index, hash) =>
            {
                if (level == LedgerTree.LevelStep)
                {
                    groups.Add(((at / Group) + index, hash, last));
                }
            });
        }

        if (edge.Count < end - at)
        {
            groups.Clear();
            faults.Add(new(
                LedgerVerdict.Fork, last, $"of the leaves {at} to {end - 1} there are only {edge.Count}"));
        }

        return (last, groups);
    }

    private static (LedgerVerdict Verdict, string Cause)? Find(NpgsqlDataReader row) =>
        row.GetBoolean(2) ? (LedgerVerdict.Missing, "a sealed event is gone")
        : !IsSealed(row) ? (LedgerVerdict.Modified, "a sealed event is not what it was")
        : row.GetBoolean(3) ? (LedgerVerdict.Modified, "the hash of a sealed event's row is not what it was")
        : row.GetBoolean(4)
            ? (LedgerVerdict.Modified, "a sealed event is marked as archived, which the service never does")
        : row.GetBoolean(5)
            ? (LedgerVerdict.Modified, "a sealed event has binary data, which the service never writes")
        : null;

    // What no event is without, a row that was changed may be.
    private static bool IsSealed(NpgsqlDataReader row)
    {
        const int Recorded = 12;
        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        if (Enumerable.Range(6, Recorded - 6).Any(row.IsDBNull)
            || Text(17) is not { } data || ShownData.Of(row.GetString(9), data) is not { } shown)
        {
            return false;
        }

        var stored = new StoredEvent(
            row.GetInt64(0), row.GetGuid(6), row.GetGuid(7), row.GetInt64(8), row.GetString(9), row.GetString(10),
            row.GetInt64(11), row.IsDBNull(Recorded) ? null : row.GetInt64(Recorded), Text(13), Text(14), Text(15),
            Text(16), shown);
        return EventLeaf.Hash(stored).AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(1));
    }

    // The node over the block, and those over that as far as they are whole.
    private static async Task LookAboveAsync(
        NpgsqlConnection connection, long size, long index, byte[] root, long last, List<LedgerFaultException> faults,
        CancellationToken cancellation)
    {
        for (var level = 2 * LedgerTree.LevelStep; ; level += LedgerTree.LevelStep)
        {
            var nodes = await LedgerTree.NodesAsync(connection, level, index, index + 1, cancellation);
            if (!IsNode(nodes, index, root))
            {
                faults.Add(new(
                    LedgerVerdict.Fork, last, $"the node {index} of level {level} is not the one that was sealed"));
            }

            index >>= LedgerTree.LevelStep;
            if (index + 1 > size >> (level + LedgerTree.LevelStep))
            {
                return;
            }

            var edge = new TreeEdge();
            var below = await LedgerTree.NodesAsync(connection, level, index * Group, (index + 1) * Group, cancellation);
            foreach (var node in below.OrderBy(n => n.Key))
            {
                edge.Append(node.Value);
            }

            root = edge.Root();
        }
    }

    private static bool IsNode(Dictionary<long, byte[]> nodes, long index, byte[] hash) =>
        nodes.TryGetValue(index, out var node) && node.AsSpan().SequenceEqual(hash);

    private static NpgsqlCommand Command(string sql, NpgsqlConnection connection, long first, long second)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = second });
        return command;
    }
}
