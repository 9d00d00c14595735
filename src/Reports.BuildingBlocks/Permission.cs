using Microsoft.AspNetCore.Authorization;

namespace Reports.BuildingBlocks;

/// <summary>Asks that the caller belongs to a tenant and has a permission there.</summary>
/// <param name="Permission">The permission.</param>
public sealed record PermissionRequirement(string Permission) : IAuthorizationRequirement;

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
