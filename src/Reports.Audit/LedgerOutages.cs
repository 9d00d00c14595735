using System.Threading.Channels;
using Marten;
using Marten.Exceptions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>
/// Puts on record that the ledger had stopped and goes on. Sealing does not wait for it, and what the event store does
/// not take now is tried again; a process that ends before loses it, as its log does not.
/// </summary>
internal sealed partial class LedgerOutages(
    IDocumentStore store, TimeProvider clock, ILogger<LedgerOutages> log) : BackgroundService
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(5);

    private readonly Guid _node = Guid.CreateVersion7(clock.GetUtcNow());
    private readonly Channel<AuditOutageRecorded> _ended = Channel.CreateUnbounded<AuditOutageRecorded>();

    /// <summary>Notes an outage that is over.</summary>
    public Task EndAsync(string cause, DateTimeOffset from, DateTimeOffset to)
    {
        var now = clock.GetUtcNow();
        _ended.Writer.TryWrite(new AuditOutageRecorded(
            Guid.CreateVersion7(now), _node, AuditPart.Ledger, cause, from, to, 0, Actor.Service, now));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var outage in _ended.Reader.ReadAllAsync(stoppingToken))
            {
                while (!await TryRecordAsync(outage))
                {
                    await Task.Delay(BetweenTries, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task<bool> TryRecordAsync(AuditOutageRecorded outage)
    {
        try
        {
            await using var session = store.LightweightSession(Tenants.Platform);
            session.LastModifiedBy = Actor.Service.Id;
            session.Events.StartStream<AuditStream>(outage.OutageId, outage);
            await session.SaveChangesAsync(CancellationToken.None);
            return true;
        }
        catch (ExistingStreamIdCollisionException)
        {
            // The answer to its commit was lost.
            return true;
        }
        catch (Exception e)
        {
            NotTaken(log, e);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "An outage of the ledger could not be put on record; it is tried again")]
    private static partial void NotTaken(ILogger log, Exception cause);
}
