using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Reports.Delivery;

/// <summary>
/// Exchanges the counts of requests with the other nodes, gives back downloads that could not be given back at once,
/// and deletes what counts for nothing any more.
/// </summary>
internal sealed partial class QuotaNode(
    RequestQuota requests, DownloadQuota downloads, TimeProvider clock, ILogger<QuotaNode> log) : BackgroundService
{
    // A request is known everywhere after its node has written it and another has read it: twice a round at most.
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan BetweenDeletions = TimeSpan.FromHours(1);

    private DateTimeOffset _deletedAt;
    private bool _isFailing;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Round);
        while (await NextAsync(timer, stoppingToken))
        {
            await RunAsync(stoppingToken);
        }

        // What this run has counted outlives it.
        await RunAsync(CancellationToken.None);
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await requests.ExchangeAsync(cancellation);
            await downloads.RefundPostponedAsync(cancellation);
            if (clock.GetUtcNow() is var now && now - _deletedAt > BetweenDeletions)
            {
                await requests.DeleteOldAsync(cancellation);
                await downloads.DeleteOldAsync(cancellation);
                _deletedAt = now;
            }

            _isFailing = false;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The last round follows.
        }
        catch (Exception e)
        {
            if (!_isFailing)
            {
                RoundFailed(log, e);
            }

            _isFailing = true;
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stopping)
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

    [LoggerMessage(
        LogLevel.Error, "The counts of quotas could not be written and read; they are kept, and it is tried again")]
    private static partial void RoundFailed(ILogger log, Exception cause);
}
