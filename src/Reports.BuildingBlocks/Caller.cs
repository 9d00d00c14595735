using System.Collections.Frozen;
using Microsoft.AspNetCore.Authorization;
using Reports.Contracts;

namespace Reports.BuildingBlocks;

/// <summary>Who is calling, as the credential proved it on this very request.</summary>
/// <param name="Actor">Who, as events name them.</param>
/// <param name="PrincipalNumber">The principal's number; tokens are bound to it.</param>
/// <param name="Tenant">Whose data they may see; none for a principal of the whole platform.</param>
/// <param name="TimeZone">The IANA name of the tenant's time zone.</param>
/// <param name="IsUnrestricted">Whether every permission of the tenant is theirs.</param>
/// <param name="Permissions">The permissions given one by one.</param>
public sealed record Caller(
    Actor Actor,
    int PrincipalNumber,
    Guid? Tenant,
    string TimeZone,
    bool IsUnrestricted,
    FrozenSet<string> Permissions)
{
    /// <summary>A person who gives commands on the machine, for one tenant or for the platform.</summary>
    /// <param name="tenant">The tenant that is meant.</param>
    /// <returns>The caller.</returns>
    public static Caller Operator(Guid? tenant) => new(Actor.Operator, 0, tenant, "UTC", true, []);

    /// <summary>Whether they may do what a permission is for.</summary>
    /// <param name="permission">The permission.</param>
    /// <returns>True when they may.</returns>
    public bool Has(string permission) => IsUnrestricted || Permissions.Contains(permission);
}

/// <summary>The caller of the current scope: a request or a command. Nobody until it is set.</summary>
public sealed class CurrentCaller
{
    /// <summary>The caller, or null when nobody has proved who they are.</summary>
    public Caller? Caller { get; set; }

    /// <summary>
    /// Why nobody is: what to answer where there must be somebody. Null until it was asked who is calling.
    /// </summary>
    public Problem? Refusal { get; set; }

    /// <summary>The id that logs, events and the answer share.</summary>
    public string? RequestId { get; set; }

    /// <summary>The caller, where there must be one.</summary>
    /// <exception cref="InvalidOperationException">
    /// Nobody is set: an endpoint forgot to ask for authorisation.
    /// </exception>
    public Caller Required => Caller ?? throw new InvalidOperationException("No caller in this scope.");

    /// <summary>The caller's tenant, where there must be one.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public Guid RequiredTenant => Required.Tenant ?? throw new InvalidOperationException("The caller has no tenant.");
}

/// <summary>How tenants are named in the event store.</summary>
public static class Tenants
{
    /// <summary>The tenant of what belongs to nobody: anonymous attempts, findings, platform-wide acts.</summary>
    public const string Platform = "platform";

    /// <summary>The name of a tenant.</summary>
    /// <param name="tenant">Its id; none for the platform.</param>
    /// <returns>The name.</returns>
    public static string Name(Guid? tenant) => tenant?.ToString("D") ?? Platform;
}

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
