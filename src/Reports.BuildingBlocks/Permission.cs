using Microsoft.AspNetCore.Authorization;

namespace Reports.BuildingBlocks;

/// <summary>Asks that the caller belongs to a tenant and has a permission there.</summary>
/// <param name="Permission">The permission.</param>
public sealed record PermissionRequirement(string Permission) : IAuthorizationRequirement
{
    /// <summary>The authentication scheme that tells who is calling.</summary>
    public const string Scheme = "reports";

    /// <summary>The policy of an endpoint that needs a permission.</summary>
    /// <param name="permission">The permission.</param>
    /// <returns>The policy; it authenticates by itself, so that other endpoints look no credential up.</returns>
    public static AuthorizationPolicy Policy(string permission) => new AuthorizationPolicyBuilder(Scheme)
        .RequireAuthenticatedUser()
        .AddRequirements(new PermissionRequirement(permission))
        .Build();
}

/// <summary>Looks the permission up on the caller of this request.</summary>
/// <param name="current">The caller.</param>
public sealed class PermissionHandler(CurrentCaller current) : AuthorizationHandler<PermissionRequirement>
{
    /// <inheritdoc/>
    protected override Task HandleRequirementAsync(
        AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(requirement);
        if (current.Caller is { Tenant: not null } caller && caller.Has(requirement.Permission))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
