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
    private readonly Dictionary<long, LedgerFaultException> _found = [];
    private DateTimeOffset? _failingSince;
    private string? _cause;

    public LedgerState(IMeterFactory meters, TimeProvider clock)
    {
        _clock = clock;
        _meter = meters.Create("Reports.Audit");
        _sealed = _meter.CreateCounter<long>("reports.ledger.sealed", "{event}", "Events that this node has sealed.");
        _late = _meter.CreateCounter<long>(
            "reports.ledger.late", "{event}", "Events that were sealed after later ones, which should never be.");
        _meter.CreateObservableGauge(
            "reports.ledger.size", () => Seen.Size, "{leaf}", "How many leaves the ledger has.");
        _meter.CreateObservableGauge(
            "reports.ledger.lag", () => Seen.Lag.TotalSeconds, "s", "For how long the oldest unsealed event waits.");
        _meter.CreateObservableGauge(
            "reports.ledger.stopped", () => Fault is null ? 0 : 1, "{ledger}",
            "Whether this node may not seal because something is wrong with what is recorded.");
        _meter.CreateObservableGauge(
            "reports.ledger.findings", () => Findings.Count, "{event}",
            "Sealed events that are gone or changed, as far as this node has looked.");
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
                return [.. _found.Values.OrderBy(f => f.Sequence)];
            }
        }
    }

    /// <summary>Another node seals.</summary>
    public void StandBy() => (IsSealing, Fault, _failingSince) = (false, null, null);

    /// <summary>A round went well.</summary>
    /// <returns>The failure that it ended, if there was one.</returns>
    public (string Cause, DateTimeOffset From, DateTimeOffset To)? Succeed(SealRound round)
    {
        Rounds++;
        _sealed.Add(round.Sealed);
        _late.Add(round.Late);
        var over = _failingSince is { } from ? (_cause!, from, _clock.GetUtcNow()) : default((string, DateTimeOffset, DateTimeOffset)?);
        (IsSealing, Fault, _failingSince) = (true, null, null);
        return over;
    }

    /// <summary>A round failed.</summary>
    /// <returns>Whether the one before it had not, or had for another cause.</returns>
    public bool Fail(Exception e)
    {
        var fault = e as LedgerFaultException;
        var isNew = _failingSince is null || fault?.Message != Fault?.Message;
        _failingSince ??= _clock.GetUtcNow();
        _cause = fault is null ? "unavailable" : LedgerFaultException.Word(fault.Verdict);
        (IsSealing, Fault) = (false, fault);
        return isNew;
    }

    /// <summary>Takes in what a sweep found.</summary>
    /// <returns>What was not known before.</returns>
    public IReadOnlyList<LedgerFaultException> Take(SweepFindings findings)
    {
        lock (_lock)
        {
            var known = _found.Keys.ToHashSet();
            foreach (var (verdict, after, upTo) in findings.Swept)
            {
                foreach (var gone in _found.Values.Where(
                    f => f.Verdict == verdict && f.Sequence > after && f.Sequence <= upTo).ToList())
                {
                    _found.Remove(gone.Sequence);
                }
            }

            foreach (var fault in findings.Faults)
            {
                _found[fault.Sequence] = fault;
            }

            return [.. findings.Faults.Where(f => !known.Contains(f.Sequence))];
        }
    }

    public void Dispose() => _meter.Dispose();
}

/// <summary>The ledger as it was last read.</summary>
/// <param name="Note">The newest checkpoint; none before the first.</param>
/// <param name="Size">How many leaves there are.</param>
/// <param name="LastSequence">Up to which sequence everything is sealed.</param>
/// <param name="Given">The last sequence that was given out.</param>
/// <param name="Lag">For how long the oldest unsealed event waits.</param>
internal sealed record LedgerView(string? Note, long Size, long LastSequence, long Given, TimeSpan Lag)
{
    public static LedgerView None { get; } = new(null, 0, 0, 0, TimeSpan.Zero);
}
