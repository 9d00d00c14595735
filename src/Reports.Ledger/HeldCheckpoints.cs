using System.Globalization;
using System.Text;

namespace Reports.Ledger;

/// <summary>A checkpoint that somebody else kept.</summary>
/// <param name="Source">Where it was kept.</param>
/// <param name="Size">How many leaves its tree has.</param>
/// <param name="Note">The checkpoint; none when what was kept is unreadable.</param>
internal sealed record HeldCheckpoint(string Source, long Size, SignedCheckpoint? Note);

/// <summary>
/// Checkpoints that others kept: merchants, who get them with every answer, auditors, and the anchors. Of anchors there
/// may be one for each minute of years: no more than their sizes are remembered.
/// </summary>
public sealed class HeldCheckpoints
{
    private const string AnchorPrefix = "checkpoint-";
    private const string AnchorSuffix = ".txt";
    private const string HeaderName = "audit-checkpoint:";

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly List<HeldCheckpoint> _notes = [];
    private readonly List<(long Size, string? File)> _anchors = [];
    private readonly string? _directory;

    /// <summary>Takes what others kept.</summary>
    /// <param name="files">
    /// Files with a note each, or with lines in the form of the header <c>Audit-Checkpoint</c>: <c>:base64:</c>.
    /// </param>
    /// <param name="anchors">The directory of the anchors; none where there is none.</param>
    /// <exception cref="UnusableExportException">A file is no checkpoint.</exception>
    public HeldCheckpoints(IEnumerable<string> files, string? anchors)
    {
        ArgumentNullException.ThrowIfNull(files);
        _directory = anchors;
        _notes.AddRange(files.SelectMany(ReadFile).OrderBy(n => n.Size));
        if (anchors is not null)
        {
            _anchors.AddRange(Anchors(anchors));
            _anchors.Sort();
        }
    }

    /// <summary>None at all.</summary>
    public static HeldCheckpoints None { get; } = new([], null);

    /// <summary>How many there are.</summary>
    public int Count => _notes.Count + _anchors.Count;

    /// <summary>The file name of an anchor.</summary>
    /// <param name="size">How many leaves its tree has.</param>
    /// <returns>The name.</returns>
    public static string AnchorName(long size) =>
        string.Create(CultureInfo.InvariantCulture, $"{AnchorPrefix}{size:D20}{AnchorSuffix}");

    /// <summary>Reads a checkpoint as a note or as the value of the header.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The checkpoint, or null when it is none.</returns>
    public static SignedCheckpoint? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains('\n', StringComparison.Ordinal) && SignedCheckpoint.Parse(text) is { } note)
        {
            return note;
        }

        var value = text.Trim();
        if (value.StartsWith(HeaderName, StringComparison.OrdinalIgnoreCase))
        {
            value = value[HeaderName.Length..].Trim();
        }

        var bytes = new byte[value.Length];
        try
        {
            return value is [':', .., ':'] && Convert.TryFromBase64String(value[1..^1], bytes, out var length)
                ? SignedCheckpoint.Parse(Strict.GetString(bytes.AsSpan(0, length)))
                : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>All of them, the smallest tree first.</summary>
    internal IEnumerable<HeldCheckpoint> BySize()
    {
        var next = 0;
        foreach (var (size, file) in _anchors)
        {
            for (; next < _notes.Count && _notes[next].Size <= size; next++)
            {
                yield return _notes[next];
            }

            yield return ReadAnchor(size, file ?? AnchorName(size));
        }

        for (; next < _notes.Count; next++)
        {
            yield return _notes[next];
        }
    }

    private static IEnumerable<HeldCheckpoint> ReadFile(string path)
    {
        var text = ReadText(path);
        var found = (text.Contains("\n\n", StringComparison.Ordinal) ? [text] : text.Split('\n'))
            .Where(t => !string.IsNullOrWhiteSpace(t)).Select(Parse).ToList();
        return found.Count > 0 && !found.Contains(null)
            ? found.Select(n => new HeldCheckpoint(path, n!.Checkpoint.Size, n))
            : throw new UnusableExportException(
                $"{path} is neither a checkpoint nor a value of the header Audit-Checkpoint.");
    }

    // The name is kept of those only whose name does not follow from their size.
    private static IEnumerable<(long Size, string? File)> Anchors(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new UnusableExportException($"{directory} is no directory.");
        }

        foreach (var file in Directory.EnumerateFiles(directory, $"{AnchorPrefix}*{AnchorSuffix}"))
        {
            var name = Path.GetFileName(file);
            var digits = name[AnchorPrefix.Length..^AnchorSuffix.Length];
            if (long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
                && name == AnchorName(size))
            {
                yield return (size, null);
            }
            else
            {
                // A second one of a size has its root in its name; others somebody has named.
                yield return (Note(file)?.Checkpoint.Size ?? 0, name);
            }
        }
    }

    private static string ReadText(string path)
    {
        try
        {
            return Strict.GetString(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is DecoderFallbackException or IOException or UnauthorizedAccessException)
        {
            throw new UnusableExportException($"{path} cannot be read: {e.Message}");
        }
    }

    private static SignedCheckpoint? Note(string path)
    {
        try
        {
            return SignedCheckpoint.Parse(ReadText(path));
        }
        catch (UnusableExportException)
        {
            return null;
        }
    }

    private HeldCheckpoint ReadAnchor(long size, string file)
    {
        var path = Path.Combine(_directory!, file);
        var note = Note(path);
        return new HeldCheckpoint(path, size, note?.Checkpoint.Size == size ? note : null);
    }
}
