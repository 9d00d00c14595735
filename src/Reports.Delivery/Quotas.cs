using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>The answer when nothing is left of a quota, and endpoints whose requests count.</summary>
internal static class Quotas
{
    /// <summary>The refusal of whoever has nothing left of a quota.</summary>
    public static Problem Exceeded(RateLimit left)
    {
        var (name, quota) = (left.Policy.Name, left.Policy.Quota.ToString(CultureInfo.InvariantCulture));
        var seconds = (int)left.ResetSeconds;
        var detail = name == RequestQuota.Policy
            ? $"The quota of {quota} requests a day is used up; the next day begins at 00:00 UTC, in {seconds} seconds"
            : $"The quota of {quota} report downloads an hour is used up; the next one is free in {seconds} seconds";
        return Problem.RateLimited with
        {
            Detail = $"{detail}. An operator of the service can raise the quota",
            RetryAfter = seconds,
        };
    }
}

/// <summary>Takes each request to a marked endpoint from its principal's quota, once authorisation has let it pass.</summary>
internal sealed class RequestQuotaCheck(RequestQuota quota, RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext http, CurrentCaller current)
    {
        if (CountedRequests.Counts(http))
        {
            var (isAllowed, left) = await quota.TakeAsync(current.Required, http.RequestAborted);
            RateLimits.Note(http, left);
            if (!isAllowed)
            {
                await Quotas.Exceeded(left).WriteAsync(http);
                return;
            }
        }

        await next(http);
    }
}

/// <summary>
/// Notes what is left for a caller who is refused by authorisation, before any filter; the refusal itself is free.
/// </summary>
internal sealed class ForbiddenQuotaNote(RequestQuota quota) : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler _standard = new();

    public async Task HandleAsync(
        RequestDelegate next,
        HttpContext context,
        AuthorizationPolicy policy,
        PolicyAuthorizationResult authorizeResult)
    {
        if (CountedRequests.Counts(context)
            && authorizeResult.Forbidden
            && context.RequestServices.GetRequiredService<CurrentCaller>().Caller is { } caller)
        {
            RateLimits.Note(context, await quota.PeekAsync(caller, context.RequestAborted));
        }

        await _standard.HandleAsync(next, context, policy, authorizeResult);
    }
}
