using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Lifecycle;
using Reports.Lifecycle.Schedules;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

public sealed class CutOffTests
{
    // Gaps and overlaps at midnight, at other times, of half an hour, of a whole day, and none at all.
    private static readonly string[] Zones =
    [
        "UTC", "Asia/Kuwait", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut",
        "Africa/Cairo", "America/Havana", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Tehran",
    ];

    [Theory]
    [InlineData("daily 00:00 Asia/Kuwait", "2026-11-22T20:59:59Z", "2026-11-22T00:00+03:00", "2026-11-23T00:00+03:00")]
    [InlineData("daily 00:00 Asia/Kuwait", "2026-11-22T21:00:00Z", "2026-11-23T00:00+03:00", "2026-11-24T00:00+03:00")]
    [InlineData("daily 06:15 Asia/Kathmandu", "2026-11-23T00:00:00Z", "2026-11-22T06:15+05:45", "2026-11-23T06:15+05:45")]
    [InlineData("daily 02:30 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00")]
    [InlineData("daily 02:30 Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-24T02:30+02:00", "2026-10-25T02:30+02:00")]
    [InlineData("daily 02:30 Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00")]
    [InlineData("daily 00:00 Asia/Beirut", "2025-03-29T12:00:00Z", "2025-03-29T00:00+02:00", "2025-03-30T01:00+03:00")]
    [InlineData("daily 00:00 Asia/Beirut", "2025-10-25T12:00:00Z", "2025-10-25T00:00+03:00", "2025-10-26T00:00+02:00")]
    [InlineData("daily 00:00 America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-03T00:00-03:00", "2018-11-04T01:00-02:00")]
    [InlineData("daily 00:00 Africa/Cairo", "2024-04-25T12:00:00Z", "2024-04-25T00:00+02:00", "2024-04-26T01:00+03:00")]
    [InlineData("daily 00:00 America/Havana", "2024-11-02T12:00:00Z", "2024-11-02T00:00-04:00", "2024-11-03T00:00-04:00")]
    [InlineData("daily 00:00 Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00")]
    [InlineData("daily 00:00 Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00")]
    [InlineData("daily 12:00 Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00")]
    [InlineData("weekly monday 00:00 UTC", "2026-11-25T00:00:00Z", "2026-11-23T00:00Z", "2026-11-30T00:00Z")]
    [InlineData("weekly sunday 17:30 UTC", "2026-11-22T17:30:00Z", "2026-11-22T17:30Z", "2026-11-29T17:30Z")]
    [InlineData("weekly sunday 17:30 UTC", "2026-11-22T17:29:59Z", "2026-11-15T17:30Z", "2026-11-22T17:30Z")]
    [InlineData("monthly 1 00:00 UTC", "2026-11-25T00:00:00Z", "2026-11-01T00:00Z", "2026-12-01T00:00Z")]
    [InlineData("monthly 31 00:00 UTC", "2026-02-27T00:00:00Z", "2026-01-31T00:00Z", "2026-02-28T00:00Z")]
    [InlineData("monthly 31 00:00 UTC", "2026-02-28T00:00:00Z", "2026-02-28T00:00Z", "2026-03-31T00:00Z")]
    [InlineData("monthly 30 00:00 UTC", "2028-02-28T00:00:00Z", "2028-01-30T00:00Z", "2028-02-29T00:00Z")]
    [InlineData("yearly 1 1 00:00 UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00Z", "2027-01-01T00:00Z")]
    [InlineData("yearly 2 29 00:00 UTC", "2026-03-01T00:00:00Z", "2026-02-28T00:00Z", "2027-02-28T00:00Z")]
    [InlineData("yearly 2 29 00:00 UTC", "2027-03-01T00:00:00Z", "2027-02-28T00:00Z", "2028-02-29T00:00Z")]
    [InlineData("yearly 12 31 23:59 UTC", "2026-12-31T23:58:00Z", "2025-12-31T23:59Z", "2026-12-31T23:59Z")]
    public void a_period_ends_at_the_first_cut_off_and_begins_at_the_one_before(
        string rule, string after, string start, string end)
    {
        var period = CutOffs.Period(Rule(rule), CutOffs.Next(Rule(rule), At(after)));

        period.Start.ToString("o").ShouldBe(At(start).ToString("o"));
        period.End.ToString("o").ShouldBe(At(end).ToString("o"));
        period.TimeZone.ShouldBe(Rule(rule).TimeZone);
    }

    [Theory]
    [InlineData("daily 00:00 Asia/Kuwait", "2026-11-23T00:00+03:00", "p-2026-11-22.csv")]
    [InlineData("daily 06:00 Asia/Kuwait", "2026-11-23T06:00+03:00", "p-2026-11-23.csv")]
    [InlineData("daily 00:00 Asia/Beirut", "2025-03-30T01:00+03:00", "p-2025-03-29.csv")]
    [InlineData("daily 00:00 Asia/Beirut", "2025-03-31T00:00+03:00", "p-2025-03-30.csv")]
    [InlineData("daily 12:00 Pacific/Apia", "2011-12-31T00:00+14:00", "p-2011-12-29.csv")]
    [InlineData("weekly monday 00:00 UTC", "2026-11-23T00:00Z", "p-2026-11-16_2026-11-22.csv")]
    [InlineData("weekly monday 06:00 UTC", "2026-11-23T06:00Z", "p-2026-11-17_2026-11-23.csv")]
    [InlineData("monthly 1 00:00 UTC", "2026-11-01T00:00Z", "p-2026-10.csv")]
    [InlineData("monthly 1 00:00 America/Sao_Paulo", "2018-12-01T00:00-02:00", "p-2018-11.csv")]
    [InlineData("monthly 1 06:00 UTC", "2026-11-01T06:00Z", "p-2026-10-02_2026-11-01.csv")]
    [InlineData("monthly 15 00:00 UTC", "2026-11-15T00:00Z", "p-2026-10-15_2026-11-14.csv")]
    [InlineData("yearly 1 1 00:00 UTC", "2027-01-01T00:00Z", "p-2026.csv")]
    [InlineData("yearly 4 1 00:00 UTC", "2027-04-01T00:00Z", "p-2026-04-01_2027-03-31.csv")]
    public void a_file_is_named_by_the_days_that_end_in_its_period(string rule, string end, string name)
    {
        var period = CutOffs.Period(Rule(rule), At(end));

        Periods.FileName("p", Rule(rule).Interval, period, ReportFormat.Csv).ShouldBe(name);
    }

    [Property(MaxTest = 500)]
    public Property periods_follow_each_other_without_gap_or_overlap(int seed)
    {
        var random = new Random(seed);
        var rule = Any(random);
        var end = CutOffs.Next(rule, Any(random, 2000, 2035));
        for (var i = 0; i < 12; i++)
        {
            var next = CutOffs.Next(rule, end);

            next.ShouldBeGreaterThan(end);
            CutOffs.Last(rule, next).ShouldBe(end, $"{rule} {next}");
            CutOffs.Next(rule, next.AddTicks(-1)).ShouldBe(next);
            CutOffs.Next(rule, end.AddTicks(1)).ShouldBe(next);
            CutOffs.Last(rule, next.AddTicks(1)).ShouldBe(next);
            end = next;
        }

        return true.ToProperty();
    }

    [Property(MaxTest = 500)]
    public Property a_cut_off_is_the_first_instant_that_clocks_show_its_time_or_a_later_one(int seed)
    {
        var random = new Random(seed);
        var zone = TimeZoneInfo.FindSystemTimeZoneById(Zones[random.Next(Zones.Length)]);
        var day = DateOnly.FromDateTime(Any(random, 2000, 2035).DateTime);
        var time = Time(random);

        var at = LocalDays.At(day, time, zone);

        var local = day.ToDateTime(time);
        at.Offset.ShouldBe(zone.GetUtcOffset(at));
        at.DateTime.ShouldBeGreaterThanOrEqualTo(local);
        for (var minutes = 1; minutes <= 26 * 60; minutes++)
        {
            TimeZoneInfo.ConvertTime(at.AddMinutes(-minutes), zone).DateTime.ShouldBeLessThan(local);
        }

        TimeZoneInfo.ConvertTime(at.AddTicks(-1), zone).DateTime.ShouldBeLessThan(local);
        return true.ToProperty();
    }

    private static ScheduleRule Any(Random random)
    {
        var (time, zone) = (Time(random), Zones[random.Next(Zones.Length)]);
        return random.Next(4) switch
        {
            0 => new ScheduleRule(ReportInterval.Daily, time, zone),
            1 => new ScheduleRule(ReportInterval.Weekly, time, zone, (Weekday)random.Next(1, 8)),
            2 => new ScheduleRule(ReportInterval.Monthly, time, zone, Day: random.Next(1, 32)),
            _ => new ScheduleRule(ReportInterval.Yearly, time, zone, Day: random.Next(1, 32), Month: random.Next(1, 13)),
        };
    }

    // Most changes of clocks are around midnight and in the first hours.
    private static TimeOnly Time(Random random) =>
        random.Next(2) == 0 ? new TimeOnly(0, 0) : new TimeOnly(random.Next(random.Next(2) == 0 ? 4 : 24), random.Next(60));

    private static DateTimeOffset Any(Random random, int from, int to) => new DateTimeOffset(
        random.Next(from, to), 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(random.Next(366 * 24 * 60));

    private static DateTimeOffset At(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.None);

    /// <summary>A rule as the tables above write it.</summary>
    internal static ScheduleRule Rule(string text)
    {
        var parts = text.Split(' ');
        var (time, zone) = (TimeOnly.Parse(parts[^2], CultureInfo.InvariantCulture), parts[^1]);
        var interval = ContractWords.Parse<ReportInterval>(parts[0])!.Value;
        int Number(int part) => int.Parse(parts[part], CultureInfo.InvariantCulture);
        return interval switch
        {
            ReportInterval.Weekly => new(interval, time, zone, ContractWords.Parse<Weekday>(parts[1])),
            ReportInterval.Monthly => new(interval, time, zone, Day: Number(1)),
            ReportInterval.Yearly => new(interval, time, zone, Day: Number(2), Month: Number(1)),
            _ => new(interval, time, zone),
        };
    }
}
