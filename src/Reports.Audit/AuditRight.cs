using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Audit;

/// <summary>What of the audit a caller may read (<c>docs/contract.md</c> section 2).</summary>
/// <param name="Merchant">Whose events; none for those of all merchants and of the platform.</param>
/// <param name="IsAuditor">Whether by an auditor's key, not as the merchant itself.</param>
internal sealed record AuditRight(Guid? Merchant, bool IsAuditor)
{
    /// <summary>The right of a caller; null without any.</summary>
    public static AuditRight? Of(Caller caller) =>
        caller.Permissions.Contains(Scopes.AuditRead) ? new AuditRight(caller.Tenant, IsAuditor: true)
        : caller is { Tenant: { } merchant } && caller.Has(Permissions.ViewAudit) ? new AuditRight(merchant, false)
        : null;
}
