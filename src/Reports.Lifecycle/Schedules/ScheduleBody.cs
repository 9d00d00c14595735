using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentValidation;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>What a merchant's program sends to make a schedule, or to make another of one.</summary>
internal static class ScheduleBody
{
    /// <summary>The word for the last day of a month; in a rule it is the number of the longest.</summary>
    public const string LastDay = "last";

    private const int LongestMonth = 31;
    private const string IntervalMessage = "must be daily, weekly, monthly or yearly";
    private const string StatusMessage = "must be active or paused";
    private const string DayMessage = "must be a number from 1 to 31, or \"last\"";
    private static readonly DraftValidator Validator = new();

    /// <summary>What the service says of a schedule and nobody can set.</summary>
    public static IReadOnlyList<string> ReadOnly { get; } =
    [
        "id", "next_at", "next_period_start", "next_period_end", "last_period_end", "created_at", "changed_at",
    ];

    /// <summary>The definition, and the status when it is given, that the fields stand for.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="merchantZone">The time zone when none is given.</param>
    /// <param name="isNew">Whether what is read-only is wrong; else it is what was shown, sent back.</param>
    /// <exception cref="ProblemException">They stand for none: 400 that names every field at fault.</exception>
    public static (ScheduleDefinition Definition, ScheduleStatus? Status) Read(
        JsonFields fields, string merchantZone, bool isNew)
    {
        foreach (var name in ReadOnly)
        {
            if (fields.Read<object>(name, "", value => value) is not null && isNew)
            {
                fields.Refuse(name, "is set by the service");
            }
        }

        var draft = new Draft(
            fields.Read("interval", IntervalMessage, Word<ReportInterval>),
            fields.Read<TimeOnly?>("cut_off", "must be a time of day, such as 06:00", Time) ?? TimeOnly.MinValue,
            fields.Text("time_zone") ?? merchantZone,
            fields.Word<Weekday>("weekday"),
            fields.Read("day", DayMessage, Day),
            fields.Number("month"),
            fields.Word<ReportFormat>("format") ?? ReportFormat.Csv,
            fields.Text("file_name_prefix") ?? Periods.StandardPrefix,
            fields.Texts("columns"),
            fields.Word<ReportLocale>("locale"),
            fields.Flag("byte_order_mark") ?? false,
            fields.Flag("right_to_left") ?? false,
            fields.Read("status", StatusMessage, Word<ScheduleStatus>));
        foreach (var error in Validator.Validate(draft).Errors)
        {
            fields.Refuse(error.PropertyName, error.ErrorMessage);
        }

        fields.Check();
        return (draft.Definition, draft.Status);
    }

    // What a definition and a status would be sent as.
    private static JsonObject Write(ScheduleDefinition definition, ScheduleStatus status)
    {
        var (rule, layout) = (definition.Rule, definition.Layout);
        return new JsonObject
        {
            ["status"] = status.Word(),
            ["interval"] = rule.Interval.Word(),
            ["weekday"] = rule.Weekday?.Word(),
            ["day"] = DayOf(rule) is { } day ? JsonSerializer.SerializeToNode(day) : null,
            ["month"] = rule.Month,
            ["cut_off"] = TimeOf(rule),
            ["time_zone"] = rule.TimeZone,
            ["format"] = definition.Format.Word(),
            ["file_name_prefix"] = definition.FilePrefix,
            ["columns"] = layout.Columns is { } columns ? new JsonArray([.. columns.Select(c => JsonValue.Create(c))]) : null,
            ["locale"] = layout.Locale?.Word(),
            ["byte_order_mark"] = layout.ByteOrderMark,
            ["right_to_left"] = layout.RightToLeft,
        };
    }

    /// <summary>
    /// The fields of a schedule after a JSON merge patch (RFC 7396): no member of it has members, so what the patch does
    /// not name stays, and null takes away.
    /// </summary>
    public static JsonFields Merge(JsonElement patch, ScheduleDefinition definition, ScheduleStatus status)
    {
        var fields = new JsonFields(patch);
        foreach (var (name, value) in Write(definition, status))
        {
            fields.TryAdd(name, JsonSerializer.SerializeToElement(value));
        }

        return fields;
    }

    /// <summary>A day as it is shown: a number, or the word for the last one.</summary>
    public static object? DayOf(ScheduleRule rule) => rule.Day switch
    {
        null => null,
        LongestMonth => LastDay,
        { } day => day,
    };

    public static string TimeOf(ScheduleRule rule) => rule.CutOff.ToString("HH:mm", CultureInfo.InvariantCulture);

    private static TimeOnly? Time(JsonElement value) => JsonFields.AsText(value) is { } text
        && TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            ? time
            : null;

    private static TEnum? Word<TEnum>(JsonElement value)
        where TEnum : struct, Enum =>
        JsonFields.AsText(value) is { } text ? ContractWords.Parse<TEnum>(text) : null;

    private static int? Day(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var day) ? day
        : LastDay.Equals(JsonFields.AsText(value), StringComparison.OrdinalIgnoreCase) ? LongestMonth
        : null;

    private sealed record Draft(
        ReportInterval? Interval,
        TimeOnly CutOff,
        string TimeZone,
        Weekday? Weekday,
        int? Day,
        int? Month,
        ReportFormat Format,
        string Prefix,
        IReadOnlyList<string>? Columns,
        ReportLocale? Locale,
        bool HasByteOrderMark,
        bool IsRightToLeft,
        ScheduleStatus? Status)
    {
        public bool IsWeekly => Interval == ReportInterval.Weekly;

        public bool IsYearly => Interval == ReportInterval.Yearly;

        public bool HasDay => IsYearly || Interval == ReportInterval.Monthly;

        public ScheduleDefinition Definition => new(
            new ScheduleRule(
                Interval!.Value, CutOff, TimeZone, Weekday, HasDay ? Day ?? 1 : null, IsYearly ? Month ?? 1 : null),
            Format,
            new ReportLayout(HasByteOrderMark, IsRightToLeft, Locale, Columns),
            Prefix);
    }

    private sealed class DraftValidator : AbstractValidator<Draft>
    {
        public DraftValidator()
        {
            RuleFor(d => d.Interval).Must(i => i is not (null or ReportInterval.Custom))
                .WithMessage(IntervalMessage).OverridePropertyName("interval");
            RuleFor(d => d.Weekday)
                .Must((d, weekday) => weekday is not null || !d.IsWeekly).WithMessage("is needed by a weekly schedule")
                .Must((d, weekday) => weekday is null || d.IsWeekly).WithMessage("is for weekly schedules only")
                .OverridePropertyName("weekday");
            RuleFor(d => d.Day)
                .Must((d, day) => day is null || d.HasDay).WithMessage("is for monthly and yearly schedules only")
                .Must(day => day is null or (>= 1 and <= LongestMonth)).WithMessage(DayMessage)
                .OverridePropertyName("day");
            RuleFor(d => d.Month)
                .Must((d, month) => month is null || d.IsYearly).WithMessage("is for yearly schedules only")
                .Must(month => month is null or (>= 1 and <= 12)).WithMessage("must be a number from 1 to 12")
                .OverridePropertyName("month");
            RuleFor(d => d.TimeZone).Must(zone => Times.Zone(zone) is not null)
                .WithMessage("must be the IANA name of a time zone, such as Asia/Kuwait")
                .OverridePropertyName("time_zone");
            RuleFor(d => d.Prefix).Must(FileNamePrefix.IsUsable).WithMessage(FileNamePrefix.Message)
                .OverridePropertyName("file_name_prefix");
            RuleFor(d => d.Columns).Must(ColumnChoice.IsUsable).WithMessage(ColumnChoice.Message)
                .OverridePropertyName("columns");
            RuleFor(d => d.Status).Must(status => status != ScheduleStatus.Deleted)
                .WithMessage(StatusMessage).OverridePropertyName("status");
        }
    }
}
