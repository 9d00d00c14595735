using System.Diagnostics;
using JasperFx;
using Marten;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>
/// Keeps this node's lease, writes down endings that had to wait, and closes the attempts of nodes whose lease has
/// lapsed as interrupted. Time is the database's, so that nodes need not agree on theirs. With the lease it hears of
/// origins that were erased, and forgets them.
/// </summary>
internal sealed partial class DownloadNode(
    NpgsqlDataSource database,
    IDocumentStore store,
    DownloadLedger ledger,
    Origins origins,
    OutageWatch outages,
    ClockWatch clocks,
    DeliveryOptions options,
    TimeProvider clock,
    ILogger<DownloadNode> log) : BackgroundService
{
    // Attempts recorded before this place in the store have all ended: a sweep need not look at them.
    private long? _floor;
    private (long Sequence, long Taken)? _candidate;
    private long _leaseHeldSince;

    public static ISchemaObject Table()
    {
        var table = new Table("reports.download_nodes");
        table.AddColumn("node_id", "uuid").AsPrimaryKey();
        table.AddColumn("lease_until", "timestamptz").NotNull();
        table.AddColumn("floor", "bigint").NotNull();
        return table;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // No attempt may be recorded before its node can be seen to have died.
        await RenewAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Two loops, so that no work, however long, keeps the lease from being renewed.
        await Task.WhenAll(
            RepeatAsync(RenewOrNoteAsync, stoppingToken),
            RepeatAsync(WriteAndSweepAsync, stoppingToken));
        await LeaveAsync();
    }

    private async Task RepeatAsync(Func<CancellationToken, Task> round, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(options.NodeLease / 5);
        while (await NextAsync(timer, stopping))
        {
            try
            {
                await round(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                RoundFailed(log, e);
            }
        }
    }

    private async Task WriteAndSweepAsync(CancellationToken cancellation)
    {
        await ledger.WriteWaitingAsync(options.NodeLease / 5, cancellation);
        if (Stopwatch.GetElapsedTime(Volatile.Read(ref _leaseHeldSince)) > options.NodeLease)
        {
            await SweepAsync(cancellation);
        }
    }

    private async Task RenewOrNoteAsync(CancellationToken cancellation)
    {
        try
        {
            await RenewAsync(cancellation);
            outages.Work();
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            outages.Fail(OutageWatch.Cause(e));
            throw;
        }
    }

    private async Task RenewAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with before as (select lease_until from reports.download_nodes where node_id = $1)
            insert into reports.download_nodes as n (node_id, lease_until, floor)
            select $1, now() + $2, coalesce($3, last_value - 1) from events.mt_events_sequence
            on conflict (node_id) do update set lease_until = excluded.lease_until, floor = excluded.floor
            returning floor, coalesce((select lease_until > now() from before), false),
                      (select last_value from events.mt_events_sequence),
                      (select count(*) from events.mt_events where type = 'audit.subject-erased.v1'),
                      clock_timestamp()
            """);
        command.Parameters.AddWithValue(ledger.NodeId);
        command.Parameters.AddWithValue(options.NodeLease);
        command.Parameters.AddWithValue(NpgsqlDbType.Bigint, (object?)_floor ?? DBNull.Value);
        var (now, asked) = (clock.GetUtcNow(), Stopwatch.GetTimestamp());
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        var answered = Stopwatch.GetTimestamp();
        _floor = row.GetInt64(0);
        if (!row.GetBoolean(1))
        {
            // The lease is new or had lapsed. Perhaps nobody could renew: give the others time before sweeping them.
            Volatile.Write(ref _leaseHeldSince, answered);
        }

        ledger.LeaseEnds = asked + (long)(options.NodeLease.TotalSeconds * Stopwatch.Frequency);
        MoveFloor(row.GetInt64(2), answered);
        origins.Forget(row.GetInt64(3));
        clocks.Compare(now, Stopwatch.GetElapsedTime(asked, answered), row.GetFieldValue<DateTimeOffset>(4));
    }

    // Whatever has a number up to the one that was read had started by then. So once every attempt that had started by
    // then has ended, all that is open lies above it.
    private void MoveFloor(long sequence, long taken)
    {
        if (_candidate is { } candidate && ledger.OldestOpen > candidate.Taken)
        {
            _floor = candidate.Sequence;
            _candidate = null;
        }

        _candidate ??= (sequence, taken);
    }

    private async Task SweepAsync(CancellationToken cancellation)
    {
        foreach (var (node, floor) in await LapsedAsync(cancellation))
        {
            var (closed, failed) = (0, 0);
            foreach (var (tenant, attempt) in await OpenAttemptsAsync(node, floor, cancellation))
            {
                try
                {
                    closed += await CloseAsync(tenant, attempt, cancellation) ? 1 : 0;
                }
                catch (Exception e) when (!cancellation.IsCancellationRequested)
                {
                    // One attempt must not keep the others open; the node is not forgotten, so it is tried again.
                    failed++;
                    RoundFailed(log, e);
                }
            }

            if (failed == 0)
            {
                await ForgetAsync(node, cancellation);
            }

            NodeLost(log, node, closed);
        }
    }

    private async Task<List<(Guid Node, long Floor)>> LapsedAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select node_id, floor from reports.download_nodes where lease_until < now() and node_id <> $1");
        command.Parameters.AddWithValue(ledger.NodeId);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var lapsed = new List<(Guid, long)>();
        while (await row.ReadAsync(cancellation))
        {
            lapsed.Add((row.GetGuid(0), row.GetInt64(1)));
        }

        return lapsed;
    }

    private async Task<List<(string Tenant, Guid Attempt)>> OpenAttemptsAsync(
        Guid node, long floor, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select e.tenant_id, e.stream_id
            from events.mt_events e
            where e.type = 'download.attempted.v1' and e.seq_id > $1 and (e.data ->> 'node_id')::uuid = $2
              and not exists (
                  select from events.mt_events o
                  where o.tenant_id = e.tenant_id and o.stream_id = e.stream_id and o.version = 2)
            """);
        command.Parameters.AddWithValue(floor);
        command.Parameters.AddWithValue(node);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var open = new List<(string, Guid)>();
        while (await row.ReadAsync(cancellation))
        {
            open.Add((row.GetString(0), row.GetGuid(1)));
        }

        return open;
    }

    private async Task<bool> CloseAsync(string tenant, Guid attemptId, CancellationToken cancellation)
    {
        await using var session = store.LightweightSession(tenant);
        session.LastModifiedBy = Actor.Service.Id;
        var events = await session.Events.FetchStreamAsync(attemptId, token: cancellation);
        if (events is not [{ Data: DownloadAttempted attempted }])
        {
            return false;
        }

        session.Events.Append(attemptId, 2, new ReportDownloadFailed(
            attemptId, attempted.ReportId, DownloadFailure.Interrupted, null, "interrupted", null, null, Actor.Service,
            clock.GetUtcNow()));
        try
        {
            await session.SaveChangesAsync(cancellation);
            return true;
        }
        catch (ConcurrencyException)
        {
            // Another node swept at the same time.
            return false;
        }
    }

    private async Task ForgetAsync(Guid node, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "delete from reports.download_nodes where node_id = $1 and (lease_until < now() or $2)");
        command.Parameters.AddWithValue(node);
        command.Parameters.AddWithValue(node == ledger.NodeId);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    // A node that stops in good order has no open attempts; if it has, its lease lapses and another node closes them.
    private async Task LeaveAsync()
    {
        try
        {
            ledger.LeaseEnds = 0;
            await ledger.WriteWaitingAsync(options.NodeLease, CancellationToken.None);
            if (ledger.OldestOpen == long.MaxValue)
            {
                await ForgetAsync(ledger.NodeId, CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            RoundFailed(log, e);
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
        LogLevel.Warning, "The lease of node {Node} lapsed; {Closed} of its downloads were closed as interrupted")]
    private static partial void NodeLost(ILogger log, Guid node, int closed);

    [LoggerMessage(LogLevel.Error, "The node could not renew its lease or sweep; it tries again")]
    private static partial void RoundFailed(ILogger log, Exception cause);
}
