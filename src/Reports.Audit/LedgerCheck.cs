using Microsoft.Extensions.Diagnostics.HealthChecks;
using Reports.Audit.Sealing;

namespace Reports.Audit;

/// <summary>
/// The ledger seals, and nothing that is sealed was changed as far as is known, to whichever node. Reads and downloads go
/// on without it.
/// </summary>
internal sealed class LedgerCheck(LedgerState state) : IHealthCheck
{
    private static readonly TimeSpan LongestLag = TimeSpan.FromMinutes(1);

    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Task.FromResult(
            state is { Fault: null, HasAnchors: true, Findings.Count: 0, Seen.Faults.Count: 0 } && state.Seen.Lag < LongestLag
                ? HealthCheckResult.Healthy()
                : new HealthCheckResult(context.Registration.FailureStatus));
    }
}
