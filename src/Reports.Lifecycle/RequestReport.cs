using FluentValidation;
using Marten;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Wolverine.Marten;

namespace Reports.Lifecycle;

/// <summary>Asks for a report of the current tenant, and asks the generator for its file in the same commit.</summary>
public static class RequestReport
{
    /// <summary>The command.</summary>
    /// <param name="Interval">The kind of period.</param>
    /// <param name="Source">What caused the request.</param>
    /// <param name="Format">The format of the file.</param>
    /// <param name="FirstDay">The first local day; of a month or a year, any day in it.</param>
    /// <param name="LastDay">The last local day of a custom period.</param>
    /// <param name="TimeZone">The IANA name of the zone; by default the merchant's.</param>
    /// <param name="Layout">The look of the file.</param>
    /// <param name="FilePrefix">What the name of the file begins with; by default <c>settlement</c>.</param>
    public sealed record Command(
        ReportInterval Interval,
        ReportSource Source,
        ReportFormat Format,
        DateOnly FirstDay,
        DateOnly? LastDay = null,
        string? TimeZone = null,
        ReportLayout? Layout = null,
        string? FilePrefix = null) : IRequest<Guid>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Interval).IsInEnum().OverridePropertyName("interval");
            RuleFor(c => c.Format).IsInEnum().OverridePropertyName("format");
            RuleFor(c => c.FirstDay.Year).InclusiveBetween(2000, 9000)
                .WithMessage("must be a day from the year 2000 on")
                .OverridePropertyName("first_day");
            RuleFor(c => c.TimeZone)
                .Must(zone => zone is null
                    || (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) && found.HasIanaId))
                .WithMessage("is not an IANA time zone, such as Asia/Kuwait")
                .OverridePropertyName("time_zone");
            RuleFor(c => c.LastDay)
                .Must((c, last) => last is null || c.Interval == ReportInterval.Custom)
                .WithMessage("is for custom periods only")
                .Must((c, last) => last is null || last >= c.FirstDay)
                .WithMessage("must not be before first_day")
                .Must((c, last) => last is null || last.Value.DayNumber - c.FirstDay.DayNumber < Periods.LongestDays)
                .WithMessage($"must make a period of {Periods.LongestDays} days at the most")
                .OverridePropertyName("last_day");
        }
    }

    internal static ReportRequested Decide(
        Guid reportId, long number, Guid merchantId, string merchantZone, Command command, Actor by, DateTimeOffset now)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(command.TimeZone ?? merchantZone);
        var period = Periods.Of(command.Interval, command.FirstDay, command.LastDay, zone);
        if (period.End > now)
        {
            throw new ProblemException(Problem.InvalidParameters with
            {
                Detail = "The period is not over yet.",
                Errors = new Dictionary<string, string[]> { ["first_day"] = ["the period must be over"] },
            });
        }

        var name = Periods.FileName(
            command.FilePrefix, command.Interval, command.FirstDay, command.LastDay, command.Format);
        return new ReportRequested(
            reportId,
            merchantId,
            new ReportDescription(
                number, name, command.Interval, command.Source, command.Format, command.Layout ?? new(), period, now),
            by);
    }

    internal sealed class Handler(
        IDocumentSession session,
        IMartenOutbox outbox,
        CurrentCaller current,
        LifecycleStore store,
        GenerationOrders orders,
        TimeProvider clock) : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command command, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var (number, merchant) = await store.NextNumberAsync(current.RequiredTenant, cancellationToken);
            var requested = Decide(
                Guid.CreateVersion7(now), number, merchant.Id, merchant.TimeZone, command, current.Required.Actor, now);
            session.Events.StartStream<Report>(requested.ReportId, requested);
            await orders.FollowAsync([requested], session, outbox);
            await session.SaveChangesAsync(cancellationToken);
            return requested.ReportId;
        }
    }
}
