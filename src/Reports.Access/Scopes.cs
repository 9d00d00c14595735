namespace Reports.Access;

/// <summary>What an API key is for.</summary>
internal static class Scopes
{
    /// <summary>Everything of its merchant.</summary>
    public const string Reports = "reports";

    /// <summary>The audit surface, and nothing else.</summary>
    public const string AuditRead = "audit:read";
}
