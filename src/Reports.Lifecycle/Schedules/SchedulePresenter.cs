using System.ComponentModel;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>The body of the list. What is said of a member here stands in the OpenAPI document.</summary>
[Description("All schedules of a merchant.")]
internal sealed record ScheduleList(
    [property: Description("How many there are.")]
    int Count,
    [property: Description("The schedules, the newest first.")]
    IReadOnlyList<ListedSchedule> Results);

/// <summary>One schedule as its merchant sees it.</summary>
[Description("A schedule: what asks for a report of each period when the period is over.")]
internal sealed record ListedSchedule(
    [property: Description("The schedule's id. It stays the same.")]
    Guid Id,
    [property: Description("`active`, or `paused`: then no report is asked for of periods that end meanwhile.")]
    string Status,
    [property: Description("What kind of period a report covers.")]
    string Interval,
    [property: Description("The day on which a week ends; null unless `interval` is `weekly`.")]
    string? Weekday,
    object? Day,
    [property: Description("The month in which a year ends; null unless `interval` is `yearly`; left out, it is 1.")]
    int? Month,
    [property: Description(
        "The local time at which a period ends and the next begins. A time that clocks skip is when they go on after it; "
        + "of one that they show twice it is the first.")]
    string CutOff,
    [property: Description("The IANA name of the time zone of `cut_off`; left out, it is the merchant's.")]
    string TimeZone,
    [property: Description("The format of the files.")]
    string Format,
    [property: Description(
        "What the names of the files begin with: letters, digits, spaces, `-`, `_` and `.`, not first a space or a point.")]
    string FileNamePrefix,
    [property: Description("The columns by name, in this order; null for the standard ones.")]
    IReadOnlyList<string>? Columns,
    [property: Description("The language of the column labels; null for the columns' own names.")]
    string? Locale,
    [property: Description("Whether a CSV file starts with a byte order mark.")]
    bool ByteOrderMark,
    [property: Description("Whether the sheets of a workbook run from right to left.")]
    bool RightToLeft,
    [property: Description("When the next report is asked for; UTC. Null while the schedule is paused.")]
    DateTime? NextAt,
    [property: Description("The first instant of the next report's period, with the offset of `time_zone` then.")]
    DateTimeOffset? NextPeriodStart,
    [property: Description("The first instant after the next report's period, with the offset of `time_zone` then.")]
    DateTimeOffset? NextPeriodEnd,
    [property: Description("The end of the last period that a report was asked for; null before the first.")]
    DateTimeOffset? LastPeriodEnd,
    [property: Description("When the schedule was created; UTC.")]
    DateTime CreatedAt,
    [property: Description("When it last became what it is; UTC.")]
    DateTime ChangedAt)
{
    public static ListedSchedule Of(StoredSchedule stored)
    {
        var schedule = stored.Schedule;
        var (rule, layout, next) = (schedule.Definition.Rule, schedule.Definition.Layout, stored.Next);
        return new ListedSchedule(
            schedule.Id,
            schedule.Status.Word(),
            rule.Interval.Word(),
            rule.Weekday?.Word(),
            ScheduleBody.DayOf(rule),
            rule.Month,
            ScheduleBody.TimeOf(rule),
            rule.TimeZone,
            schedule.Definition.Format.Word(),
            schedule.Definition.FilePrefix,
            layout.Columns,
            layout.Locale?.Word(),
            layout.ByteOrderMark,
            layout.RightToLeft,
            next?.End.UtcDateTime,
            next?.Start,
            next?.End,
            stored.LastEnd is { } last
                ? TimeZoneInfo.ConvertTime(last, TimeZoneInfo.FindSystemTimeZoneById(rule.TimeZone))
                : null,
            schedule.CreatedAt.UtcDateTime,
            schedule.ChangedAt.UtcDateTime);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ScheduleList))]
[JsonSerializable(typeof(ListedSchedule))]
[JsonSerializable(typeof(int))]
internal sealed partial class ScheduleJson : JsonSerializerContext
{
    /// <summary>Writes names as they are: the body is JSON, never part of a page.</summary>
    public static ScheduleJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
