using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>Events that are sealed together, and what the tree becomes by them.</summary>
internal sealed class LedgerBatch
{
    // Both sides are cut at the same count, so of the first rows of the two together none lacks its other side.
    private const string Faults =
        """
        case when e.seq_id is null then 1 when h.seq_id is null then 2 when h.leaf <> e.leaf then 3
             when e.is_archived then 4 when e.is_binary then 5 else 0 end
        """;

    private const string NextRows =
        $"""
        with e as materialized (
            select e.seq_id, ledger.leaf(e) as leaf, e.is_archived, e.bdata is not null as is_binary
            from events.mt_events e where e.seq_id > $1 and e.seq_id <= $2 order by e.seq_id limit $3),
        h as materialized (
            select seq_id, leaf from ledger.row_hashes
            where seq_id > $1 and seq_id <= $2 order by seq_id limit $3)
        select seq_id, h.leaf, {Faults} from e full join h using (seq_id) order by seq_id limit $3
        """;

    private const string LateRows =
        $"""
        with e as materialized (
            select e.seq_id, ledger.leaf(e) as leaf, e.is_archived, e.bdata is not null as is_binary
            from events.mt_events e where e.seq_id = any($1))
        select e.seq_id, h.leaf, {Faults} from e left join ledger.row_hashes h on h.seq_id = e.seq_id
        where not exists (select from ledger.leaves l where l.seq_id = e.seq_id)
        order by e.seq_id
        """;

    private readonly List<long> _sequences = [];
    private readonly List<byte[]> _leaves = [];

    /// <summary>How many there are.</summary>
    public int Count => _sequences.Count;

    /// <summary>How many of them, at the start, came late.</summary>
    public int Late { get; private set; }

    /// <summary>Their sequences.</summary>
    public long[] Sequences => [.. _sequences];

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
            await using var command = new NpgsqlCommand(LateRows, connection);
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. late] });
            await batch.TakeAsync(command, cancellation);
            batch.Late = batch.Count;
        }

        if (batch.Fault is null && frontier > after)
        {
            await using var command = new NpgsqlCommand(NextRows, connection);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = after });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = frontier });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
            await batch.TakeAsync(command, cancellation);
            var isFull = batch.Count - batch.Late == most;
            batch.LastSequence = batch.Fault is { } fault ? fault.Sequence - 1
                : isFull ? batch._sequences[^1] : frontier;
        }

        return batch;
    }

    private async Task TakeAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (Fault is null && await row.ReadAsync(cancellation))
        {
            var sequence = row.GetInt64(0);
            Fault = Find(row.GetInt32(2), sequence);
            if (Fault is null)
            {
                _sequences.Add(sequence);
                _leaves.Add(row.GetFieldValue<byte[]>(1));
            }
        }
    }

    private static LedgerFaultException? Find(int fault, long sequence) => fault switch
    {
        0 => null,
        1 => new(LedgerVerdict.Missing, sequence, "the event was inserted and is gone"),
        2 => new(LedgerVerdict.Inserted, sequence, "the row was put in without the hash that every insertion takes"),
        3 => new(LedgerVerdict.Modified, sequence, "the event is not what it was when it was inserted"),
        4 => new(LedgerVerdict.Modified, sequence, "the event is marked as archived, which the service never does"),
        _ => new(LedgerVerdict.Modified, sequence, "the event has binary data, which the service never writes"),
    };
}
