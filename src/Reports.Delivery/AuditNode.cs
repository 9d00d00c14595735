using System.Diagnostics;
using System.Diagnostics.Metrics;
using Marten;
using Marten.Exceptions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>Stream type of what a node notices of the audit itself.</summary>
internal sealed class AuditNoteStream;

/// <summary>
/// Puts on record what this node notices of the audit itself: that it could not record attempts, from when to when, and
/// that its clock is not the database's. What the event store does not take now is tried again in the next round.
/// </summary>
internal sealed partial class AuditNode : BackgroundService
{
    private readonly IDocumentStore _store;
    private readonly DownloadLedger _ledger;
    private readonly OutageWatch _outages;
    private readonly OutageJournal _journal;
    private readonly ClockWatch _clocks;
    private readonly DeliveryOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<AuditNode> _log;
    private Guid? _told;

    public AuditNode(
        IDocumentStore store,
        DownloadLedger ledger,
        OutageWatch outages,
        OutageJournal journal,
        ClockWatch clocks,
        DeliveryOptions options,
        IMeterFactory meters,
        TimeProvider clock,
        ILogger<AuditNode> log)
    {
        (_store, _ledger, _outages, _journal, _clocks) = (store, ledger, outages, journal, clocks);
        (_options, _clock, _log) = (options, clock, log);
        var meter = meters.Create("Reports.Delivery");
        meter.CreateObservableGauge(
            "reports.audit.outage",
            () => _outages.Current is { } outage ? (outage.To - outage.From).TotalSeconds : 0,
            "s",
            "For how long this node has not been able to record download attempts; 0 when it is.");
        meter.CreateObservableGauge(
            "reports.audit.outage.refused",
            () => _outages.Current?.Refused ?? 0,
            "{download}",
            "Downloads that this node has refused in the outage that lasts.");
        meter.CreateObservableGauge(
            "reports.audit.unwritten",
            () => _ledger.Unwritten,
            "{download}",
            "Endings of downloads that wait for the event store.");
        meter.CreateObservableGauge(
            "reports.clock.skew",
            () => _clocks.Skew.TotalSeconds,
            "s",
            "By how much this node's clock is ahead of the database's.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_options.NodeLease / 5);
        while (await NextAsync(timer, stoppingToken))
        {
            await RunAsync();
        }

        // What has ended is not left to the next run.
        await RunAsync();
    }

    private async Task RunAsync()
    {
        try
        {
            Tell(_outages.Current);
            _outages.Settle(_ledger.Unwritten == 0 && Stopwatch.GetTimestamp() < _ledger.LeaseEnds);
            while (_outages.Ended is { } ended)
            {
                await RecordAsync(new JournaledOutage(_ledger.NodeId, ended));
                _outages.Recorded();
                IsOver(_log, ended.From, ended.To, ended.Cause, ended.Refused);
            }

            foreach (var abandoned in _journal.Abandoned(_ledger.NodeId))
            {
                var cause = $"{abandoned.Outage.Cause}; the node ended before it was over";
                await RecordAsync(abandoned with { Outage = abandoned.Outage with { Cause = cause } });
            }

            if (_clocks.Unrecorded is { } skew)
            {
                await RecordAsync(skew);
                _clocks.Recorded();
            }
        }
        catch (Exception e)
        {
            NotTaken(_log, e);
        }
    }

    private void Tell(Outage? current)
    {
        if (current is null)
        {
            return;
        }

        if (_told != current.Id)
        {
            Begun(_log, current.From, current.Cause);
            _told = current.Id;
        }

        _journal.Write(new JournaledOutage(_ledger.NodeId, current));
    }

    private async Task RecordAsync(JournaledOutage entry)
    {
        var (outage, now) = (entry.Outage, _clock.GetUtcNow());
        await AppendAsync(outage.Id, new AuditOutageRecorded(
            outage.Id, entry.NodeId, AuditPart.EventStore, outage.Cause, outage.From, outage.To, outage.Refused,
            Actor.Service, now));
        _journal.Remove(outage.Id);
    }

    private async Task RecordAsync(TimeSpan skew)
    {
        ClockIsOff(_log, skew);
        var now = _clock.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        await AppendAsync(id, new ClockSkewDetected(
            id, _ledger.NodeId, (long)skew.TotalMilliseconds, Actor.Service, now));
    }

    // A commit whose answer was lost may have happened, and another node may have found the same file: the stream is
    // there then, and once is enough.
    private async Task AppendAsync(Guid stream, object e)
    {
        try
        {
            await using var session = _store.LightweightSession(Tenants.Platform);
            session.LastModifiedBy = Actor.Service.Id;
            session.Events.StartStream<AuditNoteStream>(stream, e);
            await session.SaveChangesAsync(CancellationToken.None);
        }
        catch (ExistingStreamIdCollisionException)
        {
            // It is on record.
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
        LogLevel.Critical, "Download attempts cannot be recorded since {From} ({Cause}): downloads are refused")]
    private static partial void Begun(ILogger log, DateTimeOffset from, string cause);

    [LoggerMessage(
        LogLevel.Warning, "Download attempts were not recorded from {From} to {To} ({Cause}); {Refused} were refused")]
    private static partial void IsOver(
        ILogger log, DateTimeOffset from, DateTimeOffset to, string cause, int refused);

    [LoggerMessage(LogLevel.Error, "The clock of this node is ahead of the database's by {Skew}")]
    private static partial void ClockIsOff(ILogger log, TimeSpan skew);

    [LoggerMessage(LogLevel.Debug, "What was noticed of the audit could not be put on record; it is tried again")]
    private static partial void NotTaken(ILogger log, Exception cause);
}

/// <summary>Ready only while every attempt is on record.</summary>
internal sealed class AuditCheck(DownloadLedger ledger, OutageWatch outages) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
            ledger.Unwritten == 0 && outages.Current is null
                ? HealthCheckResult.Healthy()
                : HealthCheckResult.Unhealthy());
}
