using System.Globalization;

namespace Reports.Ledger;

/// <summary>
/// An operator's word that the database was restored from a backup: which tree is lost by it, and which one is gone on
/// with. Whoever can write events could say so, so it is signed as a checkpoint is, under a name of its own: a C2SP
/// signed-note with the text
/// <code>
/// origin/restored
/// lost SIZE root in base64
/// resumed SIZE root in base64
/// </code>
/// each line ended by a line feed.
/// </summary>
/// <param name="Origin">The name of the ledger.</param>
/// <param name="LostSize">How many leaves the largest tree had that was known outside of the database.</param>
/// <param name="LostRoot">Its root.</param>
/// <param name="ResumedSize">How many leaves the restored tree has.</param>
/// <param name="ResumedRoot">Its root.</param>
public sealed record RestoreDeclaration(
    string Origin, long LostSize, byte[] LostRoot, long ResumedSize, byte[] ResumedRoot)
{
    private const string Suffix = "/restored";
    private const int LineCount = 3;

    private string Name => Origin + Suffix;

    /// <summary>The signed note.</summary>
    /// <param name="signers">The keys that sign it.</param>
    /// <returns>Its text.</returns>
    public string Sign(IReadOnlyList<CheckpointSigner> signers)
    {
        ArgumentOutOfRangeException.ThrowIfZero(signers?.Count ?? 0, nameof(signers));
        return SignedNote.Write(Text(), SignedNote.Sign(Text(), Name, signers!));
    }

    /// <summary>Reads a note that is believed.</summary>
    /// <param name="note">The note.</param>
    /// <param name="origin">The name of the ledger.</param>
    /// <param name="keys">The keys that are trusted.</param>
    /// <returns>The declaration; null when it is none, of another ledger, or not signed by one of the keys.</returns>
    public static RestoreDeclaration? Read(string note, string origin, IEnumerable<CheckpointKey> keys)
    {
        ArgumentNullException.ThrowIfNull(note);
        ArgumentNullException.ThrowIfNull(keys);
        return SignedNote.Read(note) is var (text, signatures) && Parse(text, origin) is { } declaration
            && SignedNote.IsSignedBy(text, declaration.Name, signatures, keys)
                ? declaration
                : null;
    }

    /// <summary>Whether it is about the loss of a checkpoint, and of nothing that the restored tree has.</summary>
    /// <param name="held">The checkpoint.</param>
    /// <returns>True when it is.</returns>
    public bool Covers(Checkpoint held)
    {
        ArgumentNullException.ThrowIfNull(held);
        return held.Size > ResumedSize && (held.Size < LostSize || IsLost(held));
    }

    /// <summary>Whether a checkpoint is the very one that is said to be lost.</summary>
    /// <param name="held">The checkpoint.</param>
    /// <returns>True when it is.</returns>
    public bool IsLost(Checkpoint held)
    {
        ArgumentNullException.ThrowIfNull(held);
        return held.Size == LostSize && held.Root.AsSpan().SequenceEqual(LostRoot);
    }

    private static RestoreDeclaration? Parse(string text, string origin)
    {
        var lines = text.Split('\n');
        var (lost, resumed) = (new byte[MerkleHash.Size], new byte[MerkleHash.Size]);
        if (lines.Length != LineCount + 1 || !TryTree("lost ", lines[1], out var lostSize, lost)
            || !TryTree("resumed ", lines[2], out var resumedSize, resumed))
        {
            return null;
        }

        // One text for one declaration.
        var declaration = new RestoreDeclaration(origin, lostSize, lost, resumedSize, resumed);
        return declaration.Text() == text && resumedSize < lostSize ? declaration : null;
    }

    private static bool TryTree(string word, string line, out long size, byte[] root)
    {
        size = 0;
        var parts = line.StartsWith(word, StringComparison.Ordinal) ? line[word.Length..].Split(' ') : [];
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out size)
            && Convert.TryFromBase64String(parts[1], root, out var length) && length == root.Length;
    }

    private string Text() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name}\nlost {LostSize} {Convert.ToBase64String(LostRoot)}\n")
        + string.Create(
            CultureInfo.InvariantCulture, $"resumed {ResumedSize} {Convert.ToBase64String(ResumedRoot)}\n");
}
