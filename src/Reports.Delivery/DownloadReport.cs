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
    DownloadDecider decider,
    DownloadLedger ledger,
    ReportFiles files,
    VerifiedBlocks blocks,
    DownloadQuota downloads,
    DeliveryOptions options,
    CurrentCaller current,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<DownloadReport> log)
{
    private const int LongestMethod = 16;

    private DownloadPace Pace => new(options.SlowestBytesPerSecond, options.SlowGrace);

    public static Task Endpoint(HttpContext http, string token, DownloadReport download) =>
        download.HandleAsync(http, token);

    // None of this stops when the client hangs up: the attempt was made, and is recorded.
    private async Task HandleAsync(HttpContext http, string locator)
    {
        var start = Stopwatch.GetTimestamp();
        var attemptId = Guid.CreateVersion7(clock.GetUtcNow());
        http.Response.Headers["Download-Id"] = attemptId.ToString("D");
        var decision = await decider.DecideAsync(http, locator);
        using var delivery = await OpenAsync(decision);
        (decision, var quota) = await WeighAsync(http, decision, delivery, attemptId);
        var attempt = Attempt(http, locator, attemptId, start, decision);
        if (delivery?.Finding is { } finding)
        {
            ledger.Note(attempt, decision.Report!.Id, finding, decision.Selection!.Value.First);
        }

        if (decision.Problem is { } problem)
        {
            await RefuseAsync(http, attempt, problem, decision);
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

    // Before anything is counted: a file that is not as recorded costs nothing.
    private async Task<FileDelivery?> OpenAsync(DownloadDecision decision) => decision switch
    {
        { Selection: { Kind: DownloadSelection.Full or DownloadSelection.Partial } selection, Report: { } report } =>
            await FileDelivery.OpenAsync(files, blocks, report, selection),
        _ => null,
    };

    private async Task<(DownloadDecision Decision, QuotaAnswer? Quota)> WeighAsync(
        HttpContext http, DownloadDecision decision, FileDelivery? delivery, Guid attempt)
    {
        if (decision is not { Ruling: DownloadRuling.Given, Selection: { } selection, Report: { } report })
        {
            return (decision, null);
        }

        var inputs = decision.Inputs;
        if (delivery?.Finding is { } finding)
        {
            return (decision with { Inputs = inputs with { Finding = finding } }, null);
        }

        try
        {
            var quota = HttpMethods.IsHead(http.Request.Method)
                ? new QuotaAnswer(true, false, await downloads.PeekAsync(current.Required, CancellationToken.None))
                : await downloads.TakeAsync(
                    current.Required, report.Id, attempt, Cost(http.Request, selection, report));
            RateLimits.Note(http, quota.Left);
            inputs = inputs with { AreDownloadsLeft = quota.IsAllowed, DownloadsLeft = quota.Left.Remaining };
            return (decision with { Inputs = inputs, Left = quota.Left }, quota);
        }
        catch (Exception e)
        {
            LookupFailed(log, e);
            return (decision with { Inputs = inputs with { Obstacle = DownloadObstacle.Quota } }, null);
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

    private async Task RefundAsync(Guid attempt, QuotaAnswer? quota)
    {
        if (quota is { IsCounted: true })
        {
            await downloads.RefundAsync(attempt, CancellationToken.None);
        }
    }

    private DownloadAttempt Attempt(
        HttpContext http, string locator, Guid id, long start, DownloadDecision decision)
    {
        var (target, caller, origin) = (decision.Target, current.Caller, current.Origin!);
        var attempted = new DownloadAttempted(
            id,
            ledger.NodeId,
            http.Request.Method is { Length: > LongestMethod } method ? method[..LongestMethod] : http.Request.Method,
            target.Kind,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(locator))),
            decision.Report?.Id,
            decision.Inputs,
            origin.Id,
            http.TraceIdentifier,
            caller?.Actor ?? Actor.Anonymous,
            decision.Inputs.DecidedAt);
        return new DownloadAttempt(attempted, caller?.Tenant, origin, start);
    }

    private async Task AnswerAsync(
        HttpContext http, DownloadAttempt attempt, DownloadDecision decision, FileDelivery? delivery)
    {
        var (report, selection) = (decision.Report!, decision.Selection!.Value);
        var end = new DownloadEnd(DownloadFailure.Interrupted, "internal_error", 0);
        try
        {
            DownloadHeaders.Write(http.Response, report, selection, decision.Inputs.DecidedAt);
            end = delivery is null ? new DownloadEnd(DownloadOutcome.NotModified, 0)
                : HttpMethods.IsHead(http.Request.Method) ? new DownloadEnd(DownloadOutcome.Head, 0)
                : await delivery.SendAsync(http, Pace, lifetime.ApplicationStopping);
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

    private async Task RefuseAsync(
        HttpContext http, DownloadAttempt attempt, Problem problem, DownloadDecision decision)
    {
        if (!await ledger.BeginAsync(attempt, problem))
        {
            await Problem.Unavailable.WriteAsync(http);
            return;
        }

        if (decision.Ruling is DownloadRuling.RangeNotSatisfiable)
        {
            http.Response.Headers.ContentRange = DownloadHeaders.Unsatisfied(decision.Report!);
        }

        // Who has no valid credential is told how to send one, by what looks at credentials.
        await (decision.Ruling is DownloadRuling.CredentialInvalid or DownloadRuling.FailuresUsedUp
            ? http.ChallengeAsync()
            : problem.WriteAsync(http));
    }

    [LoggerMessage(LogLevel.Error, "A download could not be decided; it is refused")]
    private static partial void LookupFailed(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Information, "Download {AttemptId} was not given in full: {Code}")]
    private static partial void Ended(ILogger log, Guid attemptId, string code);
}
