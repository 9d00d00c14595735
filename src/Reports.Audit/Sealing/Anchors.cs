using System.Globalization;
using System.Text;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>
/// Checkpoints in a directory that the administrator of the database does not control: a file for each, never changed.
/// They are what shows that the ledger was cut short, or is another.
/// </summary>
internal sealed class Anchors(string directory)
{
    private const string Prefix = "checkpoint-";
    private const string Suffix = ".txt";
    private const int SizeDigits = 20;
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>
    /// Makes the directory for a ledger that begins. Later, one that is not there was there: it is not made again, or
    /// what is not mounted would look like what is empty.
    /// </summary>
    /// <returns>Whether it is there.</returns>
    public bool Begin()
    {
        try
        {
            return Directory.CreateDirectory(directory).Exists;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // To lay the first one down will fail, and tell.
            return Directory.Exists(directory);
        }
    }

    /// <summary>The checkpoints that are there, the largest first. Files that hold none are left out.</summary>
    /// <returns>The checkpoints with the names of their files.</returns>
    /// <exception cref="LedgerFaultException">They cannot be read.</exception>
    public IEnumerable<(string File, SignedCheckpoint Signed)> LargestFirst() => Read(
            () => Directory.GetFiles(directory, $"{Prefix}*{Suffix}"))
        .OrderDescending(StringComparer.Ordinal)
        .Select(file => (file, SignedCheckpoint.Parse(Read(() => File.ReadAllText(file)))))
        .Where(anchor => anchor.Item2 is not null)
        .Select(anchor => (Path.GetFileName(anchor.file), anchor.Item2!));

    /// <summary>Lays a checkpoint down, if it is not there. It is complete under its name, or not there at all.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="note">Its note.</param>
    public void Write(Checkpoint checkpoint, string note)
    {
        // After a restored backup there may be another of this size.
        var size = checkpoint.Size.ToString(CultureInfo.InvariantCulture).PadLeft(SizeDigits, '0');
        var root = Convert.ToHexStringLower(checkpoint.Root.AsSpan(0, 4));
        foreach (var name in (string[])[$"{Prefix}{size}{Suffix}", $"{Prefix}{size}-{root}{Suffix}"])
        {
            var file = Path.Combine(directory, name);
            if (TryCreate(file, note) || (Checkpoint(file) is { } there && IsSame(there, checkpoint)))
            {
                return;
            }
        }
    }

    private static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LedgerFaultException(
                LedgerVerdict.NoAnchors, 0, $"the anchors cannot be read, and nothing else tells what was cut off: {e.Message}");
        }
    }

    private static Checkpoint? Checkpoint(string file) => SignedCheckpoint.Parse(File.ReadAllText(file))?.Checkpoint;

    private static bool IsSame(Checkpoint a, Checkpoint b) =>
        a.Size == b.Size && a.Root.AsSpan().SequenceEqual(b.Root);

    private bool TryCreate(string file, string note)
    {
        if (File.Exists(file))
        {
            return false;
        }

        var whole = Path.Combine(directory, $".{Path.GetRandomFileName()}");
        try
        {
            using (var stream = new FileStream(whole, FileMode.CreateNew))
            {
                stream.Write(Encoding.UTF8.GetBytes(note));
                stream.Flush(flushToDisk: true);
            }

            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(whole, ReadOnly);
            }

            File.Move(whole, file, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(file))
        {
            return false;
        }
        finally
        {
            File.Delete(whole);
        }
    }
}
