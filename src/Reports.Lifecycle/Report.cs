using System.Collections.Immutable;
using JasperFx.Events;
using Marten.Events.Aggregation;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>How far a report has come.</summary>
internal enum ReportStatus
{
    /// <summary>Asked for; no generator has said yet that it has begun.</summary>
    Requested,

    /// <summary>A generator is at work.</summary>
    Generating,

    /// <summary>A generator says that the file is there; it is not checked yet.</summary>
    Generated,

    /// <summary>The file was checked and the report is listed.</summary>
    Finished,

    /// <summary>There will be no file.</summary>
    Failed,

    /// <summary>Nobody wants it any more.</summary>
    Cancelled,

    /// <summary>Its file is no longer kept.</summary>
    Expired,
}

/// <summary>A report as its events tell it: what decisions are made from.</summary>
/// <param name="Id">The stream.</param>
/// <param name="MerchantId">Whose it is.</param>
/// <param name="Description">What it is to be.</param>
/// <param name="Status">How far it has come.</param>
/// <param name="Attempt">The try that is waited for, or was the last; from 1.</param>
/// <param name="Claim">What a generator said of its file.</param>
internal sealed record Report(
    Guid Id,
    Guid MerchantId,
    ReportDescription Description,
    ReportStatus Status,
    int Attempt,
    ReportGenerated? Claim)
{
    /// <summary>The answers that are on record, so that one that comes again changes nothing.</summary>
    public ImmutableHashSet<string> Answers { get; init; } = [];

    /// <summary>Until when the file is kept; none before it is finished.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether the file is kept beyond its time.</summary>
    public bool IsHeld { get; init; }

    /// <summary>Whether a generator is waited for.</summary>
    public bool IsWaiting => Status is ReportStatus.Requested or ReportStatus.Generating;

    /// <summary>
    /// The one file of the report that is not to be removed; none when there is no such. That of a failed report is on
    /// its way into quarantine.
    /// </summary>
    public string? KeptFile =>
        Status is ReportStatus.Cancelled or ReportStatus.Expired ? null : Claim?.StorageKey;

    // A timeout and a verification are no answers: what the generator itself says comes on top.
    private ImmutableHashSet<string> With(Actor by, int attempt, string code) =>
        by.Kind == ActorKind.Generator ? Answers.Add(Answer.Failed(attempt, code)) : Answers;

    /// <summary>The state after one more event. Events that say nothing of the state leave it as it is.</summary>
    public static Report? Fold(Report? report, object @event) => (report, @event) switch
    {
        (null, ReportRequested e) => new Report(e.ReportId, e.MerchantId, e.Report, ReportStatus.Requested, 1, null),
        (not null, GenerationStarted) => report with { Status = ReportStatus.Generating },
        (not null, GenerationAttemptFailed e) => report with
        {
            Status = ReportStatus.Requested,
            Attempt = e.Attempt + 1,
            Answers = report.With(e.By, e.Attempt, e.Code),
        },
        (not null, ReportGenerated e) => report with
        {
            Status = ReportStatus.Generated,
            Claim = e,
            Answers = report.Answers.Add(Answer.Completed(e.Attempt, e.StorageKey)),
        },
        (not null, ReportFinished e) => report with { Status = ReportStatus.Finished, ExpiresAt = e.ExpiresAt },
        (not null, ReportGenerationFailed e) => report with
        {
            Status = ReportStatus.Failed,
            Answers = report.With(e.By, e.Attempt, e.Code),
        },
        (not null, ReportCancelled) => report with { Status = ReportStatus.Cancelled },
        (not null, LateResultIgnored e) => report with
        {
            Answers = report.Answers.Add(Answer.Of(e.Answer, e.Attempt, e.Subject)),
        },
        (not null, LegalHoldPlaced) => report with { IsHeld = true },
        (not null, LegalHoldReleased) => report with { IsHeld = false },
        (not null, ReportExpired) => report with { Status = ReportStatus.Expired },
        _ => report,
    };
}

/// <summary>What tells one answer of a generator from another.</summary>
internal static class Answer
{
    public static string Completed(int attempt, string storageKey) =>
        Of(GeneratorAnswer.Completed, attempt, storageKey);

    public static string Failed(int attempt, string code) => Of(GeneratorAnswer.Failed, attempt, code);

    public static string Of(GeneratorAnswer answer, int attempt, string subject) =>
        $"{answer.Word()} {attempt} {subject}";
}

/// <summary>Lets the event store fold a stream by <see cref="Report.Fold"/>.</summary>
internal sealed partial class ReportFold : SingleStreamProjection<Report, Guid>
{
    public override Report? Evolve(Report? snapshot, Guid id, IEvent e) => Report.Fold(snapshot, e.Data);
}
