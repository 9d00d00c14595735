using System.ComponentModel;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Reports.Host;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c>: it can do its work, which needs the database, the
/// file store, and every download attempt recorded. <c>/health/ledger</c>: what is recorded is sealed.
/// </summary>
internal static class Health
{
    private const string Ready = "ready";
    private const string Ledger = "ledger";
    private static readonly string[] Methods = ["GET", "HEAD"];

    public static void AddHealth(this IServiceCollection services) => services
        .AddSingleton<RoleSeparation>()
        .AddHostedService(s => s.GetRequiredService<RoleSeparation>())
        .AddHealthChecks()
        .AddCheck<RoleSeparation>("roles", tags: [Ready])
        .AddCheck<DatabaseCheck>("database", tags: [Ready], timeout: TimeSpan.FromSeconds(5))
        .AddCheck<StorageCheck>("storage", tags: [Ready], timeout: TimeSpan.FromSeconds(5));

    public static void MapHealth(this WebApplication app)
    {
        var health = app.MapGroup("/health").WithTags("Health").AllowAnonymous();
        health.MapMethods("/live", Methods, (HealthCheckService checks, CancellationToken cancellation) =>
                AnswerAsync(checks, _ => false, cancellation))
            .WithName("live").WithSummary("Whether the process answers")
            .WithDescription("Asks nothing of database and file store. Restart the process when it does not answer.")
            .Produces<HealthAnswer>().Produces(StatusCodes.Status405MethodNotAllowed);
        health.MapMethods("/ready", Methods, (HealthCheckService checks, CancellationToken cancellation) =>
                AnswerAsync(checks, check => check.Tags.Contains(Ready), cancellation))
            .WithName("ready").WithSummary("Whether the service can do its work")
            .WithDescription(
                "Checks the database, the file store and that every download attempt is on record. Send no requests " +
                "here while it answers 503.")
            .Produces<HealthAnswer>().Produces(StatusCodes.Status405MethodNotAllowed)
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
        health.MapMethods("/ledger", Methods, (HealthCheckService checks, CancellationToken cancellation) =>
                AnswerAsync(checks, check => check.Tags.Contains(Ledger), cancellation, HealthStatus.Degraded))
            .WithName("ledger").WithSummary("Whether the ledger seals")
            .WithDescription(
                "Answers 503 while events are not sealed, or when something that is sealed was changed. Requests are " +
                "answered all the same: alert whoever runs the service.")
            .Produces<HealthAnswer>().Produces(StatusCodes.Status405MethodNotAllowed)
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    // Names and states only: why a part is down stands in the log.
    private static async Task<IResult> AnswerAsync(
        HealthCheckService checks,
        Func<HealthCheckRegistration, bool> predicate,
        CancellationToken cancellation,
        HealthStatus worst = HealthStatus.Unhealthy)
    {
        var report = await checks.CheckHealthAsync(predicate, cancellation);
        return Results.Json(
            new HealthAnswer(Word(report.Status), report.Entries.ToDictionary(e => e.Key, e => Word(e.Value.Status))),
            statusCode: report.Status <= worst
                ? StatusCodes.Status503ServiceUnavailable
                : StatusCodes.Status200OK);
    }

    private static string Word(HealthStatus status) => status.ToString().ToLowerInvariant();

    [Description("The state of the service.")]
    internal sealed record HealthAnswer(
        [property: Description("`healthy`, `degraded` or `unhealthy`: the worst of the checks.")] string Status,
        [property: Description("The state of each part, by its name.")] IReadOnlyDictionary<string, string> Checks);

    private sealed class DatabaseCheck(NpgsqlDataSource database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var command = database.CreateCommand("select 1");
                await command.ExecuteScalarAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (NpgsqlException e)
            {
                return HealthCheckResult.Unhealthy(exception: e);
            }
        }
    }

    private sealed class StorageCheck(Settings settings) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                Directory.CreateDirectory(settings.StorageRoot);
                var probe = Path.Combine(settings.StorageRoot, $".{Path.GetRandomFileName()}");
                File.WriteAllBytes(probe, []);
                File.Delete(probe);
                return Task.FromResult(HealthCheckResult.Healthy());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Task.FromResult(HealthCheckResult.Unhealthy(exception: e));
            }
        }
    }
}
