using Npgsql;

namespace Reports.Audit.Sealing;

/// <summary>What a sweep found, and where it looked.</summary>
/// <param name="Late">Events that are not sealed although later ones are.</param>
/// <param name="Faults">Sealed events that are gone or are not what they were.</param>
/// <param name="Swept">
/// The sequences that were looked at for faults of a kind: after the first, up to the second.
/// </param>
internal sealed record SweepFindings(
    IReadOnlyList<long> Late,
    IReadOnlyList<LedgerFaultException> Faults,
    IReadOnlyList<(LedgerVerdict Verdict, long After, long UpTo)> Swept)
{
    public static SweepFindings None { get; } = new([], [], []);
}

/// <summary>
/// Looks through what is sealed: the newest part each time, the rest piece by piece, so that a sweep takes the same time
/// however much there is. Fewer events are hashed again than are looked for.
/// </summary>
internal sealed class Sweep
{
    private const long Recent = 100_000;
    private const long Piece = 500_000;
    private const long HashedPiece = 20_000;
    private const int Most = 1000;

    private const string Compare =
        """
        select coalesce(e.seq_id, l.seq_id), l.seq_id is null
        from (select seq_id from events.mt_events where seq_id > $1 and seq_id <= $2) e
        full join (select seq_id from ledger.leaves where seq_id > $1 and seq_id <= $2) l using (seq_id)
        where e.seq_id is null or l.seq_id is null
        order by 1 limit $3
        """;

    private const string Hash =
        """
        select e.seq_id
        from events.mt_events e join ledger.leaves l using (seq_id) left join ledger.row_hashes h using (seq_id)
        where e.seq_id > $1 and e.seq_id <= $2
          and (l.leaf <> ledger.leaf(e, h.recorded_at) or e.is_archived or e.bdata is not null)
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

    private long _next;
    private long _nextHashed;

    /// <summary>Looks at the newest part and at the next piece.</summary>
    public async Task<SweepFindings> RunAsync(NpgsqlConnection connection, long last, CancellationToken cancellation)
    {
        var (late, faults) = (new List<long>(), new List<LedgerFaultException>());
        var (piece, hashed) = (Next(ref _next, Piece, last), Next(ref _nextHashed, HashedPiece, last));
        var recent = (After: Math.Max(0, last - Recent), UpTo: last);
        (long After, long UpTo)[] pieces = piece.After <= recent.After && piece.UpTo == last ? [piece] : [piece, recent];
        foreach (var (after, upTo) in pieces)
        {
            await using var command = Command(Compare, connection, after, upTo);
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

        await using var changed = Command(Hash, connection, hashed.After, hashed.UpTo);
        await using var found = await changed.ExecuteReaderAsync(cancellation);
        while (await found.ReadAsync(cancellation))
        {
            faults.Add(new(LedgerVerdict.Modified, found.GetInt64(0), "a sealed event is not what it was"));
        }

        return new SweepFindings(
            [.. late.Distinct()],
            [.. faults.DistinctBy(f => f.Sequence)],
            [
                .. pieces.Select(p => (LedgerVerdict.Missing, p.After, p.UpTo)),
                (LedgerVerdict.Modified, hashed.After, hashed.UpTo), (LedgerVerdict.Inserted, long.MinValue, long.MaxValue),
            ]);
    }

    private static (long After, long UpTo) Next(ref long next, long length, long last)
    {
        var after = next < last ? next : 0;
        next = Math.Min(after + length, last);
        return (after, next);
    }

    private static NpgsqlCommand Command(string sql, NpgsqlConnection connection, long after, long upTo)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = after });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = upTo });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Most });
        return command;
    }
}
