namespace Reports.Access;

/// <summary>The permissions that a user can be given, in their published spelling.</summary>
internal static class Permissions
{
    public const string ViewReport = "report.can_view_report";
    public const string RequestReport = "report.can_request_report";
    public const string ManageSchedule = "report.can_manage_schedule";
    public const string ViewAudit = "report.can_view_audit";

    private static readonly string[] All = [ViewReport, RequestReport, ManageSchedule, ViewAudit];

    /// <summary>The one spelling that is stored; null when there is no such permission.</summary>
    public static string? Canonical(string permission) =>
        permission == "report.view_report" ? ViewReport : Array.Find(All, p => p == permission);
}

/// <summary>What an API key is for.</summary>
internal static class Scopes
{
    /// <summary>Everything of its merchant.</summary>
    public const string Reports = "reports";

    /// <summary>The audit surface, and nothing else.</summary>
    public const string AuditRead = "audit:read";
}
