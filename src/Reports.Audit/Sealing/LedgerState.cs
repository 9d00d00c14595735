using System.Diagnostics.Metrics;

namespace Reports.Audit.Sealing;

/// <summary>How the ledger does, as this node sees it: for its health, its metrics, and the record of outages.</summary>
internal sealed class LedgerState : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly Meter _meter;
    private readonly Counter<long> _sealed;
    private readonly Counter<long> _late;
    private readonly Counter<long> _unswept;
    private List<LedgerFaultException> _found = [];
    private DateTimeOffset? _failingSince;

    public LedgerState(IMeterFactory meters, TimeProvider clock)
    {
        _clock = clock;
        _meter = meters.Create("Reports.Audit");
        _sealed = _meter.CreateCounter<long>("reports.ledger.sealed", "{event}", "Events that this node has sealed.");
        _late = _meter.CreateCounter<long>(
            "reports.ledger.late", "{event}", "Events that were sealed after later ones, which should never be.");
        _unswept = _meter.CreateCounter<long>(
            "reports.ledger.sweeps.failed", "{sweep}", "Looks at what is sealed that failed; each is tried again.");
        _meter.CreateObservableGauge(
            "reports.ledger.size", () => Seen.Size, "{leaf}", "How many leaves the ledger has.");
        _meter.CreateObservableGauge(
            "reports.ledger.lag", () => Seen.Lag.TotalSeconds, "s", "For how long the oldest unsealed event waits.");
        _meter.CreateObservableGauge(
            "reports.ledger.stopped",
            () => Fault is null && !Seen.Faults.Any(f => f.Kind == LedgerFaults.Stopped) ? 0 : 1, "{ledger}",
            "Whether nobody may seal because something is wrong with what is recorded.");
        _meter.CreateObservableGauge(
            "reports.ledger.findings",
            () => Math.Max(Findings.Count, Seen.Faults.Count(f => f.Kind == LedgerFaults.Found)), "{event}",
            "What is wrong with what is sealed, as far as it was looked at.");
        _meter.CreateObservableGauge(
            "reports.ledger.unanchored",
            () => HasAnchors && !Seen.Faults.Any(f => f.Kind == LedgerFaults.Anchors) ? 0 : 1, "{ledger}",
            "Whether no checkpoint can be laid down outside of the database.");
    }

    /// <summary>What was last read of the ledger.</summary>
    public LedgerView Seen { get; set => Volatile.Write(ref field, value); } = LedgerView.None;

    /// <summary>How often this node has looked for something to seal.</summary>
    public long Rounds { get; private set; }

    /// <summary>Whether this node is the one that seals.</summary>
    public bool IsSealing { get; private set; }

    /// <summary>What keeps this node from sealing.</summary>
    public LedgerFaultException? Fault { get; private set; }

    /// <summary>Whether checkpoints are laid down outside of the database, or need not be.</summary>
    public bool HasAnchors { get; set; } = true;

    /// <summary>What is wrong with what is sealed.</summary>
    public IReadOnlyList<LedgerFaultException> Findings
    {
        get
        {
            lock (_lock)
            {
                return [.. _found.OrderBy(f => f.Sequence)];
            }
        }
    }

    /// <summary>Another node seals.</summary>
    public void StandBy() => (IsSealing, Fault, _failingSince) = (false, null, null);

    /// <summary>A round went well.</summary>
    /// <returns>For how long rounds had failed, if they had.</returns>
    public TimeSpan? Succeed(SealRound round)
    {
        Rounds++;
        _sealed.Add(round.Sealed);
        _late.Add(round.Late);
        var failed = _clock.GetUtcNow() - _failingSince;
        (IsSealing, Fault, _failingSince) = (true, null, null);
        return failed;
    }

    /// <summary>A round failed.</summary>
    /// <returns>Whether the one before it had not, or had for another cause.</returns>
    public bool Fail(Exception e)
    {
        var fault = e as LedgerFaultException;
        var isNew = _failingSince is null || fault?.Message != Fault?.Message;
        _failingSince ??= _clock.GetUtcNow();
        (IsSealing, Fault) = (false, fault);
        return isNew;
    }

    /// <summary>Takes in what a sweep found.</summary>
    /// <param name="known">What was found before, by whomever.</param>
    /// <param name="findings">What was found now.</param>
    /// <returns>What was not known before.</returns>
    public IReadOnlyList<LedgerFaultException> Take(
        IReadOnlyList<LedgerFaultException> known, SweepFindings findings)
    {
        var kept = known.Where(f => !findings.HasSeen(f) || findings.Faults.Any(g => g.Message == f.Message)).ToList();
        var begun = findings.Faults.Where(f => kept.All(k => k.Message != f.Message)).ToList();
        lock (_lock)
        {
            _found = [.. kept, .. begun];
        }

        return begun;
    }

    /// <summary>A sweep failed.</summary>
    public void Unswept() => _unswept.Add(1);

    public void Dispose() => _meter.Dispose();
}

/// <summary>The ledger as it was last read.</summary>
/// <param name="Note">The newest checkpoint; none before the first.</param>
/// <param name="Size">How many leaves there are.</param>
/// <param name="LastSequence">Up to which sequence everything is sealed.</param>
/// <param name="Given">The last sequence that was given out.</param>
/// <param name="Lag">For how long the oldest unsealed event waits.</param>
/// <param name="Faults">What is wrong with it.</param>
internal sealed record LedgerView(
    string? Note, long Size, long LastSequence, long Given, TimeSpan Lag, IReadOnlyList<LedgerFaultRow> Faults)
{
    public static LedgerView None { get; } = new(null, 0, 0, 0, TimeSpan.Zero, []);
}
