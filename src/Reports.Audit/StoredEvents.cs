using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Reports.Contracts;

namespace Reports.Audit;

/// <summary>A place in the record: an instant by the database's clock, or a sequence; neither for now.</summary>
internal sealed record AsOf(DateTimeOffset? Instant = null, long? Sequence = null);

/// <summary>Reads the events of a stream or of a report, sealed or not.</summary>
internal sealed class StoredEvents(AuditorDatabase database)
{
    private const string Until =
        "and ($2::timestamptz is null or h.recorded_at <= $2) and ($3::bigint is null or e.seq_id <= $3)";

    /// <summary>Whose a stream is, by its events, which are sealed; none when there is no such stream.</summary>
    public async Task<string?> TenantOfAsync(Guid stream, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(
            $"""
            {LedgerProofs.Tenants}
            select t.tenant_id from tenants t where exists (
                select from events.mt_events e where e.tenant_id = t.tenant_id and e.stream_id = $1)
            """);
        command.Parameters.AddWithValue(stream);
        return await command.ExecuteScalarAsync(cancellation) as string;
    }

    /// <summary>The events of streams, in the order of the store; compared with their leaves when that is told.</summary>
    public Task<List<EventRow>> OfStreamsAsync(
        string tenant, Guid[] streams, AsOf asOf, CancellationToken cancellation, bool areCompared = false) => ReadAsync(
            $"""
            select {EventRow.Columns}{(areCompared ? $", {EventRow.Intact}" : "")} from {EventRow.From}
            where e.tenant_id = $1 {Until} and e.stream_id = any($4)
            order by e.seq_id
            """,
            tenant, asOf, cancellation, new NpgsqlParameter<Guid[]> { TypedValue = streams });

    /// <summary>The events that name a report after a sequence, in the order of the store, compared with their leaves.</summary>
    public Task<List<EventRow>> OfReportAsync(
        string tenant, Guid report, AsOf asOf, long after, int most, CancellationToken cancellation) => ReadAsync(
            $"""
            select {EventRow.Columns}, {EventRow.Intact} from {EventRow.From}
            where e.tenant_id = $1 {Until} and e.data ->> 'report_id' = $4 and e.seq_id > $5
            order by e.seq_id limit $6
            """,
            tenant, asOf, cancellation,
            new NpgsqlParameter<string> { TypedValue = report.ToString("D") },
            new NpgsqlParameter<long> { TypedValue = after },
            new NpgsqlParameter<int> { TypedValue = most });

    /// <summary>
    /// The event as the service knows it; none when it is of no type of this version's, or not what the service writes.
    /// </summary>
    public static object? Known(EventRow row)
    {
        try
        {
            return ContractNames.Events.TryGetValue(row.Type, out var type)
                ? JsonSerializer.Deserialize(row.Data.Span, type, ContractJson.Options)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<List<EventRow>> ReadAsync(
        string sql, string tenant, AsOf asOf, CancellationToken cancellation, params NpgsqlParameter[] others)
    {
        await using var command = database.Source.CreateCommand(sql);
        command.Parameters.AddWithValue(NpgsqlDbType.Varchar, tenant);
        command.Parameters.AddWithValue(NpgsqlDbType.TimestampTz, (object?)asOf.Instant?.UtcDateTime ?? DBNull.Value);
        command.Parameters.AddWithValue(NpgsqlDbType.Bigint, (object?)asOf.Sequence ?? DBNull.Value);
        command.Parameters.AddRange(others);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<EventRow>();
        while (await row.ReadAsync(cancellation))
        {
            rows.Add(EventRow.Read(row));
        }

        return rows;
    }
}
