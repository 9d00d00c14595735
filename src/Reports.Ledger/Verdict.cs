namespace Reports.Ledger;

/// <summary>What verification comes to. The numbers are the exit codes of the command.</summary>
public enum Verdict
{
    /// <summary>Everything is as it was sealed.</summary>
    Ok = 0,

    /// <summary>An event is not the one that was sealed under its sequence.</summary>
    Modified = 10,

    /// <summary>A sealed event is not there.</summary>
    Missing = 11,

    /// <summary>There is an event that was not there when its sequence was sealed.</summary>
    Inserted = 12,

    /// <summary>An event stands under the sequence of another one.</summary>
    Reordered = 13,

    /// <summary>Somebody holds a checkpoint of a larger tree than this one.</summary>
    Truncated = 14,

    /// <summary>The leaves do not make the tree that was signed.</summary>
    Fork = 15,

    /// <summary>A checkpoint is not signed by a key that is trusted.</summary>
    BadSignature = 16,

    /// <summary>Nothing is wrong, but the last events are in no checkpoint yet.</summary>
    Unsealed = 17,
}

/// <summary>Something that was found.</summary>
/// <param name="Verdict">What it means.</param>
/// <param name="Sequence">The sequence it is about; of a checkpoint, the last that it covers; none when unknown.</param>
/// <param name="Text">What was found, for people.</param>
public sealed record Finding(Verdict Verdict, long? Sequence, string Text)
{
    /// <summary>The line that tells of it.</summary>
    /// <returns>The line without its end.</returns>
    public override string ToString() => $"{Verdict.Name()} {(Sequence is { } s ? s : "-")}: {Text}";
}

/// <summary>The names of the verdicts, and which counts for more.</summary>
public static class Verdicts
{
    /// <summary>
    /// All that are findings. First what makes everything else doubtful, then what happened to single events.
    /// </summary>
    public static IReadOnlyList<Verdict> ByWeight { get; } =
    [
        Verdict.BadSignature, Verdict.Fork, Verdict.Truncated, Verdict.Modified, Verdict.Missing, Verdict.Inserted,
        Verdict.Reordered, Verdict.Unsealed,
    ];

    /// <summary>The name that people and scripts see.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <returns>Its name, as <c>BAD_SIGNATURE</c>.</returns>
    public static string Name(this Verdict verdict) => verdict switch
    {
        Verdict.Ok => "OK",
        Verdict.Modified => "MODIFIED",
        Verdict.Missing => "MISSING",
        Verdict.Inserted => "INSERTED",
        Verdict.Reordered => "REORDERED",
        Verdict.Truncated => "TRUNCATED",
        Verdict.Fork => "FORK",
        Verdict.BadSignature => "BAD_SIGNATURE",
        Verdict.Unsealed => "UNSEALED",
    };
}

/// <summary>What a verification came to.</summary>
/// <param name="Counts">How often each verdict was found.</param>
/// <param name="Events">How many events there were.</param>
/// <param name="Leaves">How many leaves.</param>
/// <param name="LeavesWithoutEvent">How many leaves had no event; of one merchant's export, those of others.</param>
/// <param name="Checkpoints">How many of the export's checkpoints were good.</param>
/// <param name="Held">How many of the checkpoints that others hold were good.</param>
/// <param name="Newest">The newest good checkpoint of the export.</param>
/// <param name="Notes">What should be known beside the findings.</param>
public sealed record Verification(
    IReadOnlyDictionary<Verdict, long> Counts,
    long Events,
    long Leaves,
    long LeavesWithoutEvent,
    long Checkpoints,
    long Held,
    Checkpoint? Newest,
    IReadOnlyList<string> Notes)
{
    /// <summary>The gravest of the verdicts.</summary>
    public Verdict Verdict => Verdicts.ByWeight.FirstOrDefault(v => Counts.GetValueOrDefault(v) > 0);

    /// <summary>The last line: <c>OK</c>, or each verdict with its count, the gravest first.</summary>
    /// <returns>The line without its end.</returns>
    public string Line() => Verdict == Verdict.Ok
        ? Verdict.Ok.Name()
        : string.Join(
            ", ",
            Verdicts.ByWeight.Where(v => Counts.GetValueOrDefault(v) > 0).Select(v => $"{v.Name()} {Counts[v]}"));
}
