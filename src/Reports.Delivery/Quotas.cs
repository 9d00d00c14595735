using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
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

    /// <summary>Counts every request that authorisation lets pass, and refuses it when none is left.</summary>
    public static RouteHandlerBuilder CountRequests(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilter<RequestQuotaFilter>().WithMetadata(CountedRequests.Instance);
}

/// <summary>Marks an endpoint whose requests are counted.</summary>
internal sealed class CountedRequests
{
    public static readonly CountedRequests Instance = new();
}

/// <summary>Takes each request from its principal's quota before the endpoint sees it.</summary>
internal sealed class RequestQuotaFilter(RequestQuota quota) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var caller = http.RequestServices.GetRequiredService<CurrentCaller>().Required;
        var (isAllowed, left) = await quota.TakeAsync(caller, http.RequestAborted);
        RateLimits.Note(http, left);
        if (isAllowed)
        {
            return await next(context);
        }

        await Quotas.Exceeded(left).WriteAsync(http);
        return Results.Empty;
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
        var isCounted = context.GetEndpoint()?.Metadata.GetMetadata<CountedRequests>() is not null;
        if (isCounted
            && authorizeResult.Forbidden
            && context.RequestServices.GetRequiredService<CurrentCaller>().Caller is { } caller)
        {
            RateLimits.Note(context, await quota.PeekAsync(caller, context.RequestAborted));
        }

        await _standard.HandleAsync(next, context, policy, authorizeResult);
    }
}
