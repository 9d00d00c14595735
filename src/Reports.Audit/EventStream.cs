using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Reports.Audit;

/// <summary>
/// Events as lines, however many, in bounded memory: a piece is read, the connection given back, and the piece sent
/// before the next is read, so that a slow client holds nothing but its own connection. The caller's right is asked for
/// again on the way. A stream that ends before its end is cut, and never looks whole.
/// </summary>
internal sealed class EventStream(ReadEvents.Asked asked, AuditReading reading, AuditorDatabase database) : IResult
{
    private const int MostRows = 2000;
    private const int MostBytes = 512 * 1024;
    private static readonly TimeSpan BetweenChecks = TimeSpan.FromMilliseconds(200);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, cancellation) = (httpContext.Response, httpContext.RequestAborted);
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        response.ContentType = ReadEvents.Lines;
        response.Headers["Sealed-Through"] = asked.SealedThrough?.ToString(CultureInfo.InvariantCulture);
        var piece = new ArrayBufferWriter<byte>(MostBytes);
        await using var json = new Utf8JsonWriter(piece, EventLines.Options);
        bool Take(EventRow row)
        {
            json.Reset();
            EventLines.Write(json, row);
            json.Flush();
            piece.Write("\n"u8);
            return piece.WrittenCount < MostBytes;
        }

        try
        {
            await response.StartAsync(cancellation);
            for (var checkedAt = Stopwatch.GetTimestamp(); !asked.Walk.IsOver;)
            {
                piece.ResetWrittenCount();
                await asked.Walk.ReadAsync(database.Source, MostRows, Take, cancellation);
                if (Stopwatch.GetElapsedTime(checkedAt) > BetweenChecks)
                {
                    if (!await reading.HoldsAsync(httpContext))
                    {
                        httpContext.Abort();
                        return;
                    }

                    checkedAt = Stopwatch.GetTimestamp();
                }

                await response.BodyWriter.WriteAsync(piece.WrittenMemory, cancellation);
            }
        }
        catch (Exception) when (response.HasStarted)
        {
            httpContext.Abort();
            throw;
        }
    }
}
