using Marten;
using MediatR;
using Microsoft.Extensions.Primitives;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Wolverine.Marten;

namespace Reports.Lifecycle.Schedules;

/// <summary>Ends a schedule. The reports that it asked for stay.</summary>
internal static class DeleteSchedule
{
    internal sealed record Command(Guid Id, StringValues IfMatch) : IRequest;

    internal sealed class Handler(
        IDocumentSession session, IMartenOutbox outbox, CurrentCaller current, ScheduledReports reports, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            return reports.ChangeAsync(
                session,
                outbox,
                current.RequiredTenant,
                command.Id,
                command.IfMatch,
                now,
                schedule => [new ScheduleDeleted(schedule.Id, current.Required.Actor, now)],
                cancellationToken);
        }
    }
}
