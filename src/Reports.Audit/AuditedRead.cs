using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>
/// Around every endpoint of the audit: tells who asks and whether they may, counts the request, and commits the record
/// of it before the first byte of the answer. What cannot be recorded is not answered. The endpoint gives its answer as
/// a result and writes nothing by itself, so that the record comes first; a refusal it throws. Who is not let in costs
/// nothing, and is recorded with others of the minute: else strangers could fill the record.
/// </summary>
internal sealed class AuditedRead(AuditSurface surface) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var (http, services) = (context.HttpContext, context.HttpContext.RequestServices);
        var current = services.GetRequiredService<CurrentCaller>();
        if (await RefusalAsync(http, current) is { } refusal)
        {
            RecordsByItself.Leave(http, refusal);
            return new Refused(refusal, refusal == current.Refusal);
        }

        var reads = services.GetRequiredService<AuditReads>();
        object? answer;
        Problem? problem = null;
        try
        {
            answer = await next(context);
        }
        catch (ProblemException e)
        {
            (answer, problem) = (new Refused(e.Problem, false), e.Problem);
        }
        catch (Exception e)
        {
            // Whether it is on record or not, there is no other answer to it.
            var failure = Problem.For(e);
            await reads.RecordAsync(http, surface, failure.Status, failure);
            throw;
        }

        var status = problem?.Status ?? (answer as IStatusCodeHttpResult)?.StatusCode ?? http.Response.StatusCode;
        return await reads.RecordAsync(http, surface, status, problem)
            ? answer
            : new Refused(Problem.Unavailable, false);
    }

    // In the order in which it costs: who is nobody learns nothing, who has no right pays nothing.
    private static async Task<Problem?> RefusalAsync(HttpContext http, CurrentCaller current)
    {
        await http.AuthenticateAsync(PermissionRequirement.Scheme);
        if (current.Caller is not { } caller)
        {
            return current.Refusal ?? Problem.Unauthorized;
        }

        var quota = http.RequestServices.GetRequiredService<AuditQuota>();
        if (AuditRight.Of(caller) is null)
        {
            RateLimits.Note(http, await quota.PeekAsync(caller, http.RequestAborted));
            return Problem.Forbidden with { Detail = "No permission assigned" };
        }

        var (isAllowed, left) = await quota.TakeAsync(caller, http.RequestAborted);
        RateLimits.Note(http, left);
        return isAllowed ? null : AuditQuota.Exceeded(left);
    }

    private sealed class Refused(Problem problem, bool isChallenge) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => isChallenge
            ? httpContext.ChallengeAsync(PermissionRequirement.Scheme)
            : problem.WriteAsync(httpContext);
    }
}

/// <summary>Marks endpoints as the audit's.</summary>
internal static class AuditedReadEndpoints
{
    /// <summary>The address that all of the audit is under.</summary>
    public const string Path = "/b/api/v1/audit/";

    /// <summary>Makes an endpoint one of the audit's: for whom it is, counted, and recorded.</summary>
    public static RouteHandlerBuilder Reads(this RouteHandlerBuilder endpoint, AuditSurface surface) =>
        endpoint.AllowAnonymous().WithMetadata(RecordsByItself.Marker).AddEndpointFilter(new AuditedRead(surface));
}
