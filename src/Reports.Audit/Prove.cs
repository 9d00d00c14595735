using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;

namespace Reports.Audit;

/// <summary>Proofs that hold without the service: that an event is in the ledger, and that the ledger only grew.</summary>
internal static class Prove
{
    public const string ProofPath = AuditedReadEndpoints.Path + "proof/";
    public const string ReceiptPath = AuditedReadEndpoints.Path + "receipts/";
    public const string ConsistencyPath = AuditedReadEndpoints.Path + "consistency";

    private const int SecondsToSeal = 2;

    /// <summary>Of an event, named by its sequence or its id.</summary>
    internal static async Task<IResult> Event(
        string id, LedgerProofs proofs, AuditReading reading, CancellationToken cancellation)
    {
        var number = Parameters.Number(id);
        if (number is null && !AuditTarget.IsUuid(id))
        {
            throw Parameters.Invalid("id", "must be a sequence or an event's id");
        }

        var tenant = reading.Narrow(null);
        reading.Note(("event", id));
        var stored = await proofs.EventAsync(number, number is null ? Guid.Parse(id) : null, cancellation);
        if (stored is null || (tenant is not null && stored.Tenant != tenant))
        {
            throw NotFound("There is no such event; of a download, ask for the receipt of its Download-Id");
        }

        return Json(
            await ProveAsync(proofs, [stored], cancellation),
            (json, proved) => Write(json, proved[0]));
    }

    /// <summary>Of a download attempt, named by its <c>Download-Id</c>: each of its events.</summary>
    internal static async Task<IResult> Receipt(
        string id, LedgerProofs proofs, AuditReading reading, CancellationToken cancellation)
    {
        if (!AuditTarget.IsUuid(id))
        {
            throw Parameters.Invalid("id", "must be the Download-Id of an answer");
        }

        var (tenant, attempt) = (reading.Narrow(null), Guid.Parse(id));
        reading.Note(("download", id));
        var events = await proofs.AttemptAsync(attempt, tenant, cancellation);
        return events.Count == 0
            ? throw NotFound("There is no such download")
            : Json(await ProveAsync(proofs, events, cancellation), (json, proved) =>
            {
                json.WriteStartObject();
                json.WriteString("attempt", attempt);
                json.WriteStartArray("events");
                foreach (var proof in proved)
                {
                    Write(json, proof);
                }

                json.WriteEndArray();
                json.WriteEndObject();
            });
    }

    /// <summary>Of the ledger: that it has grown from one size to another.</summary>
    internal static async Task<IResult> Consistency(
        HttpContext http, LedgerProofs proofs, AuditReading reading, CancellationToken cancellation)
    {
        var newest = await proofs.CheckpointAsync(null, cancellation) ?? throw ReadLedger.NothingYet();
        var (from, to) = (Size(http, "from", 0), Size(http, "to", newest.Size));
        reading.Narrow(null);
        reading.Note(("from", from), ("to", to));
        if (to > newest.Size || from > to)
        {
            throw Parameters.Invalid(
                to > newest.Size ? "to" : "from",
                string.Create(CultureInfo.InvariantCulture, $"must be at most {Math.Min(to, newest.Size)}"));
        }

        var (fromRoot, toRoot, proof) = await proofs.ProveAsync(from, to, cancellation);
        var (first, last) = (
            await proofs.CheckpointAsync(from, cancellation), await proofs.CheckpointAsync(to, cancellation));
        return Json(proof, (json, hashes) =>
        {
            json.WriteStartObject();
            json.WriteNumber("from", from);
            json.WriteNumber("to", to);
            json.WriteBase64String("from_root", fromRoot);
            json.WriteBase64String("to_root", toRoot);
            Write(json, hashes);
            json.WriteString("from_checkpoint", first?.Note);
            json.WriteString("to_checkpoint", last?.Note);
            json.WriteEndObject();
        });
    }

    private static async Task<IReadOnlyList<InclusionProof>> ProveAsync(
        LedgerProofs proofs, IReadOnlyList<EventRow> events, CancellationToken cancellation)
    {
        var checkpoint = await proofs.CheckpointAsync(null, cancellation);
        if (checkpoint is null || events.Any(e => e.LeafIndex is not { } index || index >= checkpoint.Size))
        {
            throw new ProblemException(Problem.NotFound with
            {
                Detail = "It is not sealed yet",
                RetryAfter = SecondsToSeal,
            });
        }

        var proved = new List<InclusionProof>();
        foreach (var stored in events)
        {
            proved.Add(await proofs.ProveAsync(stored, checkpoint, cancellation));
        }

        return proved;
    }

    private static long Size(HttpContext http, string name, long standard) =>
        Parameters.Once(http.Request.Query, name) is { } text
            ? Parameters.Number(text) ?? throw Parameters.Invalid(name, "must be a size: a whole number, at least 0")
            : standard;

    private static ProblemException NotFound(string detail) => new(Problem.NotFound with { Detail = detail });

    private static void Write(Utf8JsonWriter json, InclusionProof proof)
    {
        json.WriteStartObject();
        json.WriteNumber("sequence", proof.Event.Sequence);
        json.WriteNumber("leaf_index", proof.Event.LeafIndex!.Value);
        json.WriteNumber("tree_size", proof.Checkpoint.Size);
        json.WriteBase64String("leaf", proof.Leaf);
        Write(json, proof.Proof);
        json.WritePropertyName("event");
        EventLines.WritePlain(json, proof.Event);
        json.WriteString("checkpoint", proof.Checkpoint.Note);
        json.WriteString("tlog_proof", proof.Text());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<byte[]> hashes)
    {
        json.WriteStartArray("proof");
        foreach (var hash in hashes)
        {
            json.WriteBase64StringValue(hash);
        }

        json.WriteEndArray();
    }

    private static IResult Json<T>(T value, Action<Utf8JsonWriter, T> write)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body, EventLines.Options))
        {
            write(json, value);
        }

        return Results.Text(body.WrittenSpan, "application/json; charset=utf-8");
    }
}
