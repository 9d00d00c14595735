namespace Reports.Contracts.Messages;

/// <summary>Asks a generator for a report's file.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="MerchantId">The merchant whose transactions it covers.</param>
/// <param name="Attempt">Which try this is, counted from 1.</param>
/// <param name="Grant">
/// The sealed right to answer for this report and attempt and to write below <paramref name="StoragePrefix"/>. Every
/// answer carries it back unchanged.
/// </param>
/// <param name="StoragePrefix">
/// Where the file is to be written: a prefix of storage keys that ends with a slash.
/// </param>
/// <param name="Interval">The kind of period.</param>
/// <param name="Format">The format of the file.</param>
/// <param name="Layout">The look of the file.</param>
/// <param name="Period">The period to cover.</param>
/// <param name="UploadUrl">
/// Where the file can be sent by <c>PUT</c> in place of writing it to the storage. It holds the grant: it is as secret.
/// </param>
/// <param name="HeartbeatSeconds">
/// A generator that is at work and is not heard of for longer counts as lost. A third of it is a good pause.
/// </param>
[MessageName("reports.generate-report.v1")]
public sealed record GenerateReport(
    Guid ReportId,
    Guid MerchantId,
    int Attempt,
    string Grant,
    string StoragePrefix,
    ReportInterval Interval,
    ReportFormat Format,
    ReportLayout Layout,
    ReportPeriod Period,
    string? UploadUrl = null,
    int? HeartbeatSeconds = null)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerateReport)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's first word: it has begun.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
[MessageName("reports.generation-started.v1")]
public sealed record GenerationStarted(Guid ReportId, int Attempt, string Grant, string Generator)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationStarted)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's sign of life while it is at work. It extends the deadline, and shows progress.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
/// <param name="Records">How many data rows are written.</param>
/// <param name="ExpectedRecords">How many there will be, when it is known.</param>
[MessageName("reports.generation-heartbeat.v1")]
public sealed record GenerationHeartbeat(
    Guid ReportId, int Attempt, string Grant, string Generator, long Records, long? ExpectedRecords = null)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationHeartbeat)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's answer: the file is written.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
/// <param name="FileName">The file's name below the granted prefix: one segment, no slash.</param>
/// <param name="FileSize">Its length in bytes.</param>
/// <param name="Sha256">Its SHA-256, lower-case hex.</param>
/// <param name="Records">Its number of data rows: the header does not count.</param>
/// <param name="Totals">The sums of its rows, by currency.</param>
[MessageName("reports.generation-completed.v1")]
public sealed record GenerationCompleted(
    Guid ReportId,
    int Attempt,
    string Grant,
    string Generator,
    string FileName,
    long FileSize,
    string Sha256,
    long Records,
    IReadOnlyList<ControlTotal> Totals)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationCompleted)} {ReportId}, attempt {Attempt}";
}

/// <summary>A generator's answer: there is no file.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The attempt, as it was asked.</param>
/// <param name="Grant">The grant, as it was given.</param>
/// <param name="Generator">The generator's name and version.</param>
/// <param name="Code">A fixed word for the reason, for example <c>unsupported_format</c>.</param>
/// <param name="Message">The reason for a person; shown to the merchant.</param>
/// <param name="Retryable">Whether another try could help.</param>
[MessageName("reports.generation-failed.v1")]
public sealed record GenerationFailed(
    Guid ReportId,
    int Attempt,
    string Grant,
    string Generator,
    string Code,
    string Message,
    bool Retryable)
{
    /// <summary>Without the grant: whoever reads it in a log could answer.</summary>
    /// <returns>Name, report and attempt.</returns>
    public override string ToString() => $"{nameof(GenerationFailed)} {ReportId}, attempt {Attempt}";
}

/// <summary>
/// A registered generator starts a report on its own. It is answered with a <see cref="GenerateReport"/>, like any
/// request; the id of the report is the version 5 UUID (RFC 9562 section 5.5) of the merchant's id, a slash and the
/// submission's id in the namespace of the generator's id, so that the generator knows it beforehand.
/// </summary>
/// <param name="GeneratorId">The generator, as it was registered.</param>
/// <param name="Payload">A <see cref="ReportSubmission"/> as JSON in UTF-8, as base64url without padding (RFC 4648).</param>
/// <param name="Signature">
/// HMAC-SHA-256 (RFC 2104) over the characters of <paramref name="Payload"/> under the generator's secret, as
/// lower-case hex.
/// </param>
[MessageName("reports.report-submitted.v1")]
public sealed record ReportSubmitted(Guid GeneratorId, string Payload, string Signature)
{
    /// <summary>Without payload and signature, as no message shows what it is believed for.</summary>
    /// <returns>Name and generator.</returns>
    public override string ToString() => $"{nameof(ReportSubmitted)} by {GeneratorId}";
}

/// <summary>What a generator wants to make.</summary>
/// <param name="SubmissionId">Its own id for it: whatever has the same id is the same, however often it comes.</param>
/// <param name="MerchantId">For whom.</param>
/// <param name="Interval">The kind of period.</param>
/// <param name="Format">The format of the file.</param>
/// <param name="FirstDay">The first local day; of a month or a year, any day in it.</param>
/// <param name="LastDay">The last local day of a custom period.</param>
/// <param name="TimeZone">The IANA name of the zone; by default the merchant's.</param>
/// <param name="Layout">The look of the file.</param>
/// <param name="FilePrefix">What the name of the file begins with; by default <c>settlement</c>.</param>
public sealed record ReportSubmission(
    Guid SubmissionId,
    Guid MerchantId,
    ReportInterval Interval,
    ReportFormat Format,
    DateOnly FirstDay,
    DateOnly? LastDay = null,
    string? TimeZone = null,
    ReportLayout? Layout = null,
    string? FilePrefix = null);
