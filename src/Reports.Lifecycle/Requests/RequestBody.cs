using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>What a merchant's program sends to request a report.</summary>
internal static class RequestBody
{
    private static readonly RequestReport.Validator Validator = new();

    /// <summary>The command that a body stands for.</summary>
    /// <exception cref="ProblemException">It stands for none: 400 that names every field at fault.</exception>
    public static RequestReport.Command Read(JsonFields fields, string merchantZone, DateTimeOffset now)
    {
        var command = new RequestReport.Command(
            fields.Word<ReportInterval>("interval") ?? ReportInterval.Custom,
            ReportSource.Manual,
            fields.Word<ReportFormat>("format") ?? ReportFormat.Csv,
            fields.Day("first_day"),
            fields.Day("last_day"),
            fields.Text("time_zone"),
            new ReportLayout(
                fields.Flag("byte_order_mark") ?? false,
                fields.Flag("right_to_left") ?? false,
                fields.Word<ReportLocale>("locale"),
                fields.Texts("columns")),
            fields.Text("file_name_prefix"),
            Edge(fields, "period_start"),
            Edge(fields, "period_end"));
        foreach (var error in Validator.Validate(command).Errors)
        {
            fields.Refuse(error.PropertyName, error.ErrorMessage);
        }

        if (fields.AreFine("interval", "first_day", "last_day", "period_start", "period_end", "time_zone")
            && Times.Zone(command.TimeZone ?? merchantZone) is { } zone
            && RequestedPeriod.Finding(command, RequestedPeriod.Of(command, zone), zone, now) is { } wrong)
        {
            fields.Refuse(wrong.Field, wrong.Finding);
        }

        fields.Check();
        return command;
    }

    private static RequestReport.PeriodEdge? Edge(JsonFields fields, string name) => fields.Read<RequestReport.PeriodEdge?>(
        name,
        "must be an RFC 3339 instant (2026-11-01T08:00:00Z) or a date (2026-11-01)",
        value => JsonFields.AsText(value) is not { } text ? null
            : Times.Day(text) is { } day ? new(day, null)
            : Times.Instant(text) is { } at ? new(null, WholeMicroseconds(at.ToUniversalTime()))
            : null);

    // The resolution of the database: what is asked for is what is shown.
    private static DateTimeOffset WholeMicroseconds(DateTimeOffset at) =>
        at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond));
}
