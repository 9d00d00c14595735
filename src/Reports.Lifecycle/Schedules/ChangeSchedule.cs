using System.Text.Json;
using Marten;
using MediatR;
using Microsoft.Extensions.Primitives;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Wolverine.Marten;

namespace Reports.Lifecycle.Schedules;

/// <summary>
/// Makes another of a schedule: the whole of it, or what a merge patch names. Only what changes is an event.
/// </summary>
internal static class ChangeSchedule
{
    internal sealed record Command(Guid Id, StringValues IfMatch, JsonElement Body, bool IsPatch)
        : IRequest<StoredSchedule>;

    internal static IReadOnlyList<object> Decide(
        Schedule schedule, ScheduleDefinition definition, ScheduleStatus? status, Actor by, DateTimeOffset now)
    {
        var events = new List<object>();
        if (Text(definition) != Text(schedule.Definition))
        {
            events.Add(new ScheduleChanged(schedule.Id, definition, by, now));
        }

        if (status is not null && status != schedule.Status)
        {
            events.Add(status == ScheduleStatus.Paused
                ? new SchedulePaused(schedule.Id, by, now)
                : new ScheduleResumed(schedule.Id, by, now));
        }

        return events;
    }

    // Lists of columns are equal by their content.
    private static string Text(ScheduleDefinition definition) =>
        JsonSerializer.Serialize(definition, ContractJson.Options);

    internal sealed class Handler(
        IDocumentSession session, IMartenOutbox outbox, CurrentCaller current, ScheduledReports reports, TimeProvider clock)
        : IRequestHandler<Command, StoredSchedule>
    {
        public Task<StoredSchedule> Handle(Command command, CancellationToken cancellationToken) =>
            reports.ChangeAsync(
                session,
                outbox,
                current.RequiredTenant,
                command.Id,
                command.IfMatch,
                clock.GetUtcNow(),
                schedule => Decide(command, schedule),
                cancellationToken);

        private IReadOnlyList<object> Decide(Command command, Schedule schedule)
        {
            var fields = command.IsPatch
                ? ScheduleBody.Merge(command.Body, schedule.Definition, schedule.Status)
                : new JsonFields(command.Body);
            var caller = current.Required;
            var (definition, status) = ScheduleBody.Read(fields, caller.TimeZone, isNew: false);
            return ChangeSchedule.Decide(schedule, definition, status, caller.Actor, clock.GetUtcNow());
        }
    }
}
