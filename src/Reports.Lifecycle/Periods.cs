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

    /// <summary>The file name that tells a person which period a report covers.</summary>
    public static string FileName(
        string? prefix, ReportInterval interval, DateOnly first, DateOnly? last, ReportFormat format)
    {
        var (start, end) = Days(interval, first, last);
        string Text(string pattern) => start.ToString(pattern, CultureInfo.InvariantCulture);
        var period = interval switch
        {
            ReportInterval.Daily => Text("yyyy-MM-dd"),
            ReportInterval.Monthly => Text("yyyy-MM"),
            ReportInterval.Yearly => Text("yyyy"),
            ReportInterval.Weekly or ReportInterval.Custom =>
                Text("yyyy-MM-dd") + end.AddDays(-1).ToString("'_'yyyy-MM-dd", CultureInfo.InvariantCulture),
        };
        return $"{prefix ?? StandardPrefix}-{period}.{Extension(format)}";
    }

    public static string Extension(ReportFormat format) => format switch
    {
        ReportFormat.Csv => "csv",
        ReportFormat.Xlsx => "xlsx",
    };
}
