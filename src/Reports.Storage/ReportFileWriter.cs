namespace Reports.Storage;

/// <summary>A file on its way into the store. Disposed without a commit, it leaves nothing behind.</summary>
public sealed class ReportFileWriter : IAsyncDisposable
{
    internal const string PartialEnding = ".partial";

    private readonly string _path;
    private readonly string _partial;
    private readonly FileStream _stream;

    internal ReportFileWriter(string path)
    {
        _path = path;
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
    public async Task CommitAsync(CancellationToken cancellation)
    {
        await _stream.FlushAsync(cancellation);
        _stream.Flush(flushToDisk: true);
        File.Move(_partial, _path, overwrite: false);

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
