using Npgsql;
using NpgsqlTypes;

namespace Reports.Audit.Sealing;

/// <summary>Something that is wrong with the ledger, as every node reads it.</summary>
/// <param name="Id">The row.</param>
/// <param name="Kind">What it is of: <see cref="LedgerFaults"/> names the kinds.</param>
/// <param name="Verdict">What is wrong, in a word.</param>
/// <param name="Sequence">The event that it is wrong with.</param>
/// <param name="Cause">The same for a person.</param>
/// <param name="Since">Since when, by the database's clock.</param>
internal sealed record LedgerFaultRow(
    Guid Id, string Kind, string Verdict, long Sequence, string Cause, DateTimeOffset Since);

/// <summary>
/// What is wrong with the ledger, kept in the database: whoever finds it may end before anybody has asked, or answer
/// nobody. A fault is a row, and its end another one.
/// </summary>
internal sealed class LedgerFaults(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>What keeps the ledger from going on.</summary>
    public const string Stopped = "stopped";

    /// <summary>What was found among what is sealed.</summary>
    public const string Found = "found";

    /// <summary>Why no checkpoint can be laid down outside of the database.</summary>
    public const string Anchors = "anchors";

    /// <summary>Reads those that have not ended.</summary>
    public const string Open =
        """
        select f.id, f.kind, f.verdict, f.sequence, f.cause, f.at from ledger.faults f
        where f.ends is null and not exists (select from ledger.faults e where e.ends = f.id)
        order by f.at, f.id
        """;

    private const string Insert =
        """
        insert into ledger.faults (id, kind, verdict, sequence, cause, ends)
        values ($1, $2, $3, $4, $5, $6) on conflict (ends) do nothing
        """;

    /// <summary>Those of a kind that have not ended.</summary>
    public async Task<IReadOnlyList<LedgerFaultRow>> OpenAsync(string kind, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Open);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return [.. (await ReadAsync(row, cancellation)).Where(f => f.Kind == kind)];
    }

    /// <summary>Has those of a kind be these: what is new begins, and what is not among them ends.</summary>
    public async Task SetAsync(
        string kind, IReadOnlyCollection<LedgerFaultException> faults, CancellationToken cancellation)
    {
        var open = await OpenAsync(kind, cancellation);
        var over = open.Where(o => !faults.Any(f => IsSame(o, f)));
        var begun = faults.Where(f => !open.Any(o => IsSame(o, f)));
        var now = clock.GetUtcNow();
        await using var writes = database.CreateBatch();
        foreach (var row in over.Select(o => (o.Verdict, o.Sequence, o.Cause, Ends: (Guid?)o.Id)).Concat(
            begun.Select(f => (Verdict: LedgerFaultException.Word(f.Verdict), f.Sequence, f.Cause, Ends: (Guid?)null))))
        {
            var command = writes.CreateBatchCommand();
            command.CommandText = Insert;
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.CreateVersion7(now) });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Verdict });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = row.Sequence });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Cause });
            command.Parameters.Add(new NpgsqlParameter
            {
                NpgsqlDbType = NpgsqlDbType.Uuid,
                Value = (object?)row.Ends ?? DBNull.Value,
            });
            writes.BatchCommands.Add(command);
        }

        if (writes.BatchCommands.Count > 0)
        {
            await writes.ExecuteNonQueryAsync(cancellation);
        }
    }

    /// <summary>Takes the rows of <see cref="Open"/>.</summary>
    public static async Task<List<LedgerFaultRow>> ReadAsync(NpgsqlDataReader row, CancellationToken cancellation)
    {
        var faults = new List<LedgerFaultRow>();
        while (await row.ReadAsync(cancellation))
        {
            faults.Add(new LedgerFaultRow(
                row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4),
                row.GetFieldValue<DateTimeOffset>(5)));
        }

        return faults;
    }

    private static bool IsSame(LedgerFaultRow row, LedgerFaultException fault) =>
        (row.Verdict, row.Sequence, row.Cause)
        == (LedgerFaultException.Word(fault.Verdict), fault.Sequence, fault.Cause);
}
