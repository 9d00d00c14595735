using System.Globalization;
using JasperFx.Events;
using Marten.Events.Aggregation;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle.Schedules;

/// <summary>What a schedule does.</summary>
internal enum ScheduleStatus
{
    /// <summary>It asks for reports.</summary>
    Active,

    /// <summary>It asks for none until it is resumed.</summary>
    Paused,

    /// <summary>It asks for none any more.</summary>
    Deleted,
}

/// <summary>A schedule as its events tell it.</summary>
/// <param name="Id">The stream.</param>
/// <param name="MerchantId">Whose it is.</param>
/// <param name="Definition">What it asks for.</param>
/// <param name="Status">What it does.</param>
/// <param name="CreatedAt">When it was created.</param>
/// <param name="ChangedAt">When it last became what it is.</param>
/// <param name="Since">After which instant its periods must end: when it was created, changed or resumed.</param>
internal sealed record Schedule(
    Guid Id,
    Guid MerchantId,
    ScheduleDefinition Definition,
    ScheduleStatus Status,
    DateTimeOffset CreatedAt,
    DateTimeOffset ChangedAt,
    DateTimeOffset Since)
{
    /// <summary>The state after one more event.</summary>
    public static Schedule? Fold(Schedule? schedule, object @event) => (schedule, @event) switch
    {
        (null, ScheduleCreated e) => new Schedule(
            e.ScheduleId, e.MerchantId, e.Definition, ScheduleStatus.Active, e.CreatedAt, e.CreatedAt, e.CreatedAt),
        (not null, ScheduleChanged e) => schedule with
        {
            Definition = e.Definition,
            ChangedAt = e.ChangedAt,
            Since = e.ChangedAt,
        },
        (not null, SchedulePaused e) => schedule with { Status = ScheduleStatus.Paused, ChangedAt = e.PausedAt },
        (not null, ScheduleResumed e) => schedule with
        {
            Status = ScheduleStatus.Active,
            ChangedAt = e.ResumedAt,
            Since = e.ResumedAt,
        },
        (not null, ScheduleDeleted e) => schedule with { Status = ScheduleStatus.Deleted, ChangedAt = e.DeletedAt },
        _ => schedule,
    };
}

/// <summary>A schedule as the table keeps it.</summary>
/// <param name="Schedule">What its events tell.</param>
/// <param name="Version">The number of its events.</param>
/// <param name="LastEnd">The end of the last period that it has asked a report for.</param>
internal sealed record StoredSchedule(Schedule Schedule, int Version, DateTimeOffset? LastEnd)
{
    /// <summary>
    /// The tag of what is shown: of the version, and of how far the schedule has come (RFC 9110 section 8.8.1).
    /// </summary>
    public string ETag => LastEnd is { } end
        ? string.Create(CultureInfo.InvariantCulture, $"\"{Version}-{end.ToUnixTimeSeconds()}\"")
        : string.Create(CultureInfo.InvariantCulture, $"\"{Version}\"");

    /// <summary>The end of the last period asked for, when nothing has happened since that counts from anew.</summary>
    private DateTimeOffset? LastOfRow => LastEnd >= Schedule.Since ? LastEnd : null;

    /// <summary>
    /// The next period to ask for, past or to come; none of what does not ask. In a row each begins where the one
    /// before it ended, even if a country has changed its clocks meanwhile.
    /// </summary>
    public ReportPeriod? Next
    {
        get
        {
            if (Schedule.Status != ScheduleStatus.Active)
            {
                return null;
            }

            var rule = Schedule.Definition.Rule;
            var period = CutOffs.Period(rule, CutOffs.Next(rule, LastOfRow ?? Schedule.Since));
            return LastOfRow is { } start
                ? period with { Start = TimeZoneInfo.ConvertTime(start, TimeZoneInfo.FindSystemTimeZoneById(rule.TimeZone)) }
                : period;
        }
    }

    /// <summary>The schedule after further events.</summary>
    public StoredSchedule After(IReadOnlyCollection<object> events) => this with
    {
        Schedule = events.Aggregate((Schedule?)Schedule, Schedule.Fold)!,
        Version = Version + events.Count,
    };

    /// <summary>
    /// The report that a period is asked for by. Its stream has the same id whoever asks, so it is asked for once.
    /// </summary>
    public ReportRequested Ask(ReportPeriod period, long number, DateTimeOffset now)
    {
        var (id, merchant, definition) = (Schedule.Id, Schedule.MerchantId, Schedule.Definition);
        var interval = definition.Rule.Interval;
        var name = Periods.FileName(definition.FilePrefix, interval, period, definition.Format);
        return new ReportRequested(
            ReportId(id, period.End),
            merchant,
            new ReportDescription(
                number, name, interval, ReportSource.Auto, definition.Format, definition.Layout, period, now),
            ScheduledReports.Actor,
            id);
    }

    public static Guid ReportId(Guid schedule, DateTimeOffset end) =>
        Uuids.FromName(schedule, end.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
}

/// <summary>Lets the event store fold a stream by <see cref="Schedule.Fold"/>.</summary>
internal sealed partial class ScheduleFold : SingleStreamProjection<Schedule, Guid>
{
    public override Schedule? Evolve(Schedule? snapshot, Guid id, IEvent e) => Schedule.Fold(snapshot, e.Data);
}
