using Microsoft.AspNetCore.Http;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>A status with the code of its problem; no code where there is none.</summary>
internal sealed record DownloadAnswer(int Status, string? Code);

/// <summary>What a report's events said of it when somebody asked for its file.</summary>
internal sealed record ReportFacts(
    DateTimeOffset? ExpiresAt = null, bool IsExpired = false, bool IsHeld = false)
{
    /// <summary>Folds the events of a report, in their order, up to the attempt.</summary>
    public static ReportFacts Of(IEnumerable<object> events) => events.Aggregate(
        new ReportFacts(),
        (facts, e) => e switch
        {
            ReportFinished finished => facts with { ExpiresAt = finished.ExpiresAt },
            ReportExpired => facts with { IsExpired = true },
            LegalHoldPlaced => facts with { IsHeld = true },
            LegalHoldReleased => facts with { IsHeld = false },
            _ => facts,
        });
}

/// <summary>
/// The decision about a download, made again from what is recorded of it, and compared with the answer on record.
/// </summary>
/// <param name="PolicyVersion">The version of the rules that the decision was made by.</param>
/// <param name="IsRecomputable">Whether all that the decision needs was recorded.</param>
/// <param name="Lacks">What was not, by the names of the inputs.</param>
/// <param name="Ruling">The ruling and its cause in a word.</param>
/// <param name="Recomputed">The answer that follows from it.</param>
/// <param name="Recorded">The answer on record; none when there is no ending yet, or the node died before it.</param>
/// <param name="IsAsRecorded">Whether the two are the same; none when one of them is missing.</param>
/// <param name="ByEvents">
/// The answer that follows when the facts about the report are taken from its own events before the attempt, and not
/// from the inputs.
/// </param>
/// <param name="IsByEvents">
/// Whether those facts lead to the same answer. They can differ without any fault when an event of the report was
/// committed between the look at it and the record of the attempt.
/// </param>
internal sealed record DownloadExplanation(
    int PolicyVersion,
    bool IsRecomputable,
    IReadOnlyList<string> Lacks,
    string? Ruling = null,
    DownloadAnswer? Recomputed = null,
    DownloadAnswer? Recorded = null,
    bool? IsAsRecorded = null,
    DownloadAnswer? ByEvents = null,
    bool? IsByEvents = null)
{
    private static readonly string[] SinceVersion4 =
    [
        "unfit", "refusal", "is_permitted", "are_requests_left", "report_expires_at", "is_report_expired", "finding",
        "are_downloads_left", "obstacle",
    ];

    /// <param name="attempted">The attempt.</param>
    /// <param name="end">The event that ended it; none when there is none yet.</param>
    /// <param name="report">The events of its report before the attempt; none when no report was found.</param>
    public static DownloadExplanation Of(DownloadAttempted attempted, object? end, IEnumerable<object> report)
    {
        var inputs = attempted.Inputs;
        var recorded = Answered(end);
        var lacks = Missing(attempted);
        if (lacks.Length > 0)
        {
            return new DownloadExplanation(inputs.PolicyVersion, false, lacks, Recorded: recorded);
        }

        var ruling = Rule(attempted, end, inputs);
        var recomputed = Answer(ruling, inputs);
        var byEvents = attempted.ReportId is null ? recomputed : ByReport(attempted, end, ReportFacts.Of(report));
        return new DownloadExplanation(
            inputs.PolicyVersion,
            true,
            [],
            ruling.Word(),
            recomputed,
            recorded,
            recorded is null ? null : recorded == recomputed,
            byEvents,
            byEvents == recomputed);
    }

    private static string[] Missing(DownloadAttempted attempted) => attempted.Inputs switch
    {
        { PolicyVersion: < DownloadPolicy.Version } => SinceVersion4,
        { PolicyVersion: > DownloadPolicy.Version } => ["rules of this version"],
        { Selection: null } inputs when DownloadPolicy.Rule(attempted.Locator, inputs) is DownloadRuling.Given =>
            ["selection"],
        _ => [],
    };

    private static DownloadAnswer ByReport(DownloadAttempted attempted, object? end, ReportFacts facts)
    {
        var inputs = attempted.Inputs with
        {
            ReportExpiresAt = facts.ExpiresAt,
            IsReportExpired = facts.IsExpired,
            IsHeld = facts.IsHeld,
        };
        return Answer(Rule(attempted, end, inputs), inputs);
    }

    // Whatever was decided: what could not be recorded was refused.
    private static DownloadRuling Rule(DownloadAttempted attempted, object? end, DownloadInputs inputs) => end switch
    {
        ReportDownloadFailed { Obstacle: DownloadObstacle.Lease } => DownloadRuling.LeaseLapsed,
        ReportDownloadFailed { Obstacle: DownloadObstacle.EventStore } => DownloadRuling.StoreRefused,
        _ => DownloadPolicy.Rule(attempted.Locator, inputs),
    };

    private static DownloadAnswer Answer(DownloadRuling ruling, DownloadInputs inputs) =>
        DownloadPolicy.Answer(ruling, inputs.IsNotFoundOnly) is { } problem
            ? new DownloadAnswer(problem.Status, problem.Code)
            : new DownloadAnswer(
                inputs.Selection switch
                {
                    DownloadSelection.Partial => StatusCodes.Status206PartialContent,
                    DownloadSelection.NotModified => StatusCodes.Status304NotModified,
                    _ => StatusCodes.Status200OK,
                },
                null);

    // The code of a download that was cut says what cut it; its answer had none.
    private static DownloadAnswer? Answered(object? end) => end switch
    {
        ReportDownloaded done => new(done.Status, null),
        ReportDownloadFailed { Outcome: DownloadFailure.Refused, Status: { } status } refused =>
            new(status, refused.Code),
        ReportDownloadFailed { Status: { } status } => new(status, null),
        _ => null,
    };
}
