using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>How a download is ruled, and why.</summary>
internal enum DownloadRuling
{
    Given,
    LookUpFailed,
    PasswordChecksBusy,
    MethodNotTaken,
    LengthContradictory,
    BodyTooLarge,
    CredentialInvalid,
    FailuresUsedUp,
    RequestsUsedUp,
    PermissionMissing,
    LocatorMalformed,
    ReportUnknown,
    TokenForeign,
    TokenExpired,
    ReportExpired,
    FileNotAsRecorded,
    QuotaUnknown,
    DownloadsUsedUp,
    PreconditionFailed,
    RangeNotSatisfiable,
    LeaseLapsed,
    StoreRefused,
}

/// <summary>
/// Whether a download is given, and if not, why not: a function of what is recorded of the attempt and of nothing else,
/// so that a replay decides as the request was decided (<c>docs/contract.md</c> section 4). When a rule changes, so
/// does the version, and the rule before it stays for what was recorded under it.
/// </summary>
internal static class DownloadPolicy
{
    /// <summary>The version of these rules. Before 4, not all that they need was recorded.</summary>
    public const int Version = 4;

    /// <summary>
    /// Rules in the one order of checks. What is not known yet keeps nobody: the request is asked about as soon as
    /// something more is known, and whatever refuses it then refuses it for good.
    /// </summary>
    public static DownloadRuling Rule(LocatorKind locator, DownloadInputs inputs) =>
        OfRequest(inputs) ?? OfCaller(inputs) ?? OfReport(locator, inputs) ?? OfFile(inputs) ?? DownloadRuling.Given;

    /// <summary>What is answered to a ruling; none when the download is given.</summary>
    public static Problem? Answer(DownloadRuling ruling, bool isNotFoundOnly) => ruling switch
    {
        DownloadRuling.Given => null,

        // One of the published documents knows no other answer than 404 to a token that does not open the report.
        DownloadRuling.LocatorMalformed or DownloadRuling.TokenForeign or DownloadRuling.TokenExpired
            when isNotFoundOnly => Problem.NotFound,
        DownloadRuling.LengthContradictory => Problem.ContradictoryLengths,
        DownloadRuling.LocatorMalformed => Problem.InvalidParameters with
        {
            Detail = "token is neither a download token nor an encrypted_id",
            Errors = new Dictionary<string, string[]> { ["token"] = ["is not a UUID or an encrypted_id"] },
        },
        DownloadRuling.CredentialInvalid => Problem.Unauthorized,
        DownloadRuling.PermissionMissing => Problem.Forbidden with { Detail = "No permission assigned" },
        DownloadRuling.TokenForeign =>
            Problem.Forbidden with { Detail = "The token was issued to another principal" },
        DownloadRuling.ReportUnknown => Problem.NotFound,
        DownloadRuling.MethodNotTaken => Problem.MethodNotAllowed,
        DownloadRuling.TokenExpired =>
            Problem.TokenExpired with { Detail = "List the report again for a new URL" },
        DownloadRuling.ReportExpired => Problem.ContentExpired,
        DownloadRuling.PreconditionFailed => Problem.PreconditionFailed,
        DownloadRuling.BodyTooLarge => Problem.PayloadTooLarge,
        DownloadRuling.RangeNotSatisfiable => Problem.RangeNotSatisfiable,
        DownloadRuling.FailuresUsedUp or DownloadRuling.RequestsUsedUp or DownloadRuling.DownloadsUsedUp =>
            Problem.RateLimited,
        DownloadRuling.FileNotAsRecorded =>
            Problem.Unavailable with { Detail = "The file is being looked into" },
        DownloadRuling.LookUpFailed or DownloadRuling.PasswordChecksBusy or DownloadRuling.QuotaUnknown
            or DownloadRuling.LeaseLapsed or DownloadRuling.StoreRefused => Problem.Unavailable,
    };

    // Whether anybody could be asked at all, and whether the request is one that the path takes.
    private static DownloadRuling? OfRequest(DownloadInputs inputs) => inputs switch
    {
        { Obstacle: DownloadObstacle.LookUp } => DownloadRuling.LookUpFailed,
        { Obstacle: DownloadObstacle.Busy } => DownloadRuling.PasswordChecksBusy,
        { Unfit: UnfitRequest.Method } => DownloadRuling.MethodNotTaken,
        { Unfit: UnfitRequest.Length } => DownloadRuling.LengthContradictory,
        { Unfit: UnfitRequest.Body } => DownloadRuling.BodyTooLarge,
        _ => null,
    };

    // Who may not download at all is told nothing about tokens and reports.
    private static DownloadRuling? OfCaller(DownloadInputs inputs) => inputs switch
    {
        { Refusal: CredentialRefusal.TooManyFailures } => DownloadRuling.FailuresUsedUp,
        { Refusal: CredentialRefusal.Invalid } or { CallerPrincipal: null } => DownloadRuling.CredentialInvalid,
        { AreRequestsLeft: false } => DownloadRuling.RequestsUsedUp,
        { IsPermitted: not true } => DownloadRuling.PermissionMissing,
        _ => null,
    };

    private static DownloadRuling? OfReport(LocatorKind locator, DownloadInputs inputs) => inputs switch
    {
        _ when locator == LocatorKind.Malformed => DownloadRuling.LocatorMalformed,
        { ReportExpiresAt: null } => DownloadRuling.ReportUnknown,
        { TokenPrincipal: { } principal } when principal != inputs.CallerPrincipal => DownloadRuling.TokenForeign,
        { TokenExpiresAt: { } expiry } when expiry <= inputs.DecidedAt => DownloadRuling.TokenExpired,
        { IsReportExpired: true } => DownloadRuling.ReportExpired,
        { IsHeld: false, ReportExpiresAt: { } expiry } when expiry <= inputs.DecidedAt => DownloadRuling.ReportExpired,
        _ => null,
    };

    // Preconditions and ranges come last: they win over no other refusal (RFC 9110 section 13.2.1).
    private static DownloadRuling? OfFile(DownloadInputs inputs) => inputs switch
    {
        { Finding: not null } => DownloadRuling.FileNotAsRecorded,
        { Obstacle: DownloadObstacle.Quota } => DownloadRuling.QuotaUnknown,
        { AreDownloadsLeft: false } => DownloadRuling.DownloadsUsedUp,
        { Selection: DownloadSelection.PreconditionFailed } => DownloadRuling.PreconditionFailed,
        { Selection: DownloadSelection.RangeNotSatisfiable } => DownloadRuling.RangeNotSatisfiable,
        _ => null,
    };
}
