using System.Data;
using Npgsql;

namespace Reports.Audit.Sealing;

/// <summary>Events that are sealed together, and what the tree becomes by them.</summary>
internal sealed class LedgerBatch
{
    // Both sides are cut at the same count, so of the first rows of the two together none lacks its other side.
    private const string Events =
        """
        select e.seq_id, ledger.leaf(e, h.recorded_at), coalesce(e.is_archived, false), e.bdata is not null
        from events.mt_events e
        left join ledger.row_hashes h on h.seq_id = e.seq_id and h.seq_id > $1 and h.seq_id <= $2
        where e.seq_id > $1 and e.seq_id <= $2 order by e.seq_id limit $3
        """;

    private const string Hashes =
        """
        select seq_id, leaf, recorded_at from ledger.row_hashes
        where seq_id > $1 and seq_id <= $2 order by seq_id limit $3
        """;

    private const string LateEvents =
        """
        select e.seq_id, ledger.leaf(e, h.recorded_at), coalesce(e.is_archived, false), e.bdata is not null
        from events.mt_events e left join ledger.row_hashes h using (seq_id)
        where e.seq_id = any($1) and not exists (select from ledger.leaves l where l.seq_id = e.seq_id)
        order by e.seq_id
        """;

    private const string LateHashes =
        """
        select h.seq_id, h.leaf, h.recorded_at from ledger.row_hashes h
        where h.seq_id = any($1) and not exists (select from ledger.leaves l where l.seq_id = h.seq_id)
        order by h.seq_id
        """;

    private readonly List<long> _sequences = [];
    private readonly List<byte[]> _leaves = [];

    /// <summary>How many there are.</summary>
    public int Count => _sequences.Count;

    /// <summary>How many of them, at the start, came late.</summary>
    public int Late { get; private set; }

    /// <summary>Their sequences.</summary>
    public long[] Sequences => [.. _sequences];

    /// <summary>When the first of them was recorded.</summary>
    public DateTime Oldest { get; private set; } = DateTime.MaxValue;

    /// <summary>Their leaves.</summary>
    public byte[][] Leaves => [.. _leaves];

    /// <summary>Up to where everything is sealed with them.</summary>
    public long LastSequence { get; private set; }

    /// <summary>What is wrong with the event after them; nothing of it and of what follows is among them.</summary>
    public LedgerFaultException? Fault { get; private set; }

    /// <summary>Reads the next events.</summary>
    /// <param name="connection">Where from.</param>
    /// <param name="late">Events before those that are sealed, to be sealed first.</param>
    /// <param name="after">Up to where everything is sealed.</param>
    /// <param name="frontier">Up to where everything is decided.</param>
    /// <param name="most">How many to read at the most.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The batch.</returns>
    public static async Task<LedgerBatch> ReadAsync(
        NpgsqlConnection connection, IReadOnlyCollection<long> late, long after, long frontier, int most,
        CancellationToken cancellation)
    {
        var batch = new LedgerBatch { LastSequence = after };
        if (late.Count > 0)
        {
            long[] sequences = [.. late];
            await batch.TakeAsync(
                connection, LateEvents, LateHashes, late.Count,
                () => [new NpgsqlParameter<long[]> { TypedValue = sequences }], cancellation);
            batch.Late = batch.Count;
        }

        if (batch.Fault is null && frontier > after)
        {
            await batch.TakeAsync(
                connection, Events, Hashes, most,
                () =>
                [
                    new NpgsqlParameter<long> { TypedValue = after }, new NpgsqlParameter<long> { TypedValue = frontier },
                    new NpgsqlParameter<int> { TypedValue = most },
                ],
                cancellation);
            var isFull = batch.Count - batch.Late == most;
            batch.LastSequence = batch.Fault is { } fault ? fault.Sequence - 1
                : isFull ? batch._sequences[^1] : frontier;
        }

        return batch;
    }

    // One snapshot for both, so that no event is seen without its hash.
    private async Task TakeAsync(
        NpgsqlConnection connection, string events, string hashes, int most, Func<NpgsqlParameter[]> parameters,
        CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await using var reads = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands = { new NpgsqlBatchCommand(hashes), new NpgsqlBatchCommand(events) },
        };
        foreach (var read in reads.BatchCommands)
        {
            read.Parameters.AddRange(parameters());
        }

        await using (var row = await reads.ExecuteReaderAsync(cancellation))
        {
            var recorded = new List<RowHash>();
            while (await row.ReadAsync(cancellation))
            {
                recorded.Add(new(row.GetInt64(0), row.GetFieldValue<byte[]>(1), row.GetDateTime(2)));
            }

            await row.NextResultAsync(cancellation);
            await MatchAsync(row, recorded, most, cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    private async Task MatchAsync(
        NpgsqlDataReader row, List<RowHash> recorded, int most, CancellationToken cancellation)
    {
        var (next, begin) = (0, Count);
        while (Fault is null && Count - begin < most)
        {
            long? sequence = await row.ReadAsync(cancellation) ? row.GetInt64(0) : null;
            var hash = next < recorded.Count ? recorded[next] : null;
            if (sequence is null && hash is null)
            {
                return;
            }

            Fault = hash is null || hash.Sequence > sequence
                ? new(LedgerVerdict.Inserted, sequence!.Value, "the row was put in without the hash that every insertion takes")
                : sequence is null || hash.Sequence < sequence
                    ? new(LedgerVerdict.Missing, hash.Sequence, "the event was inserted and is gone")
                    : Find(row, hash);
            if (Fault is null)
            {
                _sequences.Add(hash!.Sequence);
                _leaves.Add(hash.Leaf);
                Oldest = hash.RecordedAt < Oldest ? hash.RecordedAt : Oldest;
                next++;
            }
        }
    }

    private static LedgerFaultException? Find(NpgsqlDataReader row, RowHash hash) =>
        !row.GetFieldValue<byte[]>(1).AsSpan().SequenceEqual(hash.Leaf)
            ? new(LedgerVerdict.Modified, hash.Sequence, "the event is not what it was when it was inserted")
        : row.GetBoolean(2)
            ? new(LedgerVerdict.Modified, hash.Sequence, "the event is marked as archived, which the service never does")
        : row.GetBoolean(3)
            ? new(LedgerVerdict.Modified, hash.Sequence, "the event has binary data, which the service never writes")
        : null;

    private sealed record RowHash(long Sequence, byte[] Leaf, DateTime RecordedAt);
}
