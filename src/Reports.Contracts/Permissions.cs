namespace Reports.Contracts;

/// <summary>The permissions that a user can be given, in their published spelling.</summary>
public static class Permissions
{
    /// <summary>List and download reports.</summary>
    public const string ViewReport = "report.can_view_report";

    /// <summary>Request reports.</summary>
    public const string RequestReport = "report.can_request_report";

    /// <summary>Manage the schedules of auto reports.</summary>
    public const string ManageSchedule = "report.can_manage_schedule";

    /// <summary>Read the merchant's own audit.</summary>
    public const string ViewAudit = "report.can_view_audit";

    private static readonly string[] All = [ViewReport, RequestReport, ManageSchedule, ViewAudit];

    /// <summary>The one spelling that is stored.</summary>
    /// <param name="permission">A permission in either of its published spellings.</param>
    /// <returns>The spelling, or null when there is no such permission.</returns>
    public static string? Canonical(string permission) =>
        permission == "report.view_report" ? ViewReport : Array.Find(All, p => p == permission);
}

/// <summary>What an API key is for.</summary>
public static class Scopes
{
    /// <summary>Everything of its merchant.</summary>
    public const string Reports = "reports";

    /// <summary>The audit, of its merchant or of all, and nothing else.</summary>
    public const string AuditRead = "audit:read";
}
