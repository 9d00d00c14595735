using Microsoft.Extensions.Diagnostics.HealthChecks;
using Reports.Audit.Sealing;

namespace Reports.Audit;

/// <summary>
/// The ledger seals, and nothing that is sealed was changed as far as is known, to whichever node. Reads and downloads go
/// on without it.
/// </summary>
internal sealed class LedgerCheck(LedgerState state) : IHealthCheck
{
    private const int Most = 10;

    private static readonly TimeSpan LongestLag = TimeSpan.FromMinutes(1);

    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        var wrong = Wrong();
        return Task.FromResult(
            wrong.Count == 0
                ? HealthCheckResult.Healthy()
                : new HealthCheckResult(
                    context.Registration.FailureStatus,
                    string.Join("; ", wrong.Take(Most)) + (wrong.Count > Most ? $"; and {wrong.Count - Most} more" : "")));
    }

    // For the log of whoever runs the service.
    private List<string> Wrong()
    {
        var wrong = state.Seen.Faults.Select(f => $"{f.Verdict} {f.Sequence}: {f.Cause}")
            .Concat(state.Findings.Select(f => f.Message)).ToList();
        if (state.Fault is { } fault)
        {
            wrong.Insert(0, fault.Message);
        }

        if (!state.HasAnchors && !wrong.Exists(w => w.StartsWith("NO_ANCHORS", StringComparison.Ordinal)))
        {
            wrong.Add("NO_ANCHORS 0: no checkpoint can be laid down");
        }

        if (state.Seen.Lag >= LongestLag)
        {
            wrong.Add($"events have waited for {state.Seen.Lag} to be sealed");
        }

        return [.. wrong.Distinct()];
    }
}
