namespace Reports.Storage;

/// <summary>
/// The report files in a local directory. A file appears under its key whole or not at all: it is written beside it,
/// flushed to the disk and then renamed.
/// </summary>
/// <param name="root">The directory; it is created when it is missing.</param>
public sealed class ReportFiles(string root)
{
    private readonly string _root = Path.GetFullPath(root);

    /// <summary>Starts a file.</summary>
    /// <param name="key">Where it is to stand.</param>
    /// <returns>A stream to write to, with <see cref="ReportFileWriter.CommitAsync"/> at the end.</returns>
    /// <exception cref="IOException">The directory cannot be written to.</exception>
    public ReportFileWriter Create(StorageKey key)
    {
        var path = PathOf(key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return new ReportFileWriter(path);
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

    private string PathOf(StorageKey key) => Path.Combine(_root, key.Value);
}
