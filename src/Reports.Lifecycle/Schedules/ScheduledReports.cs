using JasperFx;
using Marten;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Wolverine;
using Wolverine.Marten.Publishing;
using Wolverine.Runtime;

namespace Reports.Lifecycle.Schedules;

/// <summary>Asks for the reports of schedules.</summary>
internal sealed class ScheduledReports(LifecycleStore store, GenerationOrders orders)
{
    private const int MostAtOnce = 100;

    private static readonly Problem Stale = Problem.PreconditionFailed with
    {
        Detail = "The schedule has changed since: read it again",
    };

    /// <summary>The part of the service that asks.</summary>
    public static Actor Actor { get; } = new(ActorKind.Service, "schedule");

    /// <summary>
    /// Asks for one period, in the commit of the session that has taken the schedule. That its stream is there already
    /// counts as asked: so it is after a table was rebuilt or restored.
    /// </summary>
    public async Task<StoredSchedule> AskAsync(
        StoredSchedule schedule,
        ReportPeriod period,
        IDocumentSession session,
        IMessageBus bus,
        DateTimeOffset now,
        CancellationToken cancellation)
    {
        var report = StoredSchedule.ReportId(schedule.Schedule.Id, period.End);
        if (await session.Events.FetchStreamStateAsync(report, cancellation) is not null)
        {
            SchedulesProjection.Ask(session, schedule.Schedule.Id, period.End);
        }
        else
        {
            var (number, _) = await store.NextNumberAsync(schedule.Schedule.MerchantId, cancellation);
            var requested = schedule.Ask(period, number, now);
            session.Events.StartStream<Report>(requested.ReportId, requested);
            await orders.FollowAsync([requested], session, bus);
        }

        return schedule with { LastEnd = period.End };
    }

    /// <summary>
    /// Changes a schedule, one version of it once. What is due of the old one is asked for first, so that it is not lost
    /// to a change that comes before the runner.
    /// </summary>
    /// <param name="session">The merchant's session.</param>
    /// <param name="bus">The outbox of that session.</param>
    /// <param name="merchant">Whose it must be.</param>
    /// <param name="id">Which.</param>
    /// <param name="ifMatch">The versions that may be changed.</param>
    /// <param name="now">The time.</param>
    /// <param name="decide">What becomes of it.</param>
    /// <param name="cancellation">Stops the waiting.</param>
    /// <returns>The schedule after the change.</returns>
    public async Task<StoredSchedule> ChangeAsync(
        IDocumentSession session,
        IMessageBus bus,
        Guid merchant,
        Guid id,
        StringValues ifMatch,
        DateTimeOffset now,
        Func<Schedule, IReadOnlyList<object>> decide,
        CancellationToken cancellation)
    {
        try
        {
            await session.BeginTransactionAsync(cancellation);
            var stored = await ScheduleStore.TakeAsync(session, merchant, id, waits: true, cancellation)
                ?? throw new ProblemException(ScheduleEndpoints.NotFound);
            if (!EntityTags.Strongly(ifMatch, stored.ETag))
            {
                throw new ProblemException(Stale);
            }

            var stream = await session.Events.FetchForWriting<Schedule>(id, stored.Version, cancellation);
            var events = decide(stream.Aggregate!);
            if (events is [])
            {
                return stored;
            }

            var asked = await AskForDueAsync(stored, session, bus, now, cancellation);
            stream.AppendMany(events);
            await session.SaveChangesAsync(cancellation);
            return asked.After(events);
        }
        catch (ConcurrencyException)
        {
            throw new ProblemException(Stale);
        }
        finally
        {
            // Whoever waits for the schedule need not wait for this answer.
            await session.DisposeAsync();
        }
    }

    private async Task<StoredSchedule> AskForDueAsync(
        StoredSchedule schedule,
        IDocumentSession session,
        IMessageBus bus,
        DateTimeOffset now,
        CancellationToken cancellation)
    {
        for (var asked = 0; schedule.Next is { } period && period.End <= now; asked++)
        {
            if (asked == MostAtOnce)
            {
                throw new ProblemException(Problem.Unavailable with
                {
                    Detail = "The schedule is still asking for reports that it has missed",
                });
            }

            schedule = await AskAsync(schedule, period, session, bus, now, cancellation);
        }

        return schedule;
    }
}

/// <summary>
/// Looks for schedules that something is due of. What is due follows from the last period asked for, so what was missed
/// while no node ran is made up for, one after the other.
/// </summary>
internal sealed partial class ScheduleRunner(
    ScheduleStore store,
    ScheduledReports reports,
    OutboxedSessionFactory sessions,
    IWolverineRuntime messages,
    LifecycleOptions options,
    TimeProvider clock,
    ILogger<ScheduleRunner> log) : RecurringWork(options.WatchInterval, clock, log)
{
    private const int MostInATurn = 100;
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    // The rules of time zones change, so no schedule is left alone for long.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    // Those that failed, and until when they are let alone: none may hold up the others.
    private readonly Dictionary<Guid, DateTimeOffset> _failed = [];

    protected override async Task TurnAsync(CancellationToken cancellation)
    {
        var now = Clock.GetUtcNow();
        foreach (var (schedule, until) in _failed.ToArray())
        {
            if (until <= now)
            {
                _failed.Remove(schedule);
            }
        }

        // Each schedule asks for one report before any asks for its second.
        var (left, hasAsked) = (MostInATurn, true);
        while (left > 0 && hasAsked)
        {
            var due = await store.ToLookAtAsync(now, [.. _failed.Keys], left, cancellation);
            (left, hasAsked) = (left - due.Count, false);
            foreach (var (schedule, merchant) in due)
            {
                hasAsked |= await TryAsync(schedule, merchant, now, cancellation);
            }
        }
    }

    private async Task<bool> TryAsync(Guid schedule, Guid merchant, DateTimeOffset now, CancellationToken cancellation)
    {
        try
        {
            return await AskAsync(schedule, merchant, now, cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            Failed(log, e, schedule);
            _failed[schedule] = now + Pause;
            return false;
        }
    }

    private async Task<bool> AskAsync(Guid id, Guid merchant, DateTimeOffset now, CancellationToken cancellation)
    {
        var context = new MessageContext(messages) { TenantId = Tenants.Name(merchant) };
        await using var session = sessions.OpenSession(context);
        session.LastModifiedBy = ScheduledReports.Actor.Id;
        await session.BeginTransactionAsync(cancellation);

        // Another node may have it, or have asked already.
        if (await ScheduleStore.TakeAsync(session, merchant, id, waits: false, cancellation) is not { } schedule
            || schedule.Next is not { } period)
        {
            return false;
        }

        var isDue = period.End <= now;
        if (isDue)
        {
            await reports.AskAsync(schedule, period, session, context, now, cancellation);
        }
        else
        {
            var next = period.End - now < Longest ? period.End : now + Longest;
            session.QueueSqlCommand(
                "update reports.schedules set look_at = ? where schedule_id = ?", next.ToUniversalTime(), id);
        }

        await session.SaveChangesAsync(cancellation);
        return isDue;
    }

    [LoggerMessage(LogLevel.Error, "Schedule {Schedule} could not ask for a report; it is tried again in a minute")]
    private static partial void Failed(ILogger log, Exception e, Guid schedule);
}
