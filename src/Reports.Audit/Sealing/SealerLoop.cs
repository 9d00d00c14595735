using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Reports.Audit.Sealing;

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
    ILogger<SealerLoop> log) : BackgroundService
{
    private static readonly TimeSpan BetweenReminders = TimeSpan.FromMinutes(1);

    private readonly Sweep _sweep = new(options.Origin, keys.Believed);
    private readonly LedgerFaults _faults = new(database.Source, clock);
    private readonly Dictionary<string, string> _recorded = [];
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
                        _recorded.Clear();
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
                await TellAsync(e, stoppingToken);
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
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var sweeping = SweepUntilAsync(sealer, ending.Token);
        try
        {
            await SealUntilAsync(sealer, stopping);
        }
        finally
        {
            await ending.CancelAsync();
            await sweeping;
            await AnchorAsync(stopping, isLast: true);
        }
    }

    private async Task SealUntilAsync(Sealer sealer, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var round = await sealer.SealAsync(stopping);
                await SucceedAsync(round, stopping);
                await AnchorAsync(stopping);
                if (!round.HasMore)
                {
                    await PauseAsync(sealer.IsWaiting ? options.WaitInterval : options.Interval, stopping);
                }
            }
            catch (LedgerFaultException e)
            {
                // The lock is kept: another node would find the same.
                await TellAsync(e, stopping);
                await AnchorAsync(stopping);
                await PauseAsync(options.RetryInterval, stopping);
            }
        }
    }

    // Sealing does not depend on it; but whoever watches the health must know.
    private async Task AnchorAsync(CancellationToken stopping, bool isLast = false)
    {
        LedgerFaultException? fault = null;
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
            fault = new(LedgerVerdict.NoAnchors, 0, $"no checkpoint can be laid down: {e.Message}");
        }

        await RecordAsync(LedgerFaults.Anchors, fault, stopping);
    }

    // Once for each change, and what the database does not take, again. Nothing waits for it but the next round.
    private async Task RecordAsync(string kind, LedgerFaultException? fault, CancellationToken stopping)
    {
        var now = fault?.Message ?? "";
        if (_recorded.TryGetValue(kind, out var recorded) && recorded == now)
        {
            return;
        }

        try
        {
            await _faults.SetAsync(kind, fault is null ? [] : [fault], stopping);
            _recorded[kind] = now;
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            NotRecorded(log, e);
        }
        catch (OperationCanceledException)
        {
            // The host stops; who seals next finds the same.
        }
    }

    private async Task SucceedAsync(SealRound round, CancellationToken stopping)
    {
        if (round.Sealed > 0)
        {
            Sealed(log, round.Sealed, round.Took.TotalMilliseconds);
        }

        if (round.Late > 0)
        {
            SealedLate(log, round.Late);
        }

        if (state.Succeed(round) is { } failed)
        {
            GoesOn(log, failed);
        }

        await RecordAsync(LedgerFaults.Stopped, null, stopping);
    }

    // On a connection of its own, and beside the sealing: whatever becomes of it, the sealer keeps its lock, and however
    // much there is to seal, it is looked at what is.
    private async Task SweepUntilAsync(Sealer sealer, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await SweepAsync(sealer, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                NotSwept(log, e);
                state.Unswept();
            }
            catch (Exception)
            {
                // The host stops.
            }

            await PauseAsync(options.SweepInterval, stopping);
        }
    }

    private async Task SweepAsync(Sealer sealer, CancellationToken stopping)
    {
        await using var connection = await database.Source.OpenConnectionAsync(stopping);
        var findings = await _sweep.RunAsync(connection, stopping);
        if (findings.Late.Count > 0)
        {
            FoundLate(log, findings.Late.Count, findings.Late[0]);
            sealer.Add(findings.Late);
        }

        var known = await _faults.OpenAsync(LedgerFaults.Found, stopping);
        foreach (var fault in state.Take([.. known.Select(LedgerFaultException.Of)], findings))
        {
            Found(log, LedgerFaultException.Word(fault.Verdict), fault.Sequence, fault.Cause);
        }

        await _faults.SetAsync(LedgerFaults.Found, state.Findings, stopping);
    }

    // Once when it begins, and then once a minute.
    private async Task TellAsync(Exception e, CancellationToken stopping)
    {
        var fault = e as LedgerFaultException;
        if (state.Fail(e) || Stopwatch.GetElapsedTime(_remindedAt) >= BetweenReminders)
        {
            _remindedAt = Stopwatch.GetTimestamp();
            if (fault is not null)
            {
                Stopped(log, LedgerFaultException.Word(fault.Verdict), fault.Sequence, fault.Cause);
            }
            else
            {
                Failed(log, e);
            }
        }

        if (fault is not null)
        {
            await RecordAsync(LedgerFaults.Stopped, fault, stopping);
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

    [LoggerMessage(LogLevel.Error, "What is sealed could not be looked through; it is tried again")]
    private static partial void NotSwept(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Error, "What is wrong with the ledger, or was, could not be recorded; it is tried again")]
    private static partial void NotRecorded(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Critical, "The newest checkpoint could not be laid down as an anchor; it is tried again")]
    private static partial void NotAnchored(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Warning, "The ledger goes on, after {Outage}")]
    private static partial void GoesOn(ILogger log, TimeSpan outage);
}
