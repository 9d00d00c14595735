using Npgsql;
using Reports.Contracts.Messages;
using Reports.Generator.Files;

namespace Reports.Generator;

/// <summary>
/// Tells of a generation's progress while it goes on, whether rows come or not: the first row of a slow query may take
/// longer than any sign of life may be late. Its end waits for the word that is on its way, so that none follows.
/// </summary>
internal sealed class Heartbeat : IAsyncDisposable
{
    private static readonly TimeSpan DefaultPause = TimeSpan.FromSeconds(10);

    private readonly GenerateReport _message;
    private readonly Totals _totals;
    private readonly Func<long, long?, CancellationToken, ValueTask> _progress;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _pause;
    private readonly CancellationTokenSource _stop;
    private Task _beating = Task.CompletedTask;

    private Heartbeat(
        GenerateReport message,
        Totals totals,
        Func<long, long?, CancellationToken, ValueTask> progress,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        (_message, _totals, _progress, _clock) = (message, totals, progress, clock);
        _pause = message.HeartbeatSeconds is > 0 and { } late ? TimeSpan.FromSeconds(late / 3.0) : DefaultPause;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    /// <summary>Tells that nothing is written yet, then goes on beside the caller's work.</summary>
    public static async Task<Heartbeat> StartAsync(
        GenerateReport message,
        TransactionDatabase database,
        Totals totals,
        Func<long, long?, CancellationToken, ValueTask> progress,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        await progress(0, null, cancellation);
        var heartbeat = new Heartbeat(message, totals, progress, clock, cancellation);
        heartbeat._beating = heartbeat.BeatAsync(database);
        return heartbeat;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _beating;
        }
        finally
        {
            _stop.Dispose();
        }
    }

    private async Task BeatAsync(TransactionDatabase database)
    {
        using var timer = new PeriodicTimer(_pause, _clock);
        try
        {
            await timer.WaitForNextTickAsync(_stop.Token);
            var expected = await ExpectedAsync(database);
            do
            {
                var records = _totals.Records;
                await _progress(records, expected >= records ? expected : null, _stop.Token);
            }
            while (await timer.WaitForNextTickAsync(_stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The work has ended.
        }
    }

    /// <summary>
    /// How many rows there will be; none when counting them takes longer than a pause. It is counted beside the work,
    /// on another connection, and only once the work has turned out to be long.
    /// </summary>
    private async Task<long?> ExpectedAsync(TransactionDatabase database)
    {
        using var patience = new CancellationTokenSource(_pause, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _stop.Token);
        try
        {
            var (start, end) = (_message.Period.Start, _message.Period.End);
            return await database.CountAsync(_message.MerchantId, start, end, either.Token);
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            _stop.Token.ThrowIfCancellationRequested();
            return null;
        }
    }
}
