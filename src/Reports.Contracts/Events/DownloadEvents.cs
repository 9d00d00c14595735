namespace Reports.Contracts.Events;

/// <summary>What the caller named in the address of a download.</summary>
public enum LocatorKind
{
    /// <summary>Neither a token nor an encrypted id.</summary>
    Malformed,

    /// <summary>A download token.</summary>
    Token,

    /// <summary>A report's <c>encrypted_id</c>.</summary>
    EncryptedId,
}

/// <summary>
/// What the conditional and range fields of a request select of a file that the caller may have (RFC 9110 sections 13
/// and 14).
/// </summary>
public enum DownloadSelection
{
    /// <summary>The whole file (200).</summary>
    Full,

    /// <summary>One range of its bytes (206).</summary>
    Partial,

    /// <summary>Nothing: the caller holds the file already (304).</summary>
    NotModified,

    /// <summary>Nothing: the file is not the one that the caller insists on (412).</summary>
    PreconditionFailed,

    /// <summary>Nothing: the asked range has no byte in common with the file (416).</summary>
    RangeNotSatisfiable,
}

/// <summary>Why a request is none that a download takes, whoever sends it.</summary>
public enum UnfitRequest
{
    /// <summary>Another method than GET and HEAD (405).</summary>
    Method,

    /// <summary>Content-Length and Transfer-Encoding contradict each other (400).</summary>
    Length,

    /// <summary>A body above what the path takes (413).</summary>
    Body,
}

/// <summary>Why nobody is known who asks.</summary>
public enum CredentialRefusal
{
    /// <summary>No credential, or none that is valid (401).</summary>
    Invalid,

    /// <summary>Too many attempts to authenticate had failed before (429).</summary>
    TooManyFailures,
}

/// <summary>What kept the service from doing its part (503).</summary>
public enum DownloadObstacle
{
    /// <summary>Who asks, or for what, could not be looked up.</summary>
    LookUp,

    /// <summary>Too many passwords were being checked.</summary>
    Busy,

    /// <summary>The quota of downloads could not be asked.</summary>
    Quota,

    /// <summary>The node had no lease, so that nobody would have closed the attempt.</summary>
    Lease,

    /// <summary>The event store did not take the attempt when it was made.</summary>
    EventStore,
}

/// <summary>
/// What the decision about a download was made from: all of it, so that it can be made again at a replay. What was not
/// asked, because an earlier check refused, is absent.
/// </summary>
/// <param name="PolicyVersion">The version of the rules that were applied.</param>
/// <param name="TokenExpiresAt">The expiry sealed in the token, if it could be opened.</param>
/// <param name="TokenPrincipal">The principal number sealed in the token, if it could be opened.</param>
/// <param name="CallerPrincipal">The caller's principal number; none without a valid credential.</param>
/// <param name="DecidedAt">The instant that expiries were compared with.</param>
/// <param name="Selection">
/// What the conditional and range fields select; none when the request was refused before they mattered.
/// </param>
/// <param name="RequestsLeft">
/// What was left of the caller's requests of the day, after this one; none when it was not asked.
/// </param>
/// <param name="DownloadsLeft">
/// What was left of the caller's downloads of the hour, after this one; none when it was not asked.
/// </param>
/// <param name="IsNotFoundOnly">Whether expired, malformed and foreign tokens were answered as unknown.</param>
/// <param name="IsHeld">Whether the report was known to be under a legal hold, which makes its own expiry void.</param>
/// <param name="Unfit">Why the request is none that the path takes; from version 4 on, like all that follows.</param>
/// <param name="Refusal">Why nobody is known who asks.</param>
/// <param name="IsPermitted">
/// Whether the caller belongs to a merchant and has the permission there; none when nobody is known.
/// </param>
/// <param name="AreRequestsLeft">Whether the quota of requests allowed this one.</param>
/// <param name="ReportExpiresAt">Until when the report's file was to be kept; none when no report was found.</param>
/// <param name="IsReportExpired">Whether the report was known to have expired, so that its file is gone.</param>
/// <param name="Finding">
/// What was found wrong with the stored file before the first byte: <c>missing</c>, <c>unreadable</c>, <c>short</c> or
/// <c>altered</c>.
/// </param>
/// <param name="AreDownloadsLeft">Whether the quota of downloads allowed this one.</param>
/// <param name="Obstacle">What kept the service from deciding.</param>
public sealed record DownloadInputs(
    int PolicyVersion,
    DateTimeOffset? TokenExpiresAt,
    int? TokenPrincipal,
    int? CallerPrincipal,
    DateTimeOffset DecidedAt,
    DownloadSelection? Selection = null,
    long? RequestsLeft = null,
    long? DownloadsLeft = null,
    bool IsNotFoundOnly = false,
    bool IsHeld = false,
    UnfitRequest? Unfit = null,
    CredentialRefusal? Refusal = null,
    bool? IsPermitted = null,
    bool? AreRequestsLeft = null,
    DateTimeOffset? ReportExpiresAt = null,
    bool IsReportExpired = false,
    string? Finding = null,
    bool? AreDownloadsLeft = null,
    DownloadObstacle? Obstacle = null);

/// <summary>Which bytes of a file an answer holds, as its <c>Content-Range</c> says (RFC 9110 section 14.4).</summary>
/// <param name="First">The position of the first byte, from 0.</param>
/// <param name="Last">The position of the last byte.</param>
/// <param name="Length">The length of the whole file.</param>
public sealed record ContentRange(long First, long Last, long Length);

/// <summary>
/// Somebody asked for a report's file. First event of a Download stream, committed before the first byte of the
/// answer. Token and encrypted id are never stored: their hash is.
/// </summary>
/// <param name="AttemptId">The stream; the <c>Download-Id</c> of the answer.</param>
/// <param name="NodeId">The node that answers; when its lease lapses, the attempt is closed as interrupted.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Locator">What the address named.</param>
/// <param name="LocatorSha256">SHA-256 of what the address named, lower-case hex.</param>
/// <param name="ReportId">The report, when it is known and the caller's merchant's.</param>
/// <param name="Inputs">What the decision was made from.</param>
/// <param name="Origin">Names the row that holds source address and user agent; see <c>docs/contract.md</c>.</param>
/// <param name="RequestId">The <c>X-Request-Id</c> of the answer.</param>
/// <param name="By">Who asked.</param>
/// <param name="AttemptedAt">When.</param>
[EventName("download.attempted.v1")]
public sealed record DownloadAttempted(
    Guid AttemptId,
    Guid NodeId,
    string Method,
    LocatorKind Locator,
    string LocatorSha256,
    Guid? ReportId,
    DownloadInputs Inputs,
    string? Origin,
    string RequestId,
    Actor By,
    DateTimeOffset AttemptedAt);

/// <summary>How a download that was answered in full ended.</summary>
public enum DownloadOutcome
{
    /// <summary>Every byte of the file was acknowledged by the other end of the connection.</summary>
    Complete,

    /// <summary>Every byte of the asked range was acknowledged by the other end (206).</summary>
    Partial,

    /// <summary>The headers alone were asked for and given.</summary>
    Head,

    /// <summary>The caller holds the file already (304).</summary>
    NotModified,
}

/// <summary>How a download that was not answered in full ended.</summary>
public enum DownloadFailure
{
    /// <summary>Answered with an error before the first byte.</summary>
    Refused,

    /// <summary>The client hung up or closed its sending side.</summary>
    Aborted,

    /// <summary>The stored file was not what was recorded of it; the connection was cut.</summary>
    Corrupt,

    /// <summary>The node that answered died, or was stopped before the end.</summary>
    Interrupted,
}

/// <summary>The answer was given in full. Last event of a Download stream.</summary>
/// <param name="AttemptId">The stream.</param>
/// <param name="ReportId">The report.</param>
/// <param name="Outcome">What was given.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="BytesSent">Bytes of the file that the other end acknowledged.</param>
/// <param name="DurationMs">Milliseconds from the attempt to its end.</param>
/// <param name="By">Who asked.</param>
/// <param name="EndedAt">When.</param>
/// <param name="Range">The part of the file that was answered; none for the whole file and for none of it.</param>
[EventName("download.completed.v1")]
public sealed record ReportDownloaded(
    Guid AttemptId,
    Guid ReportId,
    DownloadOutcome Outcome,
    int Status,
    long BytesSent,
    long DurationMs,
    Actor By,
    DateTimeOffset EndedAt,
    ContentRange? Range = null);

/// <summary>The answer was not given in full. Last event of a Download stream.</summary>
/// <param name="AttemptId">The stream.</param>
/// <param name="ReportId">The report, when it is known and the caller's merchant's.</param>
/// <param name="Outcome">What happened.</param>
/// <param name="Status">The HTTP status that was sent, or none when no answer was.</param>
/// <param name="Code">The problem code that was answered, or the cause.</param>
/// <param name="BytesSent">Bytes of the file that the other end acknowledged; unknown when the node died.</param>
/// <param name="DurationMs">Milliseconds from the attempt to its end; unknown when the node died.</param>
/// <param name="By">Who asked.</param>
/// <param name="EndedAt">When.</param>
/// <param name="Range">The part of the file that was to be answered; none for the whole file and for none of it.</param>
/// <param name="Obstacle">
/// Why the attempt could not be recorded when it was made, and so was refused whatever had been decided about it.
/// </param>
[EventName("download.failed.v1")]
public sealed record ReportDownloadFailed(
    Guid AttemptId,
    Guid? ReportId,
    DownloadFailure Outcome,
    int? Status,
    string Code,
    long? BytesSent,
    long? DurationMs,
    Actor By,
    DateTimeOffset EndedAt,
    ContentRange? Range = null,
    DownloadObstacle? Obstacle = null);

/// <summary>A stored file was not what was recorded of it. A stream of its own.</summary>
/// <param name="FindingId">The stream.</param>
/// <param name="ReportId">The report.</param>
/// <param name="AttemptId">The download that found it.</param>
/// <param name="Finding"><c>missing</c>, <c>unreadable</c>, <c>short</c> or <c>altered</c>.</param>
/// <param name="Offset">Where in the file, in bytes.</param>
/// <param name="By">The service.</param>
/// <param name="FoundAt">When.</param>
[EventName("integrity.failed.v1")]
public sealed record IntegrityFailed(
    Guid FindingId,
    Guid ReportId,
    Guid? AttemptId,
    string Finding,
    long Offset,
    Actor By,
    DateTimeOffset FoundAt);
