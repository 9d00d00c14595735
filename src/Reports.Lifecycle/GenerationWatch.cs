using Marten;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Core;
using Weasel.Postgresql.Tables;
using Wolverine;
using Wolverine.Runtime;

namespace Reports.Lifecycle;

/// <summary>
/// Until when each running try must be heard of, and how far it says it is. Heartbeats change it and are no events: a
/// report of an hour would have hundreds. What is decided from it, a timeout, is an event. It is no projection: a
/// rebuild leaves it alone (<c>docs/adr/0013-a-generator-answers-at-least-once.md</c>).
/// </summary>
internal static class GenerationWatch
{
    public static ISchemaObject Table()
    {
        var table = new Table("reports.generation_watch");
        table.AddColumn("report_id", "uuid").AsPrimaryKey();
        table.AddColumn("merchant_id", "uuid").NotNull();
        table.AddColumn("attempt", "integer").NotNull();
        table.AddColumn("deadline", "timestamptz").NotNull();
        table.AddColumn("started_at", "timestamptz");
        table.AddColumn("heard_at", "timestamptz");
        table.AddColumn("records", "bigint");
        table.AddColumn("expected_records", "bigint");
        table.AddColumn("claimed_until", "timestamptz");
        table.Indexes.Add(new IndexDefinition("generation_watch_by_deadline") { Columns = ["deadline"] });
        return table;
    }

    public static void Begin(
        IDocumentOperations session, Guid report, Guid merchant, int attempt, DateTimeOffset deadline) =>
        session.QueueSqlCommand(
            """
            insert into reports.generation_watch as w (report_id, merchant_id, attempt, deadline) values (?, ?, ?, ?)
            on conflict (report_id) do update set attempt = excluded.attempt, deadline = excluded.deadline,
                started_at = null, heard_at = null, records = null, expected_records = null, claimed_until = null
            where w.attempt < excluded.attempt
            """,
            report, merchant, attempt, deadline.ToUniversalTime());

    public static void Start(
        IDocumentOperations session, Guid report, int attempt, DateTimeOffset now, DateTimeOffset deadline) =>
        session.QueueSqlCommand(
            """
            update reports.generation_watch set started_at = ?, heard_at = ?, deadline = ?
            where report_id = ? and attempt = ?
            """,
            now.ToUniversalTime(), now.ToUniversalTime(), deadline.ToUniversalTime(), report, attempt);

    /// <summary>The file is there: from here on it is waited for its verification.</summary>
    public static void Verify(IDocumentOperations session, Guid report, DateTimeOffset deadline)
    {
        session.QueueSqlCommand(
            "update reports.generation_watch set deadline = ?, claimed_until = null where report_id = ?",
            deadline.ToUniversalTime(), report);
        OrderTable.Remove(session, report);
    }

    /// <summary>Another try is to be ordered, and begun, until then.</summary>
    public static void Next(IDocumentOperations session, Guid report, int attempt, DateTimeOffset deadline)
    {
        session.QueueSqlCommand(
            """
            update reports.generation_watch set attempt = ?, deadline = ?, started_at = null, heard_at = null,
                records = null, expected_records = null, claimed_until = null
            where report_id = ?
            """,
            attempt, deadline.ToUniversalTime(), report);
        OrderTable.Remove(session, report);
    }

    public static void End(IDocumentOperations session, Guid report)
    {
        session.QueueSqlCommand("delete from reports.generation_watch where report_id = ?", report);
        OrderTable.Remove(session, report);
    }

    /// <summary>
    /// Notes a sign of life. Null when the try is not watched; else whether it is known to have begun. Whoever took its
    /// order keeps it for as long as the sign is good for.
    /// </summary>
    public static async Task<bool?> HearAsync(
        NpgsqlDataSource database,
        Guid report,
        int attempt,
        long records,
        long? expected,
        DateTimeOffset now,
        DateTimeOffset deadline,
        CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with kept as (
                update ingress.orders set taken_until = greatest(taken_until, $4)
                where report_id = $1 and attempt = $2 and taken_until is not null)
            update reports.generation_watch
            set heard_at = greatest(heard_at, $3), deadline = greatest(deadline, $4),
                records = greatest(records, $5), expected_records = coalesce($6, expected_records)
            where report_id = $1 and attempt = $2
            returning started_at is not null
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = report });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = attempt });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = deadline.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = records });
        command.Parameters.Add(new NpgsqlParameter<long?> { TypedValue = expected });
        return (bool?)await command.ExecuteScalarAsync(cancellation);
    }

    /// <summary>
    /// The tries whose time is over. Each is given to one node at a time, and again after a while if nothing came of it.
    /// </summary>
    public static async Task<List<(Guid Report, Guid Merchant, int Attempt)>> OverdueAsync(
        NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            update reports.generation_watch w set claimed_until = $1 + interval '1 minute'
            from (
                select report_id from reports.generation_watch
                where deadline <= $1 and (claimed_until is null or claimed_until <= $1)
                order by deadline limit 500 for update skip locked) due
            where w.report_id = due.report_id
            returning w.report_id, w.merchant_id, w.attempt
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var due = new List<(Guid, Guid, int)>();
        while (await row.ReadAsync(cancellation))
        {
            due.Add((row.GetGuid(0), row.GetGuid(1), row.GetInt32(2)));
        }

        return due;
    }

    /// <summary>Whether a try is watched and its time is over.</summary>
    public static async Task<bool> IsOverdueAsync(
        NpgsqlDataSource database, Guid report, int attempt, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select deadline <= $3 from reports.generation_watch where report_id = $1 and attempt = $2");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = report });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = attempt });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        return await command.ExecuteScalarAsync(cancellation) is true;
    }
}

/// <summary>
/// Something that every node does again and again. What fails is logged and tried again at the next turn; the nodes
/// share the work by what each turn claims in the database.
/// </summary>
internal abstract partial class RecurringWork(TimeSpan interval, TimeProvider clock, ILogger log)
    : BackgroundService, IHostedLifecycleService
{
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected TimeProvider Clock => clock;

    protected abstract Task TurnAsync(CancellationToken cancellation);

    /// <summary>Lets the turns begin. What was claimed before messages can be sent would be claimed in vain.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _started.TrySetResult();
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await _started.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using var timer = new PeriodicTimer(interval, clock);
        while (await WaitAsync(timer, stoppingToken))
        {
            try
            {
                await TurnAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Failed(log, e, GetType().Name);
            }
        }
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "A turn of {Work} failed; it is tried again")]
    private static partial void Failed(ILogger log, Exception e, string work);
}

/// <summary>Looks for tries whose time is over.</summary>
internal sealed class GenerationWatcher(
    NpgsqlDataSource database,
    IWolverineRuntime messages,
    LifecycleOptions options,
    TimeProvider clock,
    ILogger<GenerationWatcher> log) : RecurringWork(options.WatchInterval, clock, log)
{
    protected override async Task TurnAsync(CancellationToken cancellation)
    {
        foreach (var (report, merchant, attempt) in await GenerationWatch.OverdueAsync(
            database, Clock.GetUtcNow(), cancellation))
        {
            await new MessageBus(messages).PublishAsync(
                new ExpireAttempt(report, attempt), new DeliveryOptions { TenantId = Tenants.Name(merchant) });
        }
    }
}
