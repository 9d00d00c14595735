using Marten;
using Marten.Exceptions;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Reports.Lifecycle.Requests;
using Wolverine.Marten;

namespace Reports.Lifecycle;

/// <summary>
/// The way of every request into the store, whoever makes it: decided first, then admitted, appended and ordered in one
/// transaction. Nothing in that transaction needs a second connection: many at once would wait for each other's.
/// </summary>
internal sealed class ReportIntake(
    IDocumentSession session,
    IMartenOutbox outbox,
    CurrentCaller current,
    LifecycleStore store,
    RunningRequests running,
    GenerationOrders orders,
    TimeProvider clock)
{
    /// <summary>Decides what is requested. The report's number is taken, whatever becomes of it.</summary>
    public async Task<ReportRequested> PrepareAsync(RequestReport.Command command, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var (number, merchant) = await store.NextNumberAsync(current.RequiredTenant, cancellation);
        return RequestReport.Decide(
            Guid.CreateVersion7(now), number, merchant.Id, merchant.TimeZone, command, current.Required.Actor, now);
    }

    /// <summary>Waits until it is this request's turn to be committed.</summary>
    /// <returns>What ends the turn; after the session.</returns>
    public Task<IDisposable> TurnAsync(CancellationToken cancellation) =>
        running.TurnAsync(current.RequiredTenant, cancellation);

    /// <summary>Appends the request and orders its file, together with what else the session has to write.</summary>
    /// <exception cref="ProblemException">The same report is running already, or too many are.</exception>
    public async Task CommitAsync(ReportRequested requested, CancellationToken cancellation)
    {
        await session.BeginTransactionAsync(cancellation);
        await running.AdmitAsync(session, requested, cancellation);
        session.Events.StartStream<Report>(requested.ReportId, requested);
        await orders.FollowAsync([requested], session, outbox);
        try
        {
            await session.SaveChangesAsync(cancellation);
        }
        catch (MartenCommandException e) when (e.InnerException is PostgresException
        {
            SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: RequestsProjection.RunningOnce
        })
        {
            throw new ProblemException(RunningRequests.SameIsRunning);
        }
    }
}
