using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Storage;

namespace Reports.Delivery;

/// <summary>
/// The bytes of a report (<c>docs/contract.md</c> section 4). The attempt is recorded before the first byte, its end
/// after the last; what cannot be recorded is not delivered.
/// </summary>
internal sealed partial class DownloadReport(
    FinishedReports reports,
    DownloadTokens tokens,
    EncryptedIds ids,
    DownloadLedger ledger,
    Origins origins,
    ReportFiles files,
    RequestQuota requests,
    DownloadQuota downloads,
    DeliveryOptions options,
    CurrentCaller current,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<DownloadReport> log)
{
    private const int PolicyVersion = 2;
    private const string ForeignToken = "The token was issued to another principal";
    private const int LongestMethod = 16;

    /// <summary>What the address named, and what could be made of it.</summary>
    internal sealed record Target(LocatorKind Kind, DownloadToken? Token, Guid? ReportId);

    /// <summary>Whether a download is given, and if not, why not. Recomputed from the same facts at a replay.</summary>
    internal static Problem? Decide(Caller? caller, Target target, StoredReport? report, DateTimeOffset now)
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
            (_, var found) when found.IsExpired || found.ExpiresAt <= now => Problem.ContentExpired,
            _ => null,
        };
    }

    /// <summary>What is known of a request by the time it is answered.</summary>
    private sealed record Decision(
        Target Target,
        StoredReport? Report,
        Problem? Problem,
        Selection? Selection,
        RateLimit? RequestsLeft,
        DateTimeOffset At);

    public static Task Endpoint(HttpContext http, string token, DownloadReport download) =>
        download.HandleAsync(http, token);

    // None of this stops when the client hangs up: the attempt was made, and is recorded.
    private async Task HandleAsync(HttpContext http, string locator)
    {
        var start = Stopwatch.GetTimestamp();
        var attemptId = Guid.CreateVersion7(clock.GetUtcNow());
        http.Response.Headers["Download-Id"] = attemptId.ToString("D");
        var decision = await DecideAsync(http, locator);
        using var delivery = await OpenAsync(decision);
        var (problem, quota) = await TakeAsync(http, decision, delivery, attemptId);
        var attempt = Attempt(http, locator, attemptId, start, decision, quota);
        if (delivery?.Finding is { } finding)
        {
            ledger.Note(attempt, decision.Report!.Id, finding, decision.Selection!.Value.First);
        }

        if (problem is not null)
        {
            await RefuseAsync(http, attempt, problem, decision.Report);
        }
        else if (await ledger.BeginAsync(attempt))
        {
            await AnswerAsync(http, attempt, decision, delivery);
        }
        else
        {
            await RefundAsync(attemptId, quota);
            await Problem.Unavailable.WriteAsync(http);
        }
    }

    private async Task<Decision> DecideAsync(HttpContext http, string locator)
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
            return new Decision(target, report, problem, selection, left?.Left, now);
        }
        catch (Exception e)
        {
            // Who it is or what is meant could not be looked up; that somebody asked is recorded all the same.
            LookupFailed(log, e);
            var target = Locate(locator, current.Caller?.Tenant);
            return new Decision(target, null, Problem.Unavailable, null, null, clock.GetUtcNow());
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

    // Before anything is counted: a file that is not as recorded costs nothing.
    private async Task<FileDelivery?> OpenAsync(Decision decision) => decision switch
    {
        { Selection: { Kind: DownloadSelection.Full or DownloadSelection.Partial } selection, Report: { } report } =>
            await FileDelivery.OpenAsync(files, report, selection),
        _ => null,
    };

    private async Task<(Problem? Problem, QuotaAnswer? Quota)> TakeAsync(
        HttpContext http, Decision decision, FileDelivery? delivery, Guid attempt)
    {
        if (decision is not { Problem: null, Selection: { } selection, Report: { } report })
        {
            return (decision.Problem, null);
        }

        if (delivery?.Finding is not null)
        {
            return (Problem.Unavailable with { Detail = "The file is being looked into" }, null);
        }

        try
        {
            var quota = HttpMethods.IsHead(http.Request.Method)
                ? new QuotaAnswer(true, false, await downloads.PeekAsync(current.Required, CancellationToken.None))
                : await downloads.TakeAsync(
                    current.Required, report.Id, attempt, Cost(http.Request, selection, report), CancellationToken.None);
            RateLimits.Note(http, quota.Left);
            return (quota.IsAllowed ? Refusal(selection) : Quotas.Exceeded(quota.Left), quota);
        }
        catch (Exception e)
        {
            LookupFailed(log, e);
            return (Problem.Unavailable, null);
        }
    }

    // Conditions change nothing about whether the request without them would have a right to its answer (RFC 9110
    // section 13.2.1), but what they save costs nothing.
    private static DownloadCost Cost(HttpRequest request, Selection selection, StoredReport report)
    {
        var asked = ByteRange.Select(request.Headers.Range, report.FileSize);
        var isContinuation = asked.Kind == DownloadSelection.RangeNotSatisfiable || asked.First > 0;
        return selection.Kind switch
        {
            DownloadSelection.Full => DownloadCost.Whole,
            DownloadSelection.Partial => isContinuation ? DownloadCost.Continuation : DownloadCost.Whole,
            _ => isContinuation ? DownloadCost.FreeContinuation : DownloadCost.Free,
        };
    }

    private static Problem? Refusal(Selection selection) => selection.Kind switch
    {
        DownloadSelection.PreconditionFailed => Problem.PreconditionFailed,
        DownloadSelection.RangeNotSatisfiable => Problem.RangeNotSatisfiable,
        _ => null,
    };

    private async Task RefundAsync(Guid attempt, QuotaAnswer? quota)
    {
        if (quota is { IsCounted: true })
        {
            await downloads.RefundAsync(attempt, CancellationToken.None);
        }
    }

    private DownloadAttempt Attempt(
        HttpContext http, string locator, Guid id, long start, Decision decision, QuotaAnswer? quota)
    {
        var (target, caller, origin) = (decision.Target, current.Caller, origins.Of(http));
        var attempted = new DownloadAttempted(
            id,
            ledger.NodeId,
            http.Request.Method is { Length: > LongestMethod } method ? method[..LongestMethod] : http.Request.Method,
            target.Kind,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(locator))),
            decision.Report?.Id,
            new DownloadInputs(
                PolicyVersion,
                target.Token?.ExpiresAt,
                target.Token?.PrincipalNumber,
                caller?.PrincipalNumber,
                decision.At,
                decision.Selection?.Kind,
                decision.RequestsLeft?.Remaining,
                quota?.Left.Remaining,
                options.IsNotFoundOnly),
            origin.Id,
            http.TraceIdentifier,
            caller?.Actor ?? Actor.Anonymous,
            decision.At);
        return new DownloadAttempt(attempted, caller?.Tenant, origin, start);
    }

    private async Task AnswerAsync(
        HttpContext http, DownloadAttempt attempt, Decision decision, FileDelivery? delivery)
    {
        var (report, selection) = (decision.Report!, decision.Selection!.Value);
        var end = new DownloadEnd(DownloadFailure.Interrupted, "internal_error", 0);
        try
        {
            DownloadHeaders.Write(http.Response, report, selection, decision.At);
            end = delivery is null ? new DownloadEnd(DownloadOutcome.NotModified, 0)
                : HttpMethods.IsHead(http.Request.Method) ? new DownloadEnd(DownloadOutcome.Head, 0)
                : await delivery.SendAsync(http, lifetime.ApplicationStopping);
            end = end with { Range = DownloadHeaders.Range(report, selection) };
            if (end.Finding is { } finding)
            {
                ledger.Note(attempt, report.Id, finding, selection.First + end.BytesSent);
            }
        }
        finally
        {
            var isAnswered = end.Outcome is not null || http.Response.HasStarted;
            await ledger.EndAsync(attempt, end, isAnswered ? http.Response.StatusCode : null);
            if (end.Failure is not null)
            {
                // A short body must never look like a whole one (RFC 9112 section 8).
                Ended(log, attempt.Attempted.AttemptId, end.Code);
                http.Abort();
            }
        }
    }

    private async Task RefuseAsync(HttpContext http, DownloadAttempt attempt, Problem problem, StoredReport? report)
    {
        if (!await ledger.BeginAsync(attempt, problem))
        {
            problem = Problem.Unavailable;
        }

        if (problem.Status == StatusCodes.Status416RangeNotSatisfiable)
        {
            http.Response.Headers.ContentRange = DownloadHeaders.Unsatisfied(report!);
        }

        await (problem == current.Refusal ? http.ChallengeAsync() : problem.WriteAsync(http));
    }

    private Target Locate(string locator, Guid? merchant) => locator switch
    {
        { Length: 36 } when locator.All(IsOfUuid) && Guid.TryParseExact(locator, "D", out var token) =>
            new Target(LocatorKind.Token, tokens.Open(token), null),
        _ when EncryptedIds.IsShaped(locator) =>
            new Target(LocatorKind.EncryptedId, null, merchant is { } m ? ids.Open(m, locator) : null),
        _ => new Target(LocatorKind.Malformed, null, null),
    };

    // The framework takes signs and hexadecimal prefixes within a UUID too.
    private static bool IsOfUuid(char c) => char.IsAsciiHexDigit(c) || c == '-';

    private Task<StoredReport?> FindAsync(Caller? caller, Target target, CancellationToken cancellation) =>
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

    [LoggerMessage(LogLevel.Information, "Download {AttemptId} was not given in full: {Code}")]
    private static partial void Ended(ILogger log, Guid attemptId, string code);
}
