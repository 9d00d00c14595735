using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>What the address of a download named, and what could be made of it.</summary>
internal sealed record DownloadTarget(LocatorKind Kind, DownloadToken? Token, Guid? ReportId);

/// <summary>What was found out about a request for a download before anything is counted or opened.</summary>
/// <param name="Target">What it named.</param>
/// <param name="Report">The report, when it is there and the caller's merchant's.</param>
/// <param name="Problem">Why the download is not given; none when it may be.</param>
/// <param name="Selection">What of the file is asked for; none when there is a problem.</param>
/// <param name="RequestsLeft">What is left of the caller's requests of the day; none when nobody is known.</param>
/// <param name="At">The instant that expiries were compared with.</param>
internal sealed record DownloadDecision(
    DownloadTarget Target,
    StoredReport? Report,
    Problem? Problem,
    Selection? Selection,
    RateLimit? RequestsLeft,
    DateTimeOffset At);

/// <summary>Tells who asks for which report, and whether they may have it.</summary>
internal sealed partial class DownloadDecider(
    FinishedReports reports,
    DownloadTokens tokens,
    EncryptedIds ids,
    RequestQuota requests,
    DeliveryOptions options,
    CurrentCaller current,
    TimeProvider clock,
    ILogger<DownloadDecider> log)
{
    private const string ForeignToken = "The token was issued to another principal";

    /// <summary>Whether a download is given, and if not, why not. Recomputed from the same facts at a replay.</summary>
    internal static Problem? Decide(Caller? caller, DownloadTarget target, StoredReport? report, DateTimeOffset now)
    {
        if (caller is null)
        {
            return Problem.Unauthorized;
        }

        if (caller.Tenant is null || !caller.Has(Permissions.ViewReport))
        {
            return Problem.Forbidden with { Detail = "No permission assigned" };
        }

        return (target, report) switch
        {
            ({ Kind: LocatorKind.Malformed }, _) => Problem.InvalidParameters with
            {
                Detail = "token is neither a download token nor an encrypted_id",
                Errors = new Dictionary<string, string[]> { ["token"] = ["is not a UUID or an encrypted_id"] },
            },
            (_, null) => Problem.NotFound,
            ({ Token: { } token }, _) when token.PrincipalNumber != caller.PrincipalNumber =>
                Problem.Forbidden with { Detail = ForeignToken },
            ({ Token: { } token }, _) when token.ExpiresAt <= now =>
                Problem.TokenExpired with { Detail = "List the report again for a new URL" },
            (_, var found) when found.IsExpired || (found.ExpiresAt <= now && !found.IsHeld) => Problem.ContentExpired,
            _ => null,
        };
    }

    /// <summary>
    /// Decides. It does not stop when the client hangs up, and does not throw: the attempt was made, and is recorded.
    /// </summary>
    public async Task<DownloadDecision> DecideAsync(HttpContext http, string locator)
    {
        try
        {
            await http.AuthenticateAsync();
            var caller = current.Caller;
            var target = Locate(locator, caller?.Tenant);
            var left = await CountAsync(http, caller);
            var report = await FindAsync(caller, target, CancellationToken.None);
            var now = clock.GetUtcNow();
            var problem = Unfit(http) ?? current.Refusal
                ?? (left is { IsAllowed: false } ? Quotas.Exceeded(left.Value.Left) : null)
                ?? Shown(Decide(caller, target, report, now));
            Selection? selection = problem is null
                ? ConditionalRequest.Evaluate(http.Request.Method, http.Request.Headers, Stored(report!))
                : null;
            return new DownloadDecision(target, report, problem, selection, left?.Left, now);
        }
        catch (Exception e)
        {
            // Who it is or what is meant could not be looked up; that somebody asked is recorded all the same.
            LookupFailed(log, e);
            var target = Locate(locator, current.Caller?.Tenant);
            return new DownloadDecision(target, null, Problem.Unavailable, null, null, clock.GetUtcNow());
        }
    }

    // Whoever asks so is told so, and it is recorded like any refusal. The names of methods have one case.
    private static Problem? Unfit(HttpContext http)
    {
        if (http.Request.Method is "GET" or "HEAD")
        {
            return Problem.OfBody(http);
        }

        http.Response.Headers.Allow = "GET, HEAD";
        return Problem.MethodNotAllowed;
    }

    // Who may not download is refused for that, and it costs nothing.
    private async Task<(bool IsAllowed, RateLimit Left)?> CountAsync(HttpContext http, Caller? caller)
    {
        if (caller?.Tenant is null)
        {
            return null;
        }

        var isCounted = caller.Has(Permissions.ViewReport);
        var answer = isCounted
            ? await requests.TakeAsync(caller, CancellationToken.None)
            : (true, await requests.PeekAsync(caller, CancellationToken.None));
        RateLimits.Note(http, answer.Item2);
        return answer;
    }

    // One of the published documents knows no other answer than 404 to a token that does not open the report.
    private Problem? Shown(Problem? problem) => problem switch
    {
        { Code: "invalid_parameters" or "token_expired" } or { Detail: ForeignToken } when options.IsNotFoundOnly =>
            Problem.NotFound,
        _ => problem,
    };

    private DownloadTarget Locate(string locator, Guid? merchant) => locator switch
    {
        { Length: 36 } when locator.All(IsOfUuid) && Guid.TryParseExact(locator, "D", out var token) =>
            new DownloadTarget(LocatorKind.Token, tokens.Open(token), null),
        _ when EncryptedIds.IsShaped(locator) =>
            new DownloadTarget(LocatorKind.EncryptedId, null, merchant is { } m ? ids.Open(m, locator) : null),
        _ => new DownloadTarget(LocatorKind.Malformed, null, null),
    };

    // The framework takes signs and hexadecimal prefixes within a UUID too.
    private static bool IsOfUuid(char c) => char.IsAsciiHexDigit(c) || c == '-';

    private Task<StoredReport?> FindAsync(Caller? caller, DownloadTarget target, CancellationToken cancellation) =>
        (caller?.Tenant, target) switch
        {
            ({ } merchant, { Token: { } token }) => reports.FindAsync(merchant, token.ReportNumber, cancellation),
            ({ } merchant, { ReportId: { } id }) => reports.FindAsync(merchant, id, cancellation),
            _ => Task.FromResult<StoredReport?>(null),
        };

    private static Representation Stored(StoredReport report) =>
        new(DownloadHeaders.ETag(report), report.FinishedAt, report.FileSize);

    [LoggerMessage(LogLevel.Error, "A download could not be decided; it is refused")]
    private static partial void LookupFailed(ILogger log, Exception cause);
}
