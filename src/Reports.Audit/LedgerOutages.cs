using Marten;
using Marten.Exceptions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>
/// Makes events of the outages that the ledger has noted with its checkpoints: whoever sealed when one was over need not
/// know the event store, or be there any more. Each has the id of its event, so that once is enough.
/// </summary>
internal sealed partial class LedgerOutages(
    IDocumentStore store, AuditorDatabase database, TimeProvider clock, ILogger<LedgerOutages> log) : BackgroundService
{
    private const string Unrecorded =
        """
        select o.id, o.cause, o.began, o.ended from ledger.outages o
        where not exists (select from events.mt_streams s where s.id = o.id) order by o.size limit 100
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Guid _node = Guid.CreateVersion7(clock.GetUtcNow());
    private bool _isFailing;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            do
            {
                await TryAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task TryAsync(CancellationToken cancellation)
    {
        try
        {
            foreach (var outage in await UnrecordedAsync(cancellation))
            {
                await RecordAsync(outage);
            }

            _isFailing = false;
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            if (!_isFailing)
            {
                NotRecorded(log, e);
            }

            _isFailing = true;
        }
    }

    private async Task<List<AuditOutageRecorded>> UnrecordedAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = database.Source.CreateCommand(Unrecorded);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var outages = new List<AuditOutageRecorded>();
        while (await row.ReadAsync(cancellation))
        {
            outages.Add(new AuditOutageRecorded(
                row.GetGuid(0), _node, AuditPart.Ledger, row.GetString(1), row.GetFieldValue<DateTimeOffset>(2),
                row.GetFieldValue<DateTimeOffset>(3), 0, Actor.Service, now));
        }

        return outages;
    }

    private async Task RecordAsync(AuditOutageRecorded outage)
    {
        try
        {
            await using var session = store.LightweightSession(Tenants.Platform);
            session.LastModifiedBy = Actor.Service.Id;
            session.Events.StartStream<AuditStream>(outage.OutageId, outage);
            await session.SaveChangesAsync(CancellationToken.None);
        }
        catch (ExistingStreamIdCollisionException)
        {
            // Another node was first, or the answer to the commit was lost.
        }
    }

    [LoggerMessage(LogLevel.Warning, "Outages of the ledger could not be put on record; it is tried again")]
    private static partial void NotRecorded(ILogger log, Exception cause);
}
