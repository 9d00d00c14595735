using System.Data.Common;
using System.Text.Json;
using Marten;
using Npgsql;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>Reads the table of schedules. Nothing here shows what is deleted.</summary>
internal sealed class ScheduleStore(NpgsqlDataSource database)
{
    private const string Columns =
        "schedule_id, merchant_id, definition, status, created_at, changed_at, since, version, last_end";

    public async Task<StoredSchedule?> GetAsync(Guid merchant, Guid schedule, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            select {Columns} from reports.schedules
            where merchant_id = $1 and schedule_id = $2 and status <> 'deleted'
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = schedule });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? Read(row) : null;
    }

    /// <summary>Every schedule of a merchant, the newest first.</summary>
    public async Task<List<StoredSchedule>> ListAsync(Guid merchant, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            select {Columns} from reports.schedules
            where merchant_id = $1 and status <> 'deleted'
            order by created_at desc, schedule_id desc
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var found = new List<StoredSchedule>();
        while (await row.ReadAsync(cancellation))
        {
            found.Add(Read(row));
        }

        return found;
    }

    /// <summary>The schedules that something may be due of, those first that have waited longest.</summary>
    public async Task<List<(Guid Schedule, Guid Merchant)>> ToLookAtAsync(
        DateTimeOffset now, Guid[] except, int limit, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select s.schedule_id, s.merchant_id
            from reports.schedules s join reports.lifecycle_merchants m using (merchant_id)
            where s.status = 'active' and not m.is_disabled and (s.look_at is null or s.look_at <= $1)
                and s.schedule_id <> all($2)
            order by s.look_at, s.last_end limit $3
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = except });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var found = new List<(Guid, Guid)>();
        while (await row.ReadAsync(cancellation))
        {
            found.Add((row.GetGuid(0), row.GetGuid(1)));
        }

        return found;
    }

    /// <summary>
    /// Takes a schedule for the transaction of a session, so that one at a time changes it or asks for its reports.
    /// </summary>
    /// <param name="session">The session; its transaction has begun.</param>
    /// <param name="merchant">Whose it must be.</param>
    /// <param name="schedule">Which.</param>
    /// <param name="waits">Whether to wait for whoever has it; else it is as if it were not there.</param>
    /// <param name="cancellation">Stops the waiting.</param>
    /// <returns>The schedule; null when there is none.</returns>
    public static async Task<StoredSchedule?> TakeAsync(
        IDocumentSession session, Guid merchant, Guid schedule, bool waits, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select {Columns} from reports.schedules
            where merchant_id = $1 and schedule_id = $2 and status <> 'deleted' for update {(waits ? "" : "skip locked")}
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = schedule });
        await using var row = await session.ExecuteReaderAsync(command, cancellation);
        return await row.ReadAsync(cancellation) ? Read(row) : null;
    }

    /// <summary>
    /// How many schedules a merchant has. The merchant is taken for the transaction of the session, so that one schedule
    /// at a time is added.
    /// </summary>
    public static async Task<long> CountAsync(IDocumentSession session, Guid merchant, CancellationToken cancellation)
    {
        // Two statements: the count must see what was committed while the first one waited.
        await ScalarAsync(
            session, "select 1 from reports.lifecycle_merchants where merchant_id = $1 for update", merchant, cancellation);
        return (long)(await ScalarAsync(
            session,
            "select count(*) from reports.schedules where merchant_id = $1 and status <> 'deleted'",
            merchant,
            cancellation))!;
    }

    private static async Task<object?> ScalarAsync(
        IDocumentSession session, string sql, Guid merchant, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        await using var row = await session.ExecuteReaderAsync(command, cancellation);
        return await row.ReadAsync(cancellation) ? row.GetValue(0) : null;
    }

    private static StoredSchedule Read(DbDataReader row) => new(
        new Schedule(
            row.GetGuid(0),
            row.GetGuid(1),
            JsonSerializer.Deserialize<ScheduleDefinition>(row.GetString(2), ContractJson.Options)!,
            ContractWords.Parse<ScheduleStatus>(row.GetString(3))!.Value,
            row.GetFieldValue<DateTimeOffset>(4),
            row.GetFieldValue<DateTimeOffset>(5),
            row.GetFieldValue<DateTimeOffset>(6)),
        row.GetInt32(7),
        row.IsDBNull(8) ? null : row.GetFieldValue<DateTimeOffset>(8));
}
