using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Reports.Audit.Sealing;

/// <summary>What is done when sealing works again after it had failed for a while.</summary>
/// <param name="cause">Why it had.</param>
/// <param name="from">Since when.</param>
/// <param name="to">Until when.</param>
internal delegate Task LedgerOutageEnded(string cause, DateTimeOffset from, DateTimeOffset to);

/// <summary>
/// Seals, or waits for its turn to. What is wrong stops it, loudly, and it looks again until it is right: nothing is
/// ever left out.
/// </summary>
internal sealed partial class SealerLoop(
    SealerDatabase database,
    LedgerOptions options,
    LedgerKeys keys,
    LedgerMemory memory,
    LedgerState state,
    TimeProvider clock,
    ILogger<SealerLoop> log,
    LedgerOutageEnded? outageEnded = null) : BackgroundService
{
    private static readonly TimeSpan ShortestOutage = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BetweenReminders = TimeSpan.FromMinutes(1);

    private readonly Sweep _sweep = new();
    private long _sweptAt;
    private long _remindedAt;

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken) =>
        keys.Signers.Count > 0
            ? base.StartAsync(cancellationToken)
            : throw new InvalidOperationException("No key of the ledger is configured, and this node is to seal.");

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await Sealer.TryBeginAsync(database.Source, options, keys, memory, clock, stoppingToken) is { } sealer)
                {
                    await using (sealer)
                    {
                        Began(log);
                        _sweptAt = 0;
                        await SealAsync(sealer, stoppingToken);
                    }
                }
                else
                {
                    state.StandBy();
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                Tell(e);
            }
            catch (Exception)
            {
                // The host stops.
            }

            await PauseAsync(options.RetryInterval, stoppingToken);
        }
    }

    private async Task SealAsync(Sealer sealer, CancellationToken stopping)
    {
        try
        {
            await SealUntilAsync(sealer, stopping);
        }
        finally
        {
            Anchor(isLast: true);
        }
    }

    private async Task SealUntilAsync(Sealer sealer, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var round = await sealer.SealAsync(stopping);
                await SucceedAsync(round);
                Anchor();
                if (round.HasMore)
                {
                    continue;
                }

                await SweepAsync(sealer, stopping);
                await PauseAsync(sealer.IsWaiting ? options.WaitInterval : options.Interval, stopping);
            }
            catch (LedgerFaultException e)
            {
                // The lock is kept: another node would find the same.
                Tell(e);
                Anchor();
                await PauseAsync(options.RetryInterval, stopping);
            }
        }
    }

    // Sealing does not depend on it; but whoever watches the health must know.
    private void Anchor(bool isLast = false)
    {
        try
        {
            memory.Anchor(isLast);
            state.HasAnchors = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (state.HasAnchors)
            {
                NotAnchored(log, e);
            }

            state.HasAnchors = false;
        }
    }

    private async Task SucceedAsync(SealRound round)
    {
        if (round.Sealed > 0)
        {
            Sealed(log, round.Sealed, round.Took.TotalMilliseconds);
        }

        if (round.Late > 0)
        {
            SealedLate(log, round.Late);
        }

        if (state.Succeed(round) is not var (cause, from, to))
        {
            return;
        }

        GoesOn(log, to - from);
        if (to - from >= ShortestOutage && outageEnded is not null)
        {
            await outageEnded(cause, from, to);
        }
    }

    private async Task SweepAsync(Sealer sealer, CancellationToken stopping)
    {
        if (_sweptAt != 0 && Stopwatch.GetElapsedTime(_sweptAt) < options.SweepInterval)
        {
            return;
        }

        var findings = await sealer.SweepAsync(_sweep, stopping);
        _sweptAt = Stopwatch.GetTimestamp();
        foreach (var fault in state.Take(findings))
        {
            Found(log, LedgerFaultException.Word(fault.Verdict), fault.Sequence, fault.Cause);
        }

        if (findings.Late.Count > 0)
        {
            FoundLate(log, findings.Late.Count, findings.Late[0]);
            sealer.Add(findings.Late);
        }
    }

    // Once when it begins, and then once a minute.
    private void Tell(Exception e)
    {
        if (!state.Fail(e) && Stopwatch.GetElapsedTime(_remindedAt) < BetweenReminders)
        {
            return;
        }

        _remindedAt = Stopwatch.GetTimestamp();
        if (e is LedgerFaultException fault)
        {
            Stopped(log, LedgerFaultException.Word(fault.Verdict), fault.Sequence, fault.Cause);
        }
        else
        {
            Failed(log, e);
        }
    }

    private static async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
        try
        {
            await Task.Delay(pause, TimeProvider.System, stopping);
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    [LoggerMessage(LogLevel.Information, "This node seals the ledger")]
    private static partial void Began(ILogger log);

    [LoggerMessage(LogLevel.Debug, "{Count} events were sealed in {Milliseconds} ms")]
    private static partial void Sealed(ILogger log, int count, double milliseconds);

    [LoggerMessage(LogLevel.Critical, "The ledger has stopped: {Verdict} at sequence {Sequence}: {Cause}")]
    private static partial void Stopped(ILogger log, string verdict, long sequence, string cause);

    [LoggerMessage(LogLevel.Critical, "A sealed event is not as it was: {Verdict} at sequence {Sequence}: {Cause}")]
    private static partial void Found(ILogger log, string verdict, long sequence, string cause);

    [LoggerMessage(LogLevel.Error, "{Count} events came late, from sequence {Sequence} on: later ones are sealed already")]
    private static partial void FoundLate(ILogger log, int count, long sequence);

    [LoggerMessage(LogLevel.Error, "{Count} events that came late were sealed")]
    private static partial void SealedLate(ILogger log, int count);

    [LoggerMessage(LogLevel.Error, "Events could not be sealed; it is tried again")]
    private static partial void Failed(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Error, "The newest checkpoint could not be laid down as an anchor; it is tried again")]
    private static partial void NotAnchored(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Warning, "The ledger goes on, after {Outage}")]
    private static partial void GoesOn(ILogger log, TimeSpan outage);
}
