using Marten;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Wolverine;
using Wolverine.Attributes;
using Wolverine.Runtime;

namespace Reports.Lifecycle;

/// <summary>The time of a report's file is over.</summary>
/// <param name="ReportId">The report.</param>
[MessageIdentity("lifecycle.expire-report")]
public sealed record ExpireReport(Guid ReportId);

/// <summary>Ends the keeping of a report's file.</summary>
public static class ExpireReportHandler
{
    /// <summary>
    /// Records it, unless a hold has come in between. The file is removed after the commit; who is downloading it gets
    /// it whole.
    /// </summary>
    /// <param name="message">Which report.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="context">Sends what follows with the commit.</param>
    /// <param name="orders">Does what follows.</param>
    /// <param name="clock">The time.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when it is appended.</returns>
    public static async Task Handle(
        ExpireReport message,
        IDocumentSession session,
        IMessageContext context,
        GenerationOrders orders,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        session.LastModifiedBy = Actor.Service.Id;
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (stream.Aggregate is { } report)
        {
            var events = Decide(report, clock.GetUtcNow());
            stream.AppendMany(events);
            await orders.FollowAsync(events, session, context);
        }
    }

    internal static IReadOnlyList<object> Decide(Report report, DateTimeOffset now) =>
        report is { Status: ReportStatus.Finished, IsHeld: false } && report.ExpiresAt <= now
            ? [new ReportExpired(report.Id, report.MerchantId, Actor.Service, now)]
            : [];
}

/// <summary>Looks for finished reports that nobody holds and whose time is over.</summary>
internal sealed class RetentionWatcher(
    NpgsqlDataSource database,
    IWolverineRuntime messages,
    LifecycleOptions options,
    TimeProvider clock,
    ILogger<RetentionWatcher> log) : RecurringWork(options.RetentionInterval, clock, log)
{
    protected override async Task TurnAsync(CancellationToken cancellation)
    {
        foreach (var (report, merchant) in await DueAsync(database, Clock.GetUtcNow(), cancellation))
        {
            await new MessageBus(messages).PublishAsync(
                new ExpireReport(report), new DeliveryOptions { TenantId = Tenants.Name(merchant) });
        }
    }

    // Each is given to one node, and again after a while if nothing came of it. A hold takes it back (RequestsProjection).
    private static async Task<List<(Guid Report, Guid Merchant)>> DueAsync(
        NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            update reports.report_requests r set expiry_claimed_until = $1 + interval '10 minutes'
            from (
                select report_id from reports.report_requests
                where status = 'finished' and not is_held and expires_at <= $1
                  and (expiry_claimed_until is null or expiry_claimed_until <= $1)
                order by expires_at limit 1000 for update skip locked) due
            where r.report_id = due.report_id
            returning r.report_id, r.merchant_id
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var due = new List<(Guid, Guid)>();
        while (await row.ReadAsync(cancellation))
        {
            due.Add((row.GetGuid(0), row.GetGuid(1)));
        }

        return due;
    }
}
