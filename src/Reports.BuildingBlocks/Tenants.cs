namespace Reports.BuildingBlocks;

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
