using MediatR;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle.Schedules;

/// <summary>One schedule of the caller's.</summary>
internal static class ShowSchedule
{
    internal sealed record Query(Guid Id) : IRequest<StoredSchedule>;

    internal sealed class Handler(ScheduleStore store, CurrentCaller current) : IRequestHandler<Query, StoredSchedule>
    {
        public async Task<StoredSchedule> Handle(Query query, CancellationToken cancellationToken) =>
            await store.GetAsync(current.RequiredTenant, query.Id, cancellationToken)
                ?? throw new ProblemException(ScheduleEndpoints.NotFound);
    }
}

/// <summary>All schedules of the caller's, the newest first; there are never so many that they need pages.</summary>
internal static class ListSchedules
{
    internal sealed record Query : IRequest<IReadOnlyList<StoredSchedule>>;

    internal sealed class Handler(ScheduleStore store, CurrentCaller current)
        : IRequestHandler<Query, IReadOnlyList<StoredSchedule>>
    {
        public async Task<IReadOnlyList<StoredSchedule>> Handle(Query query, CancellationToken cancellationToken) =>
            await store.ListAsync(current.RequiredTenant, cancellationToken);
    }
}
