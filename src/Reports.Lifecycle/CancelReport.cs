using FluentValidation;
using Marten;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Wolverine.Marten;

namespace Reports.Lifecycle;

/// <summary>Cancels a report of the current tenant that has not ended yet.</summary>
public static class CancelReport
{
    /// <summary>The command.</summary>
    /// <param name="ReportId">The report.</param>
    /// <param name="Reason">Why; may be left out.</param>
    public sealed record Command(Guid ReportId, string? Reason = null) : IRequest;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Reason).MaximumLength(500)
            .WithMessage("must have 500 characters at the most").OverridePropertyName("reason");
    }

    // Cancelling twice is a no-op. What a generator still does is late then.
    internal static IReadOnlyList<object> Decide(Report report, string? reason, Actor by, DateTimeOffset now) =>
        report.Status switch
        {
            ReportStatus.Cancelled => [],
            ReportStatus.Requested or ReportStatus.Generating or ReportStatus.Generated =>
                [new ReportCancelled(report.Id, reason, by, now)],
            ReportStatus.Finished or ReportStatus.Failed or ReportStatus.Expired =>
                throw new ProblemException(Problem.Conflict with
                {
                    Detail = $"The report has ended already: it is {report.Status.Word()}",
                }),
        };

    internal sealed class Handler(
        IDocumentSession session,
        IMartenOutbox outbox,
        CurrentCaller current,
        GenerationOrders orders,
        TimeProvider clock) : IRequestHandler<Command>
    {
        public async Task Handle(Command command, CancellationToken cancellationToken)
        {
            // Generators answer meanwhile. Whoever comes second waits for the other and finds the report as it is then.
            var stream = await session.Events.FetchForExclusiveWriting<Report>(command.ReportId, cancellationToken);
            var report = stream.Aggregate ?? throw new ProblemException(Problem.NotFound);
            var events = Decide(report, command.Reason, current.Required.Actor, clock.GetUtcNow());
            stream.AppendMany(events);
            await orders.FollowAsync(events, session, outbox);
            await session.SaveChangesAsync(cancellationToken);
        }
    }
}
