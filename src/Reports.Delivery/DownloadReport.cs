using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
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
    CurrentCaller current,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<DownloadReport> log)
{
    private const int PolicyVersion = 1;
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
                Problem.Forbidden with { Detail = "The token was issued to another principal" },
            ({ Token: { } token }, _) when token.ExpiresAt <= now =>
                Problem.TokenExpired with { Detail = "List the report again for a new URL" },
            (_, var found) when found.ExpiresAt <= now => Problem.ContentExpired,
            _ => null,
        };
    }

    public static Task Endpoint(HttpContext http, string token, DownloadReport download) =>
        download.HandleAsync(http, token);

    private async Task HandleAsync(HttpContext http, string locator)
    {
        var start = Stopwatch.GetTimestamp();
        var (target, report, problem, now) = await DecideAsync(http, locator);
        problem = Unfit(http) ?? problem;
        var caller = current.Caller;
        var origin = origins.Of(http);
        var attempted = new DownloadAttempted(
            Guid.CreateVersion7(now),
            ledger.NodeId,
            http.Request.Method is { Length: > LongestMethod } method ? method[..LongestMethod] : http.Request.Method,
            target.Kind,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(locator))),
            report?.Id,
            new DownloadInputs(
                PolicyVersion, target.Token?.ExpiresAt, target.Token?.PrincipalNumber, caller?.PrincipalNumber, now),
            origin.Id,
            http.TraceIdentifier,
            caller?.Actor ?? Actor.Anonymous,
            now);
        var attempt = new DownloadAttempt(attempted, caller?.Tenant, origin, start);
        http.Response.Headers["Download-Id"] = attempted.AttemptId.ToString("D");
        if (problem is not null)
        {
            await RefuseAsync(http, attempt, problem);
            return;
        }

        using var delivery = await FileDelivery.OpenAsync(files, report!);
        if (delivery.Finding is { } finding)
        {
            ledger.Note(attempt, report!.Id, finding, offset: 0);
            await RefuseAsync(http, attempt, Problem.Unavailable with { Detail = "The file is being looked into" });
        }
        else
        {
            await DeliverAsync(http, attempt, report!, delivery);
        }
    }

    // None of this stops when the client hangs up: the attempt was made, and is recorded.
    private async Task<(Target Target, StoredReport? Report, Problem? Problem, DateTimeOffset Now)> DecideAsync(
        HttpContext http, string locator)
    {
        try
        {
            await http.AuthenticateAsync();
            var target = Locate(locator, current.Caller?.Tenant);
            var report = await FindAsync(current.Caller, target, CancellationToken.None);
            var now = clock.GetUtcNow();
            return (target, report, Decide(current.Caller, target, report, now), now);
        }
        catch (Exception e)
        {
            // Who it is or what is meant could not be looked up; that somebody asked is recorded all the same.
            LookupFailed(log, e);
            return (Locate(locator, current.Caller?.Tenant), null, Problem.Unavailable, clock.GetUtcNow());
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

    private async Task DeliverAsync(
        HttpContext http, DownloadAttempt attempt, StoredReport report, FileDelivery delivery)
    {
        if (!await ledger.BeginAsync(attempt))
        {
            await Problem.Unavailable.WriteAsync(http);
            return;
        }

        var isHead = HttpMethods.IsHead(http.Request.Method);
        var end = new DownloadEnd(DownloadFailure.Interrupted, "internal_error", 0);
        try
        {
            WriteHeaders(http.Response, report);
            end = isHead
                ? new DownloadEnd(DownloadOutcome.Head, 0)
                : await delivery.SendAsync(http, lifetime.ApplicationStopping);
            if (end.Finding is { } finding)
            {
                ledger.Note(attempt, report.Id, finding, end.BytesSent);
            }
        }
        finally
        {
            await ledger.EndAsync(attempt, end, end.Outcome is not null || http.Response.HasStarted ? 200 : null);
            if (end.Failure is not null)
            {
                // A short body must never look like a whole one (RFC 9112 section 8).
                Ended(log, attempt.Attempted.AttemptId, end.Code);
                http.Abort();
            }
        }
    }

    private async Task RefuseAsync(HttpContext http, DownloadAttempt attempt, Problem problem)
    {
        if (!await ledger.BeginAsync(attempt, problem))
        {
            problem = Problem.Unavailable;
        }

        await (problem.Status == StatusCodes.Status401Unauthorized ? http.ChallengeAsync() : problem.WriteAsync(http));
    }

    private Target Locate(string locator, Guid? merchant) => locator switch
    {
        { Length: 36 } when Guid.TryParseExact(locator, "D", out var token) =>
            new Target(LocatorKind.Token, tokens.Open(token), null),
        _ when EncryptedIds.IsShaped(locator) =>
            new Target(LocatorKind.EncryptedId, null, merchant is { } m ? ids.Open(m, locator) : null),
        _ => new Target(LocatorKind.Malformed, null, null),
    };

    private Task<StoredReport?> FindAsync(Caller? caller, Target target, CancellationToken cancellation) =>
        (caller?.Tenant, target) switch
        {
            ({ } merchant, { Token: { } token }) => reports.FindAsync(merchant, token.ReportNumber, cancellation),
            ({ } merchant, { ReportId: { } id }) => reports.FindAsync(merchant, id, cancellation),
            _ => Task.FromResult<StoredReport?>(null),
        };

    private static void WriteHeaders(HttpResponse response, StoredReport report)
    {
        var headers = response.GetTypedHeaders();
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = report.Format switch
        {
            "csv" => "text/csv; charset=utf-8",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _ => "application/octet-stream",
        };
        response.ContentLength = report.FileSize;
        response.Headers.ContentDisposition = ContentDisposition.Attachment(report.Name);
        response.Headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(report.Sha256)}:";
        headers.ETag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(report.Sha256)}\"");
        headers.LastModified = report.FinishedAt;
    }

    [LoggerMessage(LogLevel.Error, "A download could not be decided; it is refused")]
    private static partial void LookupFailed(ILogger log, Exception cause);

    [LoggerMessage(LogLevel.Information, "Download {AttemptId} was not given in full: {Code}")]
    private static partial void Ended(ILogger log, Guid attemptId, string code);
}
