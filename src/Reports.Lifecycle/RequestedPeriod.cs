using System.Globalization;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle;

/// <summary>The period that a request asks for, by days or from one edge to another.</summary>
internal static class RequestedPeriod
{
    public static readonly string TooLong = $"must make a period of {Periods.LongestDays} days at the most";

    public static ReportPeriod Of(RequestReport.Command command, TimeZoneInfo zone) =>
        command is { PeriodStart: { } start, PeriodEnd: { } end }
            ? new ReportPeriod(
                start.Day is { } first ? LocalDays.Start(first, zone) : In(start.At!.Value, zone),
                end.Day is { } last ? LocalDays.Start(last.AddDays(1), zone) : In(end.At!.Value, zone),
                zone.Id)
            : Periods.Of(command.Interval, command.FirstDay!.Value, command.LastDay, zone);

    /// <summary>What is wrong with a period that its zone or the time must tell.</summary>
    public static (string Field, string Finding)? Finding(
        RequestReport.Command command, ReportPeriod period, TimeZoneInfo zone, DateTimeOffset now)
    {
        var field = command.IsExact ? "period_end" : command.LastDay is null ? "first_day" : "last_day";
        return period switch
        {
            _ when period.End <= period.Start => (field, "must be after period_start"),

            // Counted on local clocks, so that a day of 25 hours is one day.
            _ when In(period.End, zone).DateTime - In(period.Start, zone).DateTime
                > TimeSpan.FromDays(Periods.LongestDays) => (field, TooLong),
            _ when period.End > now => (field, "must make a period that is over"),
            _ => null,
        };
    }

    /// <summary>The file name that tells a person which period a report covers.</summary>
    public static string FileName(RequestReport.Command command, ReportPeriod period, TimeZoneInfo zone)
    {
        var (start, end) = (In(period.Start, zone), In(period.End, zone));
        var (first, last) = (Day(start), Day(end).AddDays(-1));
        if (!command.IsExact)
        {
            return Periods.FileName(
                command.FilePrefix, command.Interval, command.FirstDay!.Value, command.LastDay, command.Format);
        }

        return start == LocalDays.Start(first, zone) && end == LocalDays.Start(Day(end), zone)
            ? Periods.FileName(command.FilePrefix, ReportInterval.Custom, first, last, command.Format)
            : $"{command.FilePrefix ?? Periods.StandardPrefix}-{Text(start)}_{Text(end)}.{Periods.Extension(command.Format)}";
    }

    private static DateTimeOffset In(DateTimeOffset at, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(at, zone);

    private static DateOnly Day(DateTimeOffset at) => DateOnly.FromDateTime(at.DateTime);

    // No colons: not every file system takes them.
    private static string Text(DateTimeOffset at) =>
        at.ToString(at.Second == 0 ? "yyyy-MM-dd'T'HHmm" : "yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
}
