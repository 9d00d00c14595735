using Microsoft.Win32.SafeHandles;

namespace Reports.Storage;

/// <summary>
/// A stored file, open for reading at any offset. What is open stays readable when the file is removed.
/// </summary>
public sealed class ReportFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    internal ReportFile(SafeFileHandle handle)
    {
        _handle = handle;
        Length = RandomAccess.GetLength(handle);
    }

    /// <summary>The length in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    /// <param name="buffer">Where the bytes go.</param>
    /// <param name="offset">The first byte to read.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>How many bytes were read; fewer than the buffer holds only at the end of the file.</returns>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellation)
    {
        var read = 0;
        while (read < buffer.Length)
        {
            var n = await RandomAccess.ReadAsync(_handle, buffer[read..], offset + read, cancellation);
            if (n == 0)
            {
                break;
            }

            read += n;
        }

        return read;
    }

    /// <summary>Reads until the buffer is full or the file ends, on the thread that calls.</summary>
    /// <param name="buffer">Where the bytes go.</param>
    /// <param name="offset">The first byte to read.</param>
    /// <returns>How many bytes were read; fewer than the buffer holds only at the end of the file.</returns>
    public int Read(Span<byte> buffer, long offset)
    {
        var read = 0;
        for (int n; (n = RandomAccess.Read(_handle, buffer[read..], offset + read)) > 0;)
        {
            read += n;
        }

        return read;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
