using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>
/// The instants at which the periods of a schedule end. A local time that clocks skip is the instant at which they go
/// on, one that they show twice is the first of the two; so cut-offs never run backwards, and two that fall together
/// are one.
/// </summary>
internal static class CutOffs
{
    /// <summary>The first cut-off after an instant.</summary>
    public static DateTimeOffset Next(ScheduleRule rule, DateTimeOffset after)
    {
        var (zone, near) = Near(rule, after);
        var steps = 0;
        var next = At(rule, near, steps, zone);
        while (next <= after)
        {
            next = At(rule, near, ++steps, zone);
        }

        return next;
    }

    /// <summary>The last cut-off before an instant.</summary>
    public static DateTimeOffset Last(ScheduleRule rule, DateTimeOffset before)
    {
        // Clocks that were set back can show an earlier day than that of a cut-off that has passed.
        var (zone, near) = Near(rule, before);
        var steps = 1;
        var last = At(rule, near, steps, zone);
        while (last >= before)
        {
            last = At(rule, near, --steps, zone);
        }

        return last;
    }

    /// <summary>The period that ends at a cut-off.</summary>
    public static ReportPeriod Period(ScheduleRule rule, DateTimeOffset end) =>
        new(Last(rule, end), end, rule.TimeZone);

    private static (TimeZoneInfo Zone, DateOnly Day) Near(ScheduleRule rule, DateTimeOffset at)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(rule.TimeZone);
        return (zone, DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime));
    }

    private static DateTimeOffset At(ScheduleRule rule, DateOnly near, int steps, TimeZoneInfo zone) =>
        LocalDays.At(Day(rule, near, steps), rule.CutOff, zone);

    // The day of a cut-off so many periods after the day, week, month or year of a day.
    private static DateOnly Day(ScheduleRule rule, DateOnly near, int steps) => rule.Interval switch
    {
        ReportInterval.Daily => near.AddDays(steps),
        ReportInterval.Weekly => near.AddDays((int)rule.Weekday!.Value - Iso(near.DayOfWeek) + (7 * steps)),
        ReportInterval.Monthly => Clamped(new DateOnly(near.Year, near.Month, 1).AddMonths(steps), rule.Day!.Value),
        ReportInterval.Yearly => Clamped(new DateOnly(near.Year + steps, rule.Month!.Value, 1), rule.Day!.Value),
        ReportInterval.Custom => throw new ArgumentException("A custom period comes once.", nameof(rule)),
    };

    private static DateOnly Clamped(DateOnly month, int day) =>
        month.AddDays(Math.Min(day, DateTime.DaysInMonth(month.Year, month.Month)) - 1);

    private static int Iso(DayOfWeek day) => day == DayOfWeek.Sunday ? 7 : (int)day;
}
