using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Reports.Host.Roads;

/// <summary>
/// Counts dead letters and rows that wait at the entrance, for metrics and for the health of the service. A request for
/// either costs no query: the counts are a few seconds old.
/// </summary>
internal sealed partial class MessageCounts : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<MessageCounts> _logger;
    private readonly DeadLetterTrend _trend;
    private long _waiting;

    public MessageCounts(
        NpgsqlDataSource database,
        DeadLetterTrend trend,
        IMeterFactory meters,
        TimeProvider clock,
        ILogger<MessageCounts> logger)
    {
        (_database, _trend, _clock, _logger) = (database, trend, clock, logger);
        var meter = meters.Create("Reports.Messaging");
        meter.CreateObservableGauge(
            "reports.dead_letters", () => _trend.Count, "{message}", "Messages that no handler could make use of");
        meter.CreateObservableGauge(
            "reports.ingress.waiting", () => Interlocked.Read(ref _waiting), "{message}",
            "Rows of ingress.messages that are not taken yet");
    }

    /// <summary>Counts anew.</summary>
    internal async Task CountAsync(CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            """
            select (select count(*) from wolverine.wolverine_dead_letters where archived_at is null),
                (select count(*) from ingress.messages)
            """);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        _trend.Note(row.GetInt64(0), _clock.GetUtcNow());
        Interlocked.Exchange(ref _waiting, row.GetInt64(1));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, _clock);
        try
        {
            do
            {
                await TryCountAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task TryCountAsync(CancellationToken cancellation)
    {
        try
        {
            await CountAsync(cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            // That the database is away is another check's to say.
            LogNotCounted(e);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Dead letters could not be counted")]
    private partial void LogNotCounted(Exception e);
}

/// <summary>How many dead letters there are, and how many there were a while ago.</summary>
internal sealed class DeadLetterTrend
{
    /// <summary>How far back is compared.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    private readonly Lock _lock = new();
    private readonly Queue<(DateTimeOffset At, long Count)> _samples = new();

    /// <summary>The latest count; zero before the first.</summary>
    public long Count { get; private set; }

    /// <summary>Whether there are more than when the window began, or at the first count since the start.</summary>
    public bool IsGrowing { get; private set; }

    /// <summary>Notes a count.</summary>
    public void Note(long count, DateTimeOffset now)
    {
        lock (_lock)
        {
            _samples.Enqueue((now, count));
            while (_samples.Count > 1 && _samples.ElementAt(1).At <= now - Window)
            {
                _samples.Dequeue();
            }

            (Count, IsGrowing) = (count, count > _samples.Peek().Count);
        }
    }
}

/// <summary>The service does its work whatever its dead letters; but somebody should look.</summary>
internal sealed class DeadLetterCheck(DeadLetterTrend trend, RoadSettings settings) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
            trend.IsGrowing || trend.Count > settings.DeadLetterAlarm
                ? HealthCheckResult.Degraded()
                : HealthCheckResult.Healthy());
}
