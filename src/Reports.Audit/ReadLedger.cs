using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Ledger;

namespace Reports.Audit;

/// <summary>What of the ledger is the same for everybody who may read it: heads, leaves, keys.</summary>
internal static class ReadLedger
{
    public const string CheckpointPath = AuditedReadEndpoints.Path + "checkpoint";
    public const string CheckpointsPath = AuditedReadEndpoints.Path + "checkpoints";
    public const string LeavesPath = AuditedReadEndpoints.Path + "leaves";
    public const string KeysPath = AuditedReadEndpoints.Path + "keys";

    /// <summary>The newest checkpoint.</summary>
    internal static async Task<IResult> Checkpoint(LedgerProofs proofs, AuditReading reading, CancellationToken cancellation)
    {
        reading.Narrow(null);
        var checkpoint = await proofs.CheckpointAsync(null, cancellation) ?? throw NothingYet();
        return Results.Text(checkpoint.Note, "text/plain", Encoding.UTF8);
    }

    /// <summary>Every checkpoint, from a size on.</summary>
    internal static IResult Checkpoints(HttpContext http, AuditorDatabase database, AuditReading reading) => new LedgerLines(
        reading, After(http, reading), database,
        "select size, note from ledger.checkpoints where size > $1 order by size limit $2",
        row => CheckpointLine.Text(row.GetInt64(0), row.GetString(1)));

    /// <summary>Every leaf, from an index on.</summary>
    internal static IResult Leaves(HttpContext http, AuditorDatabase database, AuditReading reading) => new LedgerLines(
        reading, After(http, reading), database,
        "select idx, seq_id, leaf from ledger.leaves where idx > $1 order by idx limit $2",
        row => LeafLine.Text(row.GetInt64(0), row.GetInt64(1), row.GetFieldValue<byte[]>(2)));

    /// <summary>The public keys that have signed so far.</summary>
    internal static async Task<IResult> Keys(
        AuditorDatabase database, AuditReading reading, CancellationToken cancellation)
    {
        reading.Narrow(null);
        await using var command = database.Source.CreateCommand(
            "select id, pem from ledger.keys order by first_used, id");
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var keys = new List<LedgerKey>();
        while (await row.ReadAsync(cancellation))
        {
            keys.Add(new LedgerKey(row.GetString(0), row.GetString(1)));
        }

        return Results.Json(keys);
    }

    /// <summary>What is answered before anything is sealed.</summary>
    internal static ProblemException NothingYet() =>
        new(Problem.NotFound with { Detail = "Nothing is sealed yet", RetryAfter = 1 });

    // Leaves and sizes begin with 0, so all of them come after -1.
    private static long After(HttpContext http, AuditReading reading)
    {
        var text = Parameters.Once(http.Request.Query, "after");
        reading.Narrow(null);
        var after = text is null or "-1" ? -1
            : Parameters.Number(text) ?? throw Parameters.Invalid("after", "must be a whole number, at least -1");
        reading.Note(("after", after));
        return after;
    }
}

/// <summary>A public key of the ledger.</summary>
/// <param name="Id">SHA-256 of its SubjectPublicKeyInfo, lower-case hex.</param>
/// <param name="Pem">The key in PEM.</param>
internal sealed record LedgerKey(string Id, string Pem);

/// <summary>
/// Rows of the ledger as lines, however many, in bounded memory: a piece is read, the connection given back, and the
/// piece sent. The first column of a row is what the next piece comes after. A stream that was cut never looks whole.
/// </summary>
internal sealed class LedgerLines(
    AuditReading reading, long after, AuditorDatabase database, string sql, Func<NpgsqlDataReader, string> line) : IResult
{
    private const int Piece = 5000;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, cancellation) = (httpContext.Response, httpContext.RequestAborted);
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        response.ContentType = ReadEvents.Lines;
        try
        {
            await response.StartAsync(cancellation);
            var piece = new ArrayBufferWriter<byte>();
            for (var (last, count) = (after, Piece); count == Piece;)
            {
                piece.ResetWrittenCount();
                (last, count) = await ReadAsync(piece, last, cancellation);
                await response.BodyWriter.WriteAsync(piece.WrittenMemory, cancellation);
                if (count == Piece && !await reading.HoldsAsync(httpContext))
                {
                    httpContext.Abort();
                    return;
                }
            }
        }
        catch (Exception) when (response.HasStarted)
        {
            httpContext.Abort();
            throw;
        }
    }

    private async Task<(long Last, int Count)> ReadAsync(
        ArrayBufferWriter<byte> piece, long last, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = last });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Piece });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var count = 0;
        for (; await row.ReadAsync(cancellation); count++)
        {
            last = row.GetInt64(0);
            Encoding.UTF8.GetBytes(line(row), piece);
        }

        return (last, count);
    }
}
