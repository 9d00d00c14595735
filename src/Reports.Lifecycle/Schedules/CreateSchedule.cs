using System.Text.Json;
using Marten;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle.Schedules;

/// <summary>Makes a schedule of the current tenant.</summary>
internal static class CreateSchedule
{
    internal sealed record Command(JsonElement Body) : IRequest<StoredSchedule>;

    internal static IReadOnlyList<object> Decide(
        Guid id, Guid merchant, ScheduleDefinition definition, ScheduleStatus? status, Actor by, DateTimeOffset now)
    {
        var created = new ScheduleCreated(id, merchant, definition, by, now);
        return status == ScheduleStatus.Paused ? [created, new SchedulePaused(id, by, now)] : [created];
    }

    internal sealed class Handler(
        IDocumentSession session, CurrentCaller current, LifecycleOptions options, TimeProvider clock)
        : IRequestHandler<Command, StoredSchedule>
    {
        public async Task<StoredSchedule> Handle(Command command, CancellationToken cancellationToken)
        {
            var (definition, status) = ScheduleBody.Read(
                new JsonFields(command.Body), current.Required.TimeZone, isNew: true);
            try
            {
                return await CreateAsync(definition, status, cancellationToken);
            }
            finally
            {
                // Whoever waits for the merchant need not wait for this answer.
                await session.DisposeAsync();
            }
        }

        private async Task<StoredSchedule> CreateAsync(
            ScheduleDefinition definition, ScheduleStatus? status, CancellationToken cancellationToken)
        {
            var (merchant, by) = (current.RequiredTenant, current.Required.Actor);
            await session.BeginTransactionAsync(cancellationToken);
            if (await ScheduleStore.CountAsync(session, merchant, cancellationToken) >= options.MostSchedules)
            {
                throw new ProblemException(Problem.Conflict with
                {
                    Detail = $"There are {options.MostSchedules} schedules already, as many as a merchant may have",
                });
            }

            var now = clock.GetUtcNow();
            var id = Guid.CreateVersion7(now);
            var events = Decide(id, merchant, definition, status, by, now);
            session.Events.StartStream<Schedule>(id, events);
            await session.SaveChangesAsync(cancellationToken);
            return new StoredSchedule(events.Aggregate((Schedule?)null, Schedule.Fold)!, events.Count, LastEnd: null);
        }
    }
}
