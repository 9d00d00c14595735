using System.Globalization;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle;

/// <summary>The periods that reports cover, counted in local days.</summary>
internal static class Periods
{
    public const int LongestDays = 366;

    /// <summary>What the names of files begin with, unless somebody has chosen something else.</summary>
    public const string StandardPrefix = "settlement";

    /// <summary>The period of an interval that starts on, or for months and years contains, a day.</summary>
    public static ReportPeriod Of(ReportInterval interval, DateOnly first, DateOnly? last, TimeZoneInfo zone)
    {
        var (start, end) = Days(interval, first, last);
        return new ReportPeriod(LocalDays.Start(start, zone), LocalDays.Start(end, zone), zone.Id);
    }

    /// <summary>The first day, and the day after the last.</summary>
    public static (DateOnly Start, DateOnly End) Days(ReportInterval interval, DateOnly first, DateOnly? last)
    {
        var month = new DateOnly(first.Year, first.Month, 1);
        var year = new DateOnly(first.Year, 1, 1);
        return interval switch
        {
            ReportInterval.Daily => (first, first.AddDays(1)),
            ReportInterval.Weekly => (first, first.AddDays(7)),
            ReportInterval.Monthly => (month, month.AddMonths(1)),
            ReportInterval.Yearly => (year, year.AddYears(1)),
            ReportInterval.Custom => (first, (last ?? first).AddDays(1)),
        };
    }

    /// <summary>The file name that tells a person which days a report covers.</summary>
    public static string FileName(
        string? prefix, ReportInterval interval, DateOnly first, DateOnly? last, ReportFormat format)
    {
        var (start, end) = Days(interval, first, last);
        return Name(prefix, interval, start, end.AddDays(-1), format);
    }

    /// <summary>
    /// The same for a period that begins and ends at any time of day: a day belongs to the period in which it ends.
    /// </summary>
    public static string FileName(string prefix, ReportInterval interval, ReportPeriod period, ReportFormat format)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(period.TimeZone);
        var first = LocalDay(period.Start, zone);
        return Name(
            prefix,
            interval,
            period.Start == LocalDays.Start(first, zone) ? first : first.AddDays(1),
            LocalDay(period.End.AddTicks(-1), zone),
            format);
    }

    private static DateOnly LocalDay(DateTimeOffset at, TimeZoneInfo zone) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime);

    private static string Name(
        string? prefix, ReportInterval interval, DateOnly first, DateOnly last, ReportFormat format)
    {
        string Text(DateOnly day, string pattern = "yyyy-MM-dd") => day.ToString(pattern, CultureInfo.InvariantCulture);
        var isWhole = (first, last.AddDays(1)) == Days(interval, first, last);
        var period = interval switch
        {
            ReportInterval.Daily => Text(last),
            ReportInterval.Monthly when isWhole => Text(first, "yyyy-MM"),
            ReportInterval.Yearly when isWhole => Text(first, "yyyy"),
            _ => $"{Text(first)}_{Text(last)}",
        };
        return $"{prefix ?? StandardPrefix}-{period}.{Extension(format)}";
    }

    public static string Extension(ReportFormat format) => format switch
    {
        ReportFormat.Csv => "csv",
        ReportFormat.Xlsx => "xlsx",
    };
}
