namespace Reports.Contracts.Events;

/// <summary>A report was asked for. First event of a Report stream.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="MerchantId">Whose report it is.</param>
/// <param name="Report">What it is to be.</param>
/// <param name="By">Who asked.</param>
/// <param name="ScheduleId">The schedule that asked, when one did.</param>
[EventName("report.requested.v1")]
public sealed record ReportRequested(
    Guid ReportId, Guid MerchantId, ReportDescription Report, Actor By, Guid? ScheduleId = null);

/// <summary>
/// A generator has begun. That it is still at work it says by heartbeats, which are no events.
/// </summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">Which try, counted from 1.</param>
/// <param name="By">The generator, with its version.</param>
/// <param name="StartedAt">When its word arrived.</param>
[EventName("report.generation-started.v1")]
public sealed record GenerationStarted(Guid ReportId, int Attempt, Actor By, DateTimeOffset StartedAt);

/// <summary>A try has failed, and there will be another.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">The try that failed, counted from 1.</param>
/// <param name="Code">A fixed word for the reason, for example <c>timeout</c>.</param>
/// <param name="Message">The reason for a person.</param>
/// <param name="By">The generator that gave up, or the service that heard nothing of it.</param>
/// <param name="FailedAt">When.</param>
/// <param name="RetryAt">When the next try is ordered.</param>
[EventName("report.generation-attempt-failed.v1")]
public sealed record GenerationAttemptFailed(
    Guid ReportId,
    int Attempt,
    string Code,
    string Message,
    Actor By,
    DateTimeOffset FailedAt,
    DateTimeOffset RetryAt);

/// <summary>A generator says that the file is there. Its claim as received; nothing is checked yet.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">Which try, counted from 1.</param>
/// <param name="StorageKey">Where the file is said to be.</param>
/// <param name="FileSize">The claimed length in bytes.</param>
/// <param name="Sha256">The claimed SHA-256, lower-case hex.</param>
/// <param name="Records">The claimed number of data rows.</param>
/// <param name="Totals">The claimed sums, by currency.</param>
/// <param name="By">The generator, with its version.</param>
/// <param name="GeneratedAt">When the claim arrived.</param>
[EventName("report.generated.v1")]
public sealed record ReportGenerated(
    Guid ReportId,
    int Attempt,
    string StorageKey,
    long FileSize,
    string Sha256,
    long Records,
    IReadOnlyList<ControlTotal> Totals,
    Actor By,
    DateTimeOffset GeneratedAt);

/// <summary>
/// The file was read again from storage and found to be as claimed. From here on the report is listed.
/// </summary>
/// <param name="ReportId">The stream.</param>
/// <param name="MerchantId">Whose report it is.</param>
/// <param name="Report">What it is.</param>
/// <param name="StorageKey">Where its file is; never told to a merchant.</param>
/// <param name="FileSize">The length in bytes.</param>
/// <param name="Sha256">The SHA-256 of the whole file, lower-case hex.</param>
/// <param name="Blocks">The digests that every later delivery is checked against.</param>
/// <param name="Records">The number of data rows.</param>
/// <param name="GeneratedAt">When its generator was done.</param>
/// <param name="FinishedAt">When it was verified.</param>
/// <param name="ExpiresAt">Until when the file is kept.</param>
/// <param name="By">The service.</param>
[EventName("report.finished.v1")]
public sealed record ReportFinished(
    Guid ReportId,
    Guid MerchantId,
    ReportDescription Report,
    string StorageKey,
    long FileSize,
    string Sha256,
    BlockDigests Blocks,
    long Records,
    DateTimeOffset GeneratedAt,
    DateTimeOffset FinishedAt,
    DateTimeOffset ExpiresAt,
    Actor By);

/// <summary>There will be no file. Last event of the stream.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">The last try.</param>
/// <param name="Code">A fixed word for the reason, for example <c>verification</c>.</param>
/// <param name="Message">The reason for a person.</param>
/// <param name="Retryable">Whether asking again could help.</param>
/// <param name="By">The generator that gave up, or the service that rejected its file.</param>
/// <param name="FailedAt">When.</param>
[EventName("report.generation-failed.v1")]
public sealed record ReportGenerationFailed(
    Guid ReportId,
    int Attempt,
    string Code,
    string Message,
    bool Retryable,
    Actor By,
    DateTimeOffset FailedAt);

/// <summary>Nobody wants the report any more. It was not finished, and will not be.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Reason">Why, when it was said.</param>
/// <param name="By">Who cancelled it.</param>
/// <param name="CancelledAt">When.</param>
[EventName("report.cancelled.v1")]
public sealed record ReportCancelled(Guid ReportId, string? Reason, Actor By, DateTimeOffset CancelledAt);

/// <summary>What a generator answered.</summary>
public enum GeneratorAnswer
{
    /// <summary>The file is written.</summary>
    Completed,

    /// <summary>There is no file.</summary>
    Failed,
}

/// <summary>A generator's answer came when nobody waited for it any more: it changes nothing.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">The try that was answered.</param>
/// <param name="Answer">What was answered.</param>
/// <param name="Subject">The storage key of the claimed file, or the code of the failure.</param>
/// <param name="By">The generator, with its version.</param>
/// <param name="ReceivedAt">When.</param>
[EventName("report.late-result-ignored.v1")]
public sealed record LateResultIgnored(
    Guid ReportId,
    int Attempt,
    GeneratorAnswer Answer,
    string Subject,
    Actor By,
    DateTimeOffset ReceivedAt);

/// <summary>A file that was not what its generator claimed was put aside, for whoever looks into it.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Attempt">The try that wrote it.</param>
/// <param name="StorageKey">Where it was.</param>
/// <param name="QuarantineKey">Where it is.</param>
/// <param name="Finding">What is wrong with it.</param>
/// <param name="By">The service.</param>
/// <param name="QuarantinedAt">When.</param>
[EventName("report.file-quarantined.v1")]
public sealed record FileQuarantined(
    Guid ReportId,
    int Attempt,
    string StorageKey,
    string QuarantineKey,
    string Finding,
    Actor By,
    DateTimeOffset QuarantinedAt);

/// <summary>The report's file must be kept beyond its time.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Reason">Why; a reference, never a person's name.</param>
/// <param name="By">Who said so.</param>
/// <param name="PlacedAt">When.</param>
[EventName("report.legal-hold-placed.v1")]
public sealed record LegalHoldPlaced(Guid ReportId, string Reason, Actor By, DateTimeOffset PlacedAt);

/// <summary>The report's file need not be kept beyond its time any more.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="Reason">Why; a reference, never a person's name.</param>
/// <param name="By">Who said so.</param>
/// <param name="ReleasedAt">When.</param>
[EventName("report.legal-hold-released.v1")]
public sealed record LegalHoldReleased(Guid ReportId, string Reason, Actor By, DateTimeOffset ReleasedAt);

/// <summary>The file of a finished report is no longer kept. Last event of the stream.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="MerchantId">Whose report it is.</param>
/// <param name="By">The service.</param>
/// <param name="ExpiredAt">When.</param>
[EventName("report.expired.v1")]
public sealed record ReportExpired(Guid ReportId, Guid MerchantId, Actor By, DateTimeOffset ExpiredAt);
