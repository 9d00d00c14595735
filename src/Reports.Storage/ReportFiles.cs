namespace Reports.Storage;

/// <summary>
/// The report files in a local directory. A file appears under its key whole or not at all: it is written beside it,
/// flushed to the disk and then renamed.
/// </summary>
/// <param name="root">The directory; it is created when it is missing.</param>
/// <param name="clock">Tells what is old; by default the system's.</param>
public sealed class ReportFiles(string root, TimeProvider? clock = null)
{
    private readonly string _root = Path.GetFullPath(root);
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <summary>Starts a file.</summary>
    /// <param name="key">Where it is to stand.</param>
    /// <returns>A stream to write to, with <see cref="ReportFileWriter.CommitAsync(CancellationToken)"/> at the end.</returns>
    /// <exception cref="IOException">The directory cannot be written to.</exception>
    public ReportFileWriter Create(StorageKey key) => new(this, key);

    /// <summary>Whether a file stands under a key, whole.</summary>
    /// <param name="key">Where it would stand.</param>
    /// <returns>True when it does.</returns>
    public bool Exists(StorageKey key) => File.Exists(PathOf(key));

    /// <summary>How many files stand directly below a prefix; those that are being written do not count.</summary>
    /// <param name="prefix">A prefix of keys that ends with a slash.</param>
    /// <returns>The number.</returns>
    public int CountBelow(string prefix)
    {
        var directory = DirectoryOf(prefix);
        return Directory.Exists(directory)
            ? Directory.EnumerateFiles(directory)
                .Count(path => !path.EndsWith(ReportFileWriter.PartialEnding, StringComparison.Ordinal))
            : 0;
    }

    /// <summary>Whether a file is all that there is below a prefix: nothing else, not even one being written.</summary>
    /// <param name="prefix">A prefix of keys that ends with a slash.</param>
    /// <param name="key">Where the file stands.</param>
    /// <returns>True when <see cref="RemoveBelow"/> would find nothing to do.</returns>
    public bool HoldsOnly(string prefix, StorageKey key)
    {
        var (directory, path) = (DirectoryOf(prefix), PathOf(key));
        return Directory.Exists(directory)
            && Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).All(entry =>
                entry == path || path.StartsWith(entry + Path.DirectorySeparatorChar, StringComparison.Ordinal));
    }

    /// <summary>Removes a file. One that is not there is no error.</summary>
    /// <param name="key">Where it stands.</param>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public void Remove(StorageKey key)
    {
        if (Exists(key))
        {
            File.Delete(PathOf(key));
        }
    }

    /// <summary>Opens a file for reading.</summary>
    /// <param name="key">Where it stands.</param>
    /// <returns>The open file.</returns>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public ReportFile Open(StorageKey key) => new(
        File.OpenHandle(PathOf(key), FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.Asynchronous));

    /// <summary>Opens a file as a stream that can seek, for readers that need one.</summary>
    /// <param name="key">Where it stands.</param>
    /// <returns>The stream, at the first byte.</returns>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public Stream OpenStream(StorageKey key) => new FileStream(
        PathOf(key), FileMode.Open, FileAccess.Read, FileShare.Read, 128 * 1024, FileOptions.Asynchronous);

    /// <summary>
    /// Moves a file, and leaves no empty directory behind. One that was moved already stays where it is, and a missing one
    /// is no error.
    /// </summary>
    /// <param name="from">Where it stands.</param>
    /// <param name="to">Where it is to stand.</param>
    /// <exception cref="IOException">It cannot be moved.</exception>
    public void Move(StorageKey from, StorageKey to)
    {
        var (source, target) = (PathOf(from), PathOf(to));
        if (File.Exists(source))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Move(source, target, overwrite: true);
        }

        // The last to leave, here or in RemoveBelow, closes the door; the first directory of a key stays.
        var directory = Path.GetDirectoryName(source)!;
        while (directory != _root && Path.GetDirectoryName(directory) != _root && RemoveIfEmpty(directory))
        {
            directory = Path.GetDirectoryName(directory)!;
        }
    }

    /// <summary>
    /// Removes the files below a prefix. Those that are being written are left to their writers, for a day.
    /// </summary>
    /// <param name="prefix">A prefix of keys that ends with a slash.</param>
    /// <param name="except">The key of a file that stays, when there is one.</param>
    /// <returns>Whether all is gone that is to go; false while a file is being written.</returns>
    /// <exception cref="IOException">A file cannot be removed.</exception>
    public bool RemoveBelow(string prefix, string? except)
    {
        var directory = DirectoryOf(prefix);
        if (!Directory.Exists(directory))
        {
            return true;
        }

        var isClean = true;
        var kept = except is null ? null : PathOf(StorageKey.Parse(except));
        foreach (var path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            var isInUse = path.EndsWith(ReportFileWriter.PartialEnding, StringComparison.Ordinal)
                && _clock.GetUtcNow() - File.GetLastWriteTimeUtc(path) < TimeSpan.FromDays(1);
            isClean &= !isInUse;
            if (path != kept && !isInUse)
            {
                File.Delete(path);
            }
        }

        foreach (var below in Directory.GetDirectories(directory).Append(directory))
        {
            RemoveIfEmpty(below);
        }

        return isClean;
    }

    // Others write and remove beside this: what has been filled stays, and what is gone is gone.
    private static bool RemoveIfEmpty(string directory)
    {
        try
        {
            Directory.Delete(directory);
            return true;
        }
        catch (IOException)
        {
            return !Directory.Exists(directory);
        }
    }

    internal string PathOf(StorageKey key) => Path.Combine(_root, key.Value);

    private string DirectoryOf(string prefix) => Path.GetDirectoryName(PathOf(StorageKey.Below(prefix, "any")))!;
}
