using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>What the address of a download named, and what could be made of it.</summary>
internal sealed record DownloadTarget(LocatorKind Kind, DownloadToken? Token, Guid? ReportId);

/// <summary>What was found out about a request for a download so far.</summary>
/// <param name="Target">What it named.</param>
/// <param name="Report">The report, when it is there and the caller's merchant's.</param>
/// <param name="Inputs">All that the ruling is made from, and that is recorded.</param>
/// <param name="Selection">What of the file is asked for; none when it is refused before that matters.</param>
/// <param name="Left">What is left of the quota that was asked last.</param>
internal sealed record DownloadDecision(
    DownloadTarget Target, StoredReport? Report, DownloadInputs Inputs, Selection? Selection, RateLimit? Left)
{
    /// <summary>Made anew from the inputs each time, as a replay makes it.</summary>
    public DownloadRuling Ruling => DownloadPolicy.Rule(Target.Kind, Inputs);

    /// <summary>What is answered; none when the download is given.</summary>
    public Problem? Problem => Ruling is DownloadRuling.RequestsUsedUp or DownloadRuling.DownloadsUsedUp
        ? Quotas.Exceeded(Left!)
        : DownloadPolicy.Answer(Ruling, Inputs.IsNotFoundOnly);
}

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
            var quota = await CountAsync(http, caller);
            var report = await FindAsync(caller, target, CancellationToken.None);
            var decision = new DownloadDecision(target, report, Inputs(target, caller) with
            {
                Unfit = Unfit(http),
                Refusal = Refusal(current.Refusal),
                IsPermitted = caller is null ? null : IsPermitted(caller),
                RequestsLeft = quota?.Left.Remaining,
                AreRequestsLeft = quota?.IsAllowed,
                ReportExpiresAt = report?.ExpiresAt,
                IsReportExpired = report?.IsExpired ?? false,
                IsHeld = report?.IsHeld ?? false,
            }, null, quota?.Left);
            return decision.Ruling is DownloadRuling.Given ? Select(http, decision) : decision;
        }
        catch (Exception e)
        {
            // Who it is or what is meant could not be looked up; that somebody asked is recorded all the same.
            LookupFailed(log, e);
            var target = Locate(locator, current.Caller?.Tenant);
            var obstacle = e is ProblemException ? DownloadObstacle.Busy : DownloadObstacle.LookUp;
            return new DownloadDecision(
                target, null, Inputs(target, current.Caller) with { Obstacle = obstacle }, null, null);
        }
    }

    private DownloadInputs Inputs(DownloadTarget target, Caller? caller) => new(
        DownloadPolicy.Version,
        target.Token?.ExpiresAt,
        target.Token?.PrincipalNumber,
        caller?.PrincipalNumber,
        clock.GetUtcNow(),
        IsNotFoundOnly: options.IsNotFoundOnly);

    private static DownloadDecision Select(HttpContext http, DownloadDecision decision)
    {
        var report = decision.Report!;
        var stored = new Representation(DownloadHeaders.ETag(report), report.FinishedAt, report.FileSize);
        var selection = ConditionalRequest.Evaluate(http.Request.Method, http.Request.Headers, stored);
        return decision with
        {
            Selection = selection,
            Inputs = decision.Inputs with { Selection = selection.Kind },
        };
    }

    // Whoever asks so is told so, and it is recorded like any refusal. The names of methods have one case.
    private static UnfitRequest? Unfit(HttpContext http)
    {
        if (http.Request.Method is not ("GET" or "HEAD"))
        {
            http.Response.Headers.Allow = "GET, HEAD";
            return UnfitRequest.Method;
        }

        return Problem.OfBody(http)?.Status switch
        {
            null => null,
            StatusCodes.Status413PayloadTooLarge => UnfitRequest.Body,
            _ => UnfitRequest.Length,
        };
    }

    private static CredentialRefusal? Refusal(Problem? refusal) => refusal?.Status switch
    {
        null => null,
        StatusCodes.Status429TooManyRequests => CredentialRefusal.TooManyFailures,
        _ => CredentialRefusal.Invalid,
    };

    private static bool IsPermitted(Caller caller) => caller.Tenant is not null && caller.Has(Permissions.ViewReport);

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

    [LoggerMessage(LogLevel.Error, "A download could not be decided; it is refused")]
    private static partial void LookupFailed(ILogger log, Exception cause);
}
