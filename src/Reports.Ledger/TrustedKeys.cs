using System.Security.Cryptography;

namespace Reports.Ledger;

/// <summary>
/// The keys that checkpoints are believed by: those that were pinned, and each that is named by a checkpoint which one
/// of them signed. So keys change without a break, and whoever pinned the first key need not pin the next.
/// </summary>
/// <param name="pinned">The keys to begin with.</param>
/// <param name="known">The keys that may come to be trusted.</param>
public sealed class TrustedKeys(IEnumerable<CheckpointKey> pinned, IEnumerable<CheckpointKey> known)
{
    private readonly Dictionary<string, CheckpointKey> _trusted = ById(pinned);
    private readonly Dictionary<string, CheckpointKey> _known = ById(known);

    /// <summary>The keys that are trusted.</summary>
    public IReadOnlyCollection<CheckpointKey> Trusted => _trusted.Values;

    /// <summary>Whether there are keys that are not trusted and might come to be.</summary>
    public bool MayLearn => _known.Keys.Any(id => !_trusted.ContainsKey(id));

    /// <summary>Whether a checkpoint is believed.</summary>
    /// <param name="note">The checkpoint.</param>
    /// <returns>True when a trusted key signed it, and no trusted key's signature is false.</returns>
    public bool Accept(SignedCheckpoint note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return note.IsSignedBy(_trusted.Values);
    }

    /// <summary>Comes to trust the keys that a checkpoint names, if it is believed.</summary>
    /// <param name="note">The checkpoint.</param>
    /// <returns>True when there was a key among them that was not trusted before.</returns>
    public bool Learn(SignedCheckpoint note)
    {
        ArgumentNullException.ThrowIfNull(note);
        var news = note.Checkpoint.Keys.Where(id => !_trusted.ContainsKey(id) && _known.ContainsKey(id)).ToList();
        if (news.Count == 0 || !Accept(note))
        {
            return false;
        }

        news.ForEach(id => _trusted.Add(id, _known[id]));
        return true;
    }

    /// <summary>Reads the public keys of a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <returns>The keys.</returns>
    /// <exception cref="UnusableExportException">A file is none.</exception>
    public static IReadOnlyList<CheckpointKey> ReadFolder(string path) => Directory.Exists(path)
        ? [.. Directory.EnumerateFiles(path, "*.pem").Order(StringComparer.Ordinal).Select(ReadFile)]
        : [];

    /// <summary>Reads a public key.</summary>
    /// <param name="path">Its PEM file.</param>
    /// <returns>The key.</returns>
    /// <exception cref="UnusableExportException">It is none.</exception>
    public static CheckpointKey ReadFile(string path)
    {
        try
        {
            return CheckpointKey.FromPem(File.ReadAllText(path));
        }
        catch (Exception e)
            when (e is ArgumentException or CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new UnusableExportException($"{path} is no public key on the curve P-256 in PEM: {e.Message}");
        }
    }

    private static Dictionary<string, CheckpointKey> ById(IEnumerable<CheckpointKey> keys) =>
        keys.DistinctBy(k => k.Id).ToDictionary(k => k.Id, StringComparer.Ordinal);
}
