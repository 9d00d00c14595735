using Marten;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Storage;
using Wolverine;
using Wolverine.Attributes;
using GenerationStarted = Reports.Contracts.Events.GenerationStarted;

namespace Reports.Lifecycle;

/// <summary>It is time for another try.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The try that is to be ordered.</param>
[MessageIdentity("lifecycle.retry-generation")]
public sealed record RetryGeneration(Guid ReportId, int Attempt);

/// <summary>Files of a report that nothing needs any more are to be removed.</summary>
/// <param name="ReportId">The report.</param>
[MessageIdentity("lifecycle.remove-leftovers")]
public sealed record RemoveLeftovers(Guid ReportId);

/// <summary>
/// What follows from the events of a report beyond its stream: orders to generators, deadlines, verification, cleaning
/// up. All of it is written or sent by the commit that appends the events.
/// </summary>
public sealed class GenerationOrders
{
    // A foreign generator may be down for a weekend; what it was asked for before it may still answer.
    private static readonly TimeSpan GrantLifetime = TimeSpan.FromDays(7);

    private readonly Grants _grants;
    private readonly LifecycleOptions _options;
    private readonly OwnAddress _address;
    private readonly ReportFiles _files;

    internal GenerationOrders(Grants grants, LifecycleOptions options, OwnAddress address, ReportFiles files) =>
        (_grants, _options, _address, _files) = (grants, options, address, files);

    /// <summary>Does what follows from events that are about to be committed.</summary>
    /// <param name="events">The events, in their order.</param>
    /// <param name="session">The session that appends them.</param>
    /// <param name="bus">The outbox of that session.</param>
    internal async Task FollowAsync(IReadOnlyList<object> events, IDocumentOperations session, IMessageBus bus)
    {
        foreach (var @event in events)
        {
            switch (@event)
            {
                case ReportRequested e:
                    var at = e.Report.RequestedAt;
                    await OrderAsync(For(e.ReportId, e.MerchantId, e.Report, 1, at), at, session, bus);
                    break;
                case GenerationStarted e:
                    var deadline = e.StartedAt + _options.HeartbeatWithin;
                    GenerationWatch.Start(session, e.ReportId, e.Attempt, e.StartedAt, deadline);
                    break;
                case ReportGenerated when events.Any(e => e is ReportFinished):
                    break; // It is verified already.
                case ReportGenerated e:
                    GenerationWatch.Verify(session, e.ReportId, e.GeneratedAt + _options.VerifyWithin);
                    await bus.PublishAsync(new VerifyReport(e.ReportId));
                    break;
                case GenerationAttemptFailed e:
                    GenerationWatch.Next(session, e.ReportId, e.Attempt + 1, e.RetryAt + _options.StartWithin);
                    await bus.ScheduleAsync(new RetryGeneration(e.ReportId, e.Attempt + 1), e.RetryAt);
                    break;
                case ReportGenerationFailed e:
                    await EndAsync(e.ReportId, session, bus);
                    break;
                case ReportCancelled e:
                    await EndAsync(e.ReportId, session, bus);
                    break;
                case ReportFinished e when _files.HoldsOnly(
                    Prefix(e.MerchantId, e.ReportId), StorageKey.Parse(e.StorageKey)):
                    GenerationWatch.End(session, e.ReportId); // Nothing is left over.
                    break;
                case ReportFinished e:
                    await EndAsync(e.ReportId, session, bus);
                    break;
                case LateResultIgnored { Answer: GeneratorAnswer.Completed } e:
                    await bus.PublishAsync(new RemoveLeftovers(e.ReportId));
                    break;
                case ReportExpired e:
                    await bus.PublishAsync(new RemoveLeftovers(e.ReportId));
                    break;
                case FileQuarantined e:
                    await bus.PublishAsync(new QuarantineFile(e.StorageKey, e.QuarantineKey));
                    break;
            }
        }
    }

    /// <summary>Orders the try that a report waits for.</summary>
    internal Task OrderAsync(Report report, DateTimeOffset now, IDocumentOperations session, IMessageBus bus) =>
        OrderAsync(For(report.Id, report.MerchantId, report.Description, report.Attempt, now), now, session, bus);

    /// <summary>Whether anybody waits for a try. An order that waited too long, or was cancelled, need not be met.</summary>
    /// <param name="session">The merchant's session.</param>
    /// <param name="report">The report.</param>
    /// <param name="attempt">The try, from 1.</param>
    /// <param name="cancellation">Stops the query.</param>
    /// <returns>True when its answer would count.</returns>
    public static async Task<bool> IsAwaitedAsync(
        IQuerySession session, Guid report, int attempt, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        return await session.Events.AggregateStreamAsync<Report>(report, token: cancellation) is { IsWaiting: true } waiting
            && waiting.Attempt == attempt;
    }

    internal GenerateReport For(
        Guid reportId, Guid merchantId, ReportDescription report, int attempt, DateTimeOffset now)
    {
        var prefix = $"{Prefix(merchantId, reportId)}{attempt}/";
        var grant = _grants.Seal(new Grant(reportId, attempt, prefix, now + GrantLifetime));
        return new GenerateReport(
            reportId,
            merchantId,
            attempt,
            grant,
            prefix,
            report.Interval,
            report.Format,
            report.Layout,
            report.Period,
            (_options.PublicUrl ?? _address.Find()) is { } url ? url.TrimEnd('/') + GenerationEndpoints.File(grant) : null,
            (int)_options.HeartbeatWithin.TotalSeconds);
    }

    private static string Prefix(Guid merchant, Guid report) => $"{merchant:N}/{report:N}/";

    private static async Task EndAsync(Guid report, IDocumentOperations session, IMessageBus bus)
    {
        GenerationWatch.End(session, report);
        await bus.PublishAsync(new RemoveLeftovers(report));
    }

    private async Task OrderAsync(GenerateReport order, DateTimeOffset now, IDocumentOperations session, IMessageBus bus)
    {
        GenerationWatch.Begin(session, order.ReportId, order.MerchantId, order.Attempt, now + _options.StartWithin);
        if (_options.OrdersInTable)
        {
            OrderTable.Add(session, order, now);
        }
        else
        {
            await bus.PublishAsync(order);
        }
    }
}

/// <summary>Orders another try, unless it is not waited for any more.</summary>
public static class RetryGenerationHandler
{
    /// <summary>Orders the try.</summary>
    /// <param name="message">Which.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="context">Sends the order with the commit.</param>
    /// <param name="orders">Makes the order.</param>
    /// <param name="clock">The time.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when the order is ready to be sent.</returns>
    public static async Task Handle(
        RetryGeneration message,
        IDocumentSession session,
        IMessageContext context,
        GenerationOrders orders,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        // It appends nothing, and must not order what is cancelled at the same moment.
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        stream.AlwaysEnforceConsistency = true;
        if (stream.Aggregate is { Status: ReportStatus.Requested } report && report.Attempt == message.Attempt)
        {
            await orders.OrderAsync(report, clock.GetUtcNow(), session, context);
        }
    }
}
