using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>The state of a report for who replays it; <see cref="Report"/> is for decisions.</summary>
/// <param name="Status">How far it has come.</param>
/// <param name="IsListed">Whether the merchant's list shows it.</param>
/// <param name="Attempt">The try that is waited for, or was the last; from 1.</param>
/// <param name="ReportName">The file name that a download proposes.</param>
/// <param name="Interval">The kind of period.</param>
/// <param name="Source">What caused it.</param>
/// <param name="FileFormat">The format of its file.</param>
/// <param name="PeriodStart">The first instant of its period.</param>
/// <param name="PeriodEnd">The first instant after it.</param>
/// <param name="TimeZone">The zone in which its days are counted.</param>
/// <param name="FileSize">The length of the file, as claimed or as found.</param>
/// <param name="Sha256">Its digest, as claimed or as found.</param>
/// <param name="Records">Its rows, as claimed or as found.</param>
/// <param name="ExpiresAt">Until when the file is kept.</param>
/// <param name="IsHeld">Whether it is kept beyond that.</param>
internal sealed record ReportState(
    string Status,
    bool IsListed,
    int Attempt,
    string ReportName,
    string Interval,
    string Source,
    string FileFormat,
    DateTimeOffset PeriodStart,
    DateTimeOffset PeriodEnd,
    string TimeZone,
    long? FileSize,
    string? Sha256,
    long? Records,
    DateTimeOffset? ExpiresAt,
    bool IsHeld)
{
    public static ReportState Of(Report report) => new(
        report.Status.Word(),
        report.Status is ReportStatus.Finished,
        report.Attempt,
        report.Description.Name,
        report.Description.Interval.Word(),
        report.Description.Source.Word(),
        report.Description.Format.Word(),
        report.Description.Period.Start,
        report.Description.Period.End,
        report.Description.Period.TimeZone,
        report.Claim?.FileSize,
        report.Claim?.Sha256,
        report.Claim?.Records,
        report.ExpiresAt,
        report.IsHeld);
}

/// <summary>Tells a report's events, one sentence each, with the state after it.</summary>
internal static class ReportStory
{
    // Members that are null are told too: a state always has the same ones.
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static IReadOnlyList<(string Sentence, JsonObject? State)> Tell(IEnumerable<object> events)
    {
        var (report, steps) = (default(Report), new List<(string, JsonObject?)>());
        foreach (var e in events)
        {
            report = Report.Fold(report, e);
            var state = report is null
                ? null
                : JsonSerializer.SerializeToNode(ReportState.Of(report), Options)!.AsObject();
            steps.Add((Sentence(e), state));
        }

        return steps;
    }

    private static string Sentence(object e) => e switch
    {
        ReportRequested r => Requested(r),
        GenerationStarted s => Text($"{Who(s.By)} began try {s.Attempt}."),
        GenerationAttemptFailed f =>
            Text($"Try {f.Attempt} failed: {f.Code} ({f.Message}). The next is ordered at {Times.Text(f.RetryAt)}."),
        ReportGenerated g => Text(
            $"{Who(g.By)} says that the file of try {g.Attempt} is there: {File(g.FileSize, g.Records, g.Sha256)}."),
        ReportFinished f => Text(
            $"The file was read again and found as claimed: {File(f.FileSize, f.Records, f.Sha256)}. ")
            + $"The report is listed from here on; its file is kept until {Times.Text(f.ExpiresAt)}.",
        ReportGenerationFailed f =>
            Text($"The report failed at try {f.Attempt}: {f.Code} ({f.Message}). There will be no file."),
        ReportCancelled c => $"{Who(c.By)} cancelled the report{Because(c.Reason)}.",
        LateResultIgnored l => Text(
            $"{Who(l.By)} answered try {l.Attempt} ({l.Answer.Word()}) when nobody waited; that changed nothing."),
        FileQuarantined q =>
            Text($"The file of try {q.Attempt} was put aside, because it is not as claimed: {q.Finding}."),
        LegalHoldPlaced h => $"{Who(h.By)} ordered the file to be kept beyond its time{Because(h.Reason)}.",
        LegalHoldReleased h => $"{Who(h.By)} let the file's time count again{Because(h.Reason)}.",
        ReportExpired => "The file's time was over: it is no longer kept, and the report is no longer listed.",
        _ => "Something happened that says nothing of the state.",
    };

    private static string Requested(ReportRequested requested)
    {
        var (report, period) = (requested.Report, requested.Report.Period);
        var who = requested.ScheduleId is { } schedule ? $"The schedule {schedule}" : Who(requested.By);
        return Text($"{who} asked for {report.Name}, report {report.Number}: ")
            + $"{report.Interval.Word()}, {report.Format.Word()}, "
            + $"from {Times.Text(period.Start)} to {Times.Text(period.End)} ({period.TimeZone}).";
    }

    private static string File(long size, long records, string sha256) =>
        Text($"{size} bytes, {records} rows, SHA-256 {sha256}");

    private static string Because(string? reason) => reason is { Length: > 0 } ? $", because: {reason}" : "";

    private static string Who(Actor by) => by.Kind switch
    {
        ActorKind.Service => "The service",
        ActorKind.Operator => "An operator",
        ActorKind.ApiKey => $"The holder of API key {by.Id}",
        ActorKind.User => $"The user {by.Id}",
        ActorKind.Generator => $"The generator {by.Id}",
        ActorKind.Anonymous => "Somebody unknown",
    };

    private static string Text(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
