namespace Reports.Storage;

/// <summary>A file on its way into the store. Disposed without a commit, it leaves nothing behind.</summary>
public sealed class ReportFileWriter : IAsyncDisposable
{
    internal const string PartialEnding = ".partial";

    private readonly ReportFiles _files;
    private readonly StorageKey _key;
    private readonly string _partial;
    private readonly FileStream _stream;

    internal ReportFileWriter(ReportFiles files, StorageKey key)
    {
        (_files, _key) = (files, key);
        var path = files.PathOf(key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _partial = $"{path}.{Path.GetRandomFileName()}{PartialEnding}";
        _stream = new FileStream(_partial, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read | FileShare.Delete,
            BufferSize = 128 * 1024,
            Options = FileOptions.Asynchronous,
        });
    }

    /// <summary>Where to write to.</summary>
    public Stream Stream => _stream;

    /// <summary>Makes the file durable and lets it stand under its key.</summary>
    /// <param name="cancellation">Stops before the rename.</param>
    /// <returns>A task that ends when the file stands.</returns>
    /// <exception cref="IOException">A file stands there already: it is never written again.</exception>
    public Task CommitAsync(CancellationToken cancellation) => CommitAsync(_key, cancellation);

    /// <summary>The same under another key, for a file whose name comes from its content.</summary>
    /// <param name="key">Where it is to stand; in the directory it was begun in.</param>
    /// <param name="cancellation">Stops before the rename.</param>
    /// <returns>A task that ends when the file stands.</returns>
    /// <exception cref="IOException">A file stands there already: it is never written again.</exception>
    public async Task CommitAsync(StorageKey key, CancellationToken cancellation)
    {
        await _stream.FlushAsync(cancellation);
        _stream.Flush(flushToDisk: true);
        File.Move(_partial, _files.PathOf(key), overwrite: false);

        // Once more under its name: file systems with a journal make the rename durable with it.
        _stream.Flush(flushToDisk: true);
        await _stream.DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        File.Delete(_partial);
    }
}
