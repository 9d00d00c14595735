namespace Reports.Audit.Sealing;

/// <summary>What can be wrong with what is recorded; the words are those of the offline verifier.</summary>
internal enum LedgerVerdict
{
    /// <summary>An event is not what it was when it was inserted, or is marked as archived.</summary>
    Modified,

    /// <summary>An event is gone.</summary>
    Missing,

    /// <summary>A row is there that was not inserted as an event is.</summary>
    Inserted,

    /// <summary>The ledger is shorter than it was.</summary>
    Truncated,

    /// <summary>The ledger is another than it was.</summary>
    Fork,

    /// <summary>The newest checkpoint is not signed by a key that is believed, or not as it is written.</summary>
    BadSignature,

    /// <summary>What the anchors know cannot be read, or a checkpoint not laid down.</summary>
    NoAnchors,

    /// <summary>A trigger that guards what is recorded is off or gone.</summary>
    NoTrigger,
}

/// <summary>The ledger stops: going on would seal over something that is wrong.</summary>
/// <param name="verdict">What is wrong.</param>
/// <param name="sequence">The event that it is wrong with; of a whole ledger, its last one.</param>
/// <param name="cause">The same for a person.</param>
internal sealed class LedgerFaultException(LedgerVerdict verdict, long sequence, string cause) : Exception(
    $"{Word(verdict)} {sequence}: {cause}")
{
    public LedgerVerdict Verdict { get; } = verdict;

    public long Sequence { get; } = sequence;

    public string Cause { get; } = cause;

    /// <summary>A fault as it was recorded.</summary>
    public static LedgerFaultException Of(LedgerFaultRow row) =>
        new(Enum.GetValues<LedgerVerdict>().Single(v => Word(v) == row.Verdict), row.Sequence, row.Cause);

    public static string Word(LedgerVerdict verdict) => verdict switch
    {
        LedgerVerdict.Modified => "MODIFIED",
        LedgerVerdict.Missing => "MISSING",
        LedgerVerdict.Inserted => "INSERTED",
        LedgerVerdict.Truncated => "TRUNCATED",
        LedgerVerdict.Fork => "FORK",
        LedgerVerdict.BadSignature => "BAD_SIGNATURE",
        LedgerVerdict.NoAnchors => "NO_ANCHORS",
        LedgerVerdict.NoTrigger => "NO_TRIGGER",
        _ => throw new ArgumentOutOfRangeException(nameof(verdict)),
    };
}
