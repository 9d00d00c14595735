using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Reports.Benchmarks;

/// <summary>One connection that is kept, with one request under way at most.</summary>
internal sealed class HttpConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[256 * 1024];
    private int _start;
    private int _end;

    private HttpConnection(Socket socket) => _socket = socket;

    public long Received { get; private set; }

    public static async Task<HttpConnection> OpenAsync(Uri address)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address.Host, address.Port);
        return new HttpConnection(socket);
    }

    /// <summary>Sends a request and takes its whole answer.</summary>
    public async ValueTask<int> SendAsync(byte[] request)
    {
        await _socket.SendAsync(request.AsMemory(), SocketFlags.None);
        var (status, length) = await ReadHeadAsync();
        if (length is { } bytes)
        {
            await SkipAsync(bytes);
        }
        else
        {
            await SkipChunksAsync();
        }

        return status;
    }

    public void Dispose() => _socket.Dispose();

    private async ValueTask<(int Status, long? Length)> ReadHeadAsync()
    {
        int end;
        while ((end = Filled.IndexOf("\r\n\r\n"u8)) < 0)
        {
            await FillAsync();
        }

        var head = Encoding.ASCII.GetString(Filled[..end]);
        _start += end + 4;
        var status = int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture);
        const string Name = "\r\nContent-Length: ";
        var at = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
        {
            return (status, head.Contains("chunked", StringComparison.Ordinal) ? null : 0);
        }

        var value = head.AsSpan(at + Name.Length);
        var stop = value.IndexOf('\r');
        return (status, long.Parse(stop < 0 ? value : value[..stop], CultureInfo.InvariantCulture));
    }

    private Span<byte> Filled => _buffer.AsSpan(_start, _end - _start);

    private async ValueTask SkipAsync(long bytes)
    {
        while (bytes > 0)
        {
            if (_start == _end)
            {
                await FillAsync();
            }

            var taken = (int)Math.Min(bytes, _end - _start);
            (_start, bytes) = (_start + taken, bytes - taken);
        }
    }

    private async ValueTask SkipChunksAsync()
    {
        while (true)
        {
            int end;
            while ((end = Filled.IndexOf("\r\n"u8)) < 0)
            {
                await FillAsync();
            }

            var size = Convert.ToInt64(Encoding.ASCII.GetString(Filled[..end]), 16);
            _start += end + 2;
            await SkipAsync(size + 2);
            if (size == 0)
            {
                return;
            }
        }
    }

    private async ValueTask FillAsync()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            Filled.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        var read = await _socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None);
        if (read == 0)
        {
            throw new IOException("The server closed the connection within an answer.");
        }

        _end += read;
        Received += read;
    }
}
