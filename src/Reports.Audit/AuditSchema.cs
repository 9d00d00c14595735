using Marten;
using Npgsql;

namespace Reports.Audit;

/// <summary>
/// Indexes for what auditors ask. They stand on tables that others own, so they are made after those, and the event
/// store is told to leave them alone.
/// </summary>
internal static class AuditSchema
{
    private const long SchemaLock = 0x5265_706F_7274_0007;

    // The order of the store is the second column of each: a page is read from the index in that order.
    private static readonly (string Name, string Columns)[] OfEvents =
    [
        ("audit_events_tenant", "(tenant_id, seq_id)"),
        ("audit_events_report", "((data ->> 'report_id'), seq_id) where data ->> 'report_id' is not null"),
        ("audit_events_principal", "((data -> 'by' ->> 'id'), seq_id)"),
        ("audit_events_list",
            "(tenant_id, seq_id) where type in ('report.finished.v1', 'report.expired.v1')"),
    ];

    // A stream by its id alone: whose it is is not always known.
    private const string OfStreams = "audit_streams_id";

    public static void Configure(StoreOptions options)
    {
        foreach (var name in OfEvents.Select(i => i.Name).Append(OfStreams))
        {
            options.Events.IgnoreIndex(name);
        }
    }

    /// <summary>Creates what is missing. The events' and the ledger's tables must be there.</summary>
    public static async Task ApplyAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        var ofEvents = OfEvents.Select(i => $"create index if not exists {i.Name} on events.mt_events {i.Columns};");
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var command = new NpgsqlCommand(
            $"""
            select pg_advisory_xact_lock({SchemaLock});
            {string.Join('\n', ofEvents)}
            create index if not exists {OfStreams} on events.mt_streams (id);
            create index if not exists checkpoints_made_at on ledger.checkpoints (made_at, last_seq);
            create index if not exists row_hashes_recorded_at on ledger.row_hashes
                using brin (seq_id, recorded_at) with (autosummarize = on);
            create index if not exists leaves_late on ledger.leaves (seq_id) where is_late;
            """,
            connection);
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }
}
