using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Reports.Delivery;

/// <summary>
/// How many bytes of an answer the other end of the connection has acknowledged, as Linux tells
/// (<c>tcpi_bytes_acked</c>, tcp(7)). Writes return as soon as the bytes are in a buffer of ours, which holds megabytes:
/// for the record, that is no delivery. The other end is the client's system or the proxy in front of us; its program
/// may still leave unread what its system has taken.
/// </summary>
internal sealed partial class PeerReceipt : IDisposable
{
    private const int Tcp = 6;
    private const int TcpInfo = 11;
    private const int BytesAckedOffset = 120;
    private const nuint OutputQueue = 0x5411;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMilliseconds(50);

    // A timer takes a millisecond or two, and a client that is near only a tenth of one.
    private static readonly TimeSpan Near = TimeSpan.FromMilliseconds(0.2);

    // A copy: the server closes its own when the client is gone, which is just when the question comes up.
    private readonly int _socket;
    private readonly long _before;

    // The token of the request is switched off as soon as the last byte is written.
    private readonly CancellationToken _gone;

    private PeerReceipt(int socket, CancellationToken gone)
    {
        (_socket, _gone) = (socket, gone);
        _before = Acknowledged() + Outstanding();
    }

    /// <summary>Begins to count, before the answer is written; null where nothing can be counted for it alone.</summary>
    public static PeerReceipt? Begin(HttpContext http)
    {
        // The streams of HTTP/2 share their connection.
        if (!OperatingSystem.IsLinux()
            || !HttpProtocol.IsHttp11(http.Request.Protocol)
            || http.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket
            || http.Features.Get<IConnectionLifetimeFeature>() is not { } connection)
        {
            return null;
        }

        try
        {
            var copy = Duplicate((int)socket.Handle);
            return copy < 0 ? null : new PeerReceipt(copy, connection.ConnectionClosed);
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>How many bytes were acknowledged since the beginning; those of the header fields too.</summary>
    public long Bytes => Math.Max(0, Acknowledged() - _before);

    /// <summary>Whether the connection is closed.</summary>
    public bool IsGone => _gone.IsCancellationRequested;

    /// <summary>Whether everything is acknowledged.</summary>
    /// <param name="bytes">How many bytes were written, the header fields not counted.</param>
    public bool Holds(long bytes) => IsAllAcknowledged() && Bytes >= bytes;

    /// <summary>Waits until everything is acknowledged.</summary>
    /// <param name="bytes">How many bytes were written, the header fields not counted.</param>
    /// <param name="patience">How long.</param>
    /// <returns>Whether it was; if not, the client is gone or too slow.</returns>
    public async Task<bool> WaitAsync(long bytes, TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        for (var delay = TimeSpan.FromMilliseconds(1); ;)
        {
            // Asked before: a client that has everything hangs up at once, and that is no abort.
            var isOver = IsGone || Stopwatch.GetElapsedTime(start) > patience;
            if (Holds(bytes))
            {
                return true;
            }

            if (isOver)
            {
                return false;
            }

            if (Stopwatch.GetElapsedTime(start) < Near)
            {
                // Others' work goes first.
                await Task.Yield();
                continue;
            }

            await Task.Delay(delay, _gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
        }
    }

    public void Dispose() => _ = Close(_socket);

    // The server closes its side as soon as the client has closed its own, and that takes a place in the sequence too:
    // until it is acknowledged it looks like one more byte. Asked in this order, for it may be sent between the calls.
    private bool IsAllAcknowledged() =>
        Outstanding() == 0
        || (Ask(info => (TcpState)info[0]) is TcpState.FinWait1 or TcpState.LastAck or TcpState.Closing
            ? Outstanding() <= 1
            : Outstanding() == 0);

    private long Acknowledged() => Ask(info => BinaryPrimitives.ReadInt64LittleEndian(info[BytesAckedOffset..]));

    private T? Ask<T>(Func<ReadOnlySpan<byte>, T> member)
    {
        Span<byte> info = stackalloc byte[256];
        info.Clear();
        var length = (uint)info.Length;
        return GetOption(_socket, Tcp, TcpInfo, info, ref length) == 0 ? member(info) : default;
    }

    private int Outstanding() => Control(_socket, OutputQueue, out var bytes) == 0 ? bytes : 0;

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int socket);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int socket);

    [LibraryImport("libc", EntryPoint = "getsockopt")]
    private static partial int GetOption(int socket, int level, int option, Span<byte> value, ref uint length);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int socket, nuint request, out int value);

    // Those in which the end of our side is sent and not acknowledged (RFC 9293, section 3.3.2; numbers of Linux).
    private enum TcpState
    {
        None = 0,
        FinWait1 = 4,
        LastAck = 9,
        Closing = 11,
    }
}
