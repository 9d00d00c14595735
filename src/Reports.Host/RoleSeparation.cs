using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Reports.Host;

/// <summary>
/// Looks once, at the start, whether the service's everyday login could change what is recorded, in whichever table. It works all the same
/// then, on a database with one login for everything; but whoever takes a node over could rewrite the record.
/// </summary>
internal sealed partial class RoleSeparation(NpgsqlDataSource database, ILogger<RoleSeparation> log)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private bool _isMissing;

    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
            Volatile.Read(ref _isMissing) ? HealthCheckResult.Degraded() : HealthCheckResult.Healthy());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause);
        try
        {
            while (!await TryLookAsync(stoppingToken))
            {
                await timer.WaitForNextTickAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task<bool> TryLookAsync(CancellationToken cancellation)
    {
        try
        {
            await using var command = database.CreateCommand(
                """
                select coalesce(bool_or(
                    has_table_privilege(t.oid, t.rights) or has_any_column_privilege(t.oid, t.columns)
                    or pg_has_role(t.relowner, 'member')), false)
                from (
                    select c.oid, c.relowner, 'insert, update, delete, truncate, trigger' as rights,
                        'insert, update' as columns
                    from pg_class c where c.relkind = 'r' and c.relnamespace = to_regnamespace('ledger')
                    union all
                    select c.oid, c.relowner, 'update, delete, truncate, trigger',
                        case c.relname when 'mt_events' then 'update' else 'references' end
                    from pg_class c
                    where c.oid in (to_regclass('events.mt_events'), to_regclass('events.mt_streams'))) t
                """);
            Volatile.Write(ref _isMissing, (bool)(await command.ExecuteScalarAsync(cancellation))!);
        }
        catch (NpgsqlException)
        {
            // That the database is away is another check's to say.
            return false;
        }

        if (_isMissing)
        {
            LogMissing(log);
        }

        return true;
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The login in Reports:Database could change what is recorded: give the service a login of its own, and the owner of the schema and the sealer theirs (docs/operations.md, Logins of the database)")]
    private static partial void LogMissing(ILogger log);
}
