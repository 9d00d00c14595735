using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Reports.Audit;

/// <summary>
/// Events as lines, however many, in bounded memory: a piece is read, the connection given back, and the piece sent
/// while the next is read and no other, so that a slow client holds nothing but its own connection. The caller's right
/// is asked for again on the way. A stream that ends before its end is cut, and never looks whole.
/// </summary>
internal sealed class EventStream(ReadEvents.Asked asked, AuditReading reading, AuditorDatabase database) : IResult
{
    // As many events are asked for as make a piece of the size that is meant, going by those before: what a statement
    // finds beyond what is taken is found in vain, and comes over the wire too.
    private const int FirstRows = 500;
    private const int MostRows = 5000;
    private const int MeantBytes = 1024 * 1024;
    private const int MostBytes = 2 * MeantBytes;
    private static readonly TimeSpan BetweenChecks = TimeSpan.FromMilliseconds(200);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, cancellation) = (httpContext.Response, httpContext.RequestAborted);
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        response.ContentType = ReadEvents.Lines;
        response.Headers["Sealed-Through"] = asked.SealedThrough?.ToString(CultureInfo.InvariantCulture);
        var (one, two) = (new Piece(), new Piece());
        var (piece, other, most) = (one, two, FirstRows);
        var sending = Task.CompletedTask;
        try
        {
            await response.StartAsync(cancellation);
            for (var checkedAt = Stopwatch.GetTimestamp(); !asked.Walk.IsOver;)
            {
                piece.Clear();
                await asked.Walk.ReadAsync(database.Source, most, piece.Take, cancellation);
                most = piece.Count == 0
                    ? most
                    : (int)Math.Clamp((long)piece.Count * MeantBytes / piece.Length, 1, MostRows);
                await sending;
                if (Stopwatch.GetElapsedTime(checkedAt) > BetweenChecks)
                {
                    if (!await reading.HoldsAsync(httpContext))
                    {
                        httpContext.Abort();
                        return;
                    }

                    checkedAt = Stopwatch.GetTimestamp();
                }

                sending = response.BodyWriter.WriteAsync(piece.Memory, cancellation).AsTask();
                (piece, other) = (other, piece);
            }

            await sending;
        }
        catch (Exception) when (response.HasStarted)
        {
            httpContext.Abort();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    private sealed class Piece
    {
        private readonly ArrayBufferWriter<byte> _bytes = new(MeantBytes);

        public int Count { get; private set; }

        public int Length => _bytes.WrittenCount;

        public ReadOnlyMemory<byte> Memory => _bytes.WrittenMemory;

        public void Clear()
        {
            _bytes.ResetWrittenCount();
            Count = 0;
        }

        public bool Take(EventRow row)
        {
            EventLines.Write(_bytes, row);
            _bytes.Write("\n"u8);
            Count++;
            return Length < MostBytes;
        }
    }
}
