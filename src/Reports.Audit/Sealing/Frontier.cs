using Npgsql;

namespace Reports.Audit.Sealing;

/// <summary>
/// Up to which number every event is there to be seen, or will never be. Numbers are given out in order, but their
/// transactions end in any order, or roll back and leave a gap.
/// <para>
/// Whoever draws a number holds a lock on the sequence from before the draw until the end of its transaction is visible
/// to others: PostgreSQL takes it inside of <c>nextval</c>. So: read the last number given out; then, later, who holds
/// that lock; once all of those have ended, everything up to that number is decided. Nothing depends on the order of
/// commits, on clocks, or on a daemon.
/// </para>
/// </summary>
internal sealed class Frontier(NpgsqlConnection connection)
{
    // A prepared transaction has no session; who prepared it had another name, so it counts for everybody.
    private const string Prepared = "-1/";

    private (long Last, HashSet<string> Holders)? _pending;

    /// <summary>The number that was reached.</summary>
    public long Reached { get; private set; }

    /// <summary>Whether transactions are waited for.</summary>
    public bool IsWaiting => _pending is not null;

    /// <summary>Moves on as far as can be.</summary>
    /// <returns>The number that is reached.</returns>
    public async Task<long> AdvanceAsync(CancellationToken cancellation)
    {
        if (_pending is null)
        {
            var last = await LastAsync(cancellation);
            if (last == Reached)
            {
                return Reached;
            }

            // In a statement of its own: who drew one of those numbers and is not seen here has ended.
            _pending = (last, await HoldersAsync(cancellation));
        }
        else
        {
            var now = await HoldersAsync(cancellation);
            var hasPrepared = now.Any(h => h.StartsWith(Prepared, StringComparison.Ordinal));
            if (!hasPrepared)
            {
                _pending.Value.Holders.IntersectWith(now);
            }
        }

        if (_pending is { Holders.Count: 0, Last: var reached })
        {
            (Reached, _pending) = (reached, null);
        }

        return Reached;
    }

    private async Task<long> LastAsync(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "select case when is_called then last_value else 0 end from events.mt_events_sequence", connection);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private async Task<HashSet<string>> HoldersAsync(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            select virtualtransaction from pg_locks
            where locktype = 'relation' and relation = 'events.mt_events_sequence'::regclass and granted
              and database = (select oid from pg_database where datname = current_database())
              and mode <> 'AccessShareLock' and pid is distinct from pg_backend_pid()
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var holders = new HashSet<string>(StringComparer.Ordinal);
        while (await row.ReadAsync(cancellation))
        {
            holders.Add(row.GetString(0));
        }

        return holders;
    }
}
