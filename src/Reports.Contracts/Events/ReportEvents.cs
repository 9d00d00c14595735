namespace Reports.Contracts.Events;

/// <summary>A report was asked for. First event of a Report stream.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="MerchantId">Whose report it is.</param>
/// <param name="Report">What it is to be.</param>
/// <param name="By">Who asked.</param>
[EventName("report.requested.v1")]
public sealed record ReportRequested(Guid ReportId, Guid MerchantId, ReportDescription Report, Actor By);

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

/// <summary>The file of a finished report is no longer kept. Last event of the stream.</summary>
/// <param name="ReportId">The stream.</param>
/// <param name="MerchantId">Whose report it is.</param>
/// <param name="By">The service.</param>
/// <param name="ExpiredAt">When.</param>
[EventName("report.expired.v1")]
public sealed record ReportExpired(Guid ReportId, Guid MerchantId, Actor By, DateTimeOffset ExpiredAt);
