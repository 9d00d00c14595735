using FluentValidation;
using Marten;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>Asks for a report of the current tenant, and asks the generator for its file in the same commit.</summary>
public static class RequestReport
{
    /// <summary>The command.</summary>
    /// <param name="Interval">The kind of period.</param>
    /// <param name="Source">What caused the request.</param>
    /// <param name="Format">The format of the file.</param>
    /// <param name="FirstDay">
    /// The first local day; of a month or a year, any day in it. None for a period from one edge to another.
    /// </param>
    /// <param name="LastDay">The last local day of a custom period.</param>
    /// <param name="TimeZone">The IANA name of the zone; by default the merchant's.</param>
    /// <param name="Layout">The look of the file.</param>
    /// <param name="FilePrefix">What the name of the file begins with; by default <c>settlement</c>.</param>
    /// <param name="PeriodStart">Where an exact custom period begins, in place of the days.</param>
    /// <param name="PeriodEnd">Where it ends.</param>
    public sealed record Command(
        ReportInterval Interval,
        ReportSource Source,
        ReportFormat Format,
        DateOnly? FirstDay = null,
        DateOnly? LastDay = null,
        string? TimeZone = null,
        ReportLayout? Layout = null,
        string? FilePrefix = null,
        PeriodEdge? PeriodStart = null,
        PeriodEdge? PeriodEnd = null) : IRequest<Guid>
    {
        internal bool IsExact => PeriodStart is not null || PeriodEnd is not null;
    }

    /// <summary>Where an exact period begins or ends: a whole local day, the first or the last, or an instant.</summary>
    /// <param name="Day">The day; none for an instant.</param>
    /// <param name="At">The instant; at the end, the first that belongs to the period no more.</param>
    public readonly record struct PeriodEdge(DateOnly? Day, DateTimeOffset? At);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Interval).IsInEnum().OverridePropertyName("interval");
            RuleFor(c => c.Format).IsInEnum().OverridePropertyName("format");
            RuleFor(c => c.TimeZone).Must(zone => zone is null || Times.Zone(zone) is not null)
                .WithMessage("is not an IANA time zone, such as Asia/Kuwait")
                .OverridePropertyName("time_zone");
            RuleFor(c => c.FilePrefix).Must(FileNamePrefix.IsUsable).WithMessage(FileNamePrefix.Message)
                .OverridePropertyName("file_name_prefix");
            RuleFor(c => c.Layout).Must(layout => ColumnChoice.IsUsable(layout?.Columns)).WithMessage(ColumnChoice.Message)
                .OverridePropertyName("columns");
            RuleFor(c => c.FirstDay)
                .Must((c, first) => first is not null || c.IsExact)
                .WithMessage("is needed, unless there are period_start and period_end")
                .Must((c, first) => first is null || !c.IsExact)
                .WithMessage("cannot be combined with period_start and period_end")
                .Must(first => first is null || IsUsual(first.Value))
                .WithMessage(UnusualDay)
                .OverridePropertyName("first_day");
            RuleFor(c => c.LastDay)
                .Must((c, last) => last is null || !c.IsExact)
                .WithMessage("cannot be combined with period_start and period_end")
                .Must((c, last) => last is null || c.Interval == ReportInterval.Custom)
                .WithMessage("is for custom periods only")
                .Must((c, last) => last is null || c.FirstDay is not { } first || last >= first)
                .WithMessage("must not be before first_day")
                .Must((c, last) => last is null || c.FirstDay is not { } first
                    || last.Value.DayNumber - first.DayNumber < Periods.LongestDays)
                .WithMessage(RequestedPeriod.TooLong)
                .OverridePropertyName("last_day");
            RuleFor(c => c.Interval).Must((c, interval) => interval == ReportInterval.Custom || !c.IsExact)
                .WithMessage("must be custom when there are period_start and period_end")
                .OverridePropertyName("interval");
            RuleFor(c => c.PeriodStart)
                .Must((c, start) => start is not null || !c.IsExact).WithMessage("is needed beside period_end")
                .Must(start => start is null || IsUsual(start.Value)).WithMessage(UnusualDay)
                .OverridePropertyName("period_start");
            RuleFor(c => c.PeriodEnd)
                .Must((c, end) => end is not null || !c.IsExact).WithMessage("is needed beside period_start")
                .Must(end => end is null || IsUsual(end.Value)).WithMessage(UnusualDay)
                .OverridePropertyName("period_end");
        }

        private const string UnusualDay = "must be a day from the year 2000 to 9000";

        private static bool IsUsual(DateOnly day) => day.Year is >= 2000 and <= 9000;

        private static bool IsUsual(PeriodEdge edge) =>
            IsUsual(edge.Day ?? DateOnly.FromDateTime(edge.At!.Value.UtcDateTime));
    }

    internal static ReportRequested Decide(
        Guid reportId, long number, Guid merchantId, string merchantZone, Command command, Actor by, DateTimeOffset now)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(command.TimeZone ?? merchantZone);
        var period = RequestedPeriod.Of(command, zone);
        if (RequestedPeriod.Finding(command, period, zone, now) is { } wrong)
        {
            throw Parameters.Invalid(wrong.Field, wrong.Finding);
        }

        return new ReportRequested(
            reportId,
            merchantId,
            new ReportDescription(
                number,
                RequestedPeriod.FileName(command, period, zone),
                command.Interval,
                command.Source,
                command.Format,
                command.Layout ?? new(),
                period,
                now),
            by);
    }

    internal sealed class Handler(IDocumentSession session, ReportIntake intake) : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command command, CancellationToken cancellationToken)
        {
            var requested = await intake.PrepareAsync(command, cancellationToken);
            using var turn = await intake.TurnAsync(cancellationToken);
            try
            {
                await intake.CommitAsync(requested, cancellationToken);
                return requested.ReportId;
            }
            finally
            {
                await session.DisposeAsync();
            }
        }
    }
}
