using System.ComponentModel;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;

namespace Reports.Audit;

/// <summary>A proof; written by <see cref="Prove"/>, and here for the OpenAPI document.</summary>
[Description("An event, and the proof that it is in the ledger. It holds without the service, for good.")]
internal sealed record AuditProof(
    [property: Description("The event's place in the order of the store.")]
    long Sequence,
    [property: Description("Its place in the ledger, from 0.")]
    long LeafIndex,
    [property: Description("How many leaves the tree has that it is proved to be in.")]
    long TreeSize,
    [property: Description("The hash of the event: 32 bytes in base64.")]
    string Leaf,
    [property: Description("The hashes from the leaf to the root (RFC 9162 section 2.1.3), each 32 bytes in base64.")]
    IReadOnlyList<string> Proof,
    [property: Description("The event, byte for byte as an export has it.")]
    AuditEvent Event,
    [property: Description("The signed head of the tree: a C2SP tlog-checkpoint.")]
    string Checkpoint,
    [property: Description("Index, hashes and checkpoint as a C2SP tlog-proof.")]
    string TlogProof);

/// <summary>A receipt; written by <see cref="Prove"/>, and here for the OpenAPI document.</summary>
[Description("The proof of each event of a download attempt.")]
internal sealed record AuditReceipt(
    [property: Description("The `Download-Id` of the answer.")]
    Guid Attempt,
    [property: Description("Its beginning and, once it has ended, its end.")]
    IReadOnlyList<AuditProof> Events);

/// <summary>A consistency proof; written by <see cref="Prove"/>, and here for the OpenAPI document.</summary>
[Description("The proof that the ledger has grown from one size to another by new leaves alone.")]
internal sealed record AuditConsistency(
    [property: Description("The smaller size.")]
    long From,
    [property: Description("The larger size.")]
    long To,
    [property: Description("The root of the smaller tree: 32 bytes in base64.")]
    string FromRoot,
    [property: Description("The root of the larger tree: 32 bytes in base64.")]
    string ToRoot,
    [property: Description("The hashes (RFC 9162 section 2.1.4), each 32 bytes in base64.")]
    IReadOnlyList<string> Proof,
    [property: Description("The checkpoint of the smaller size; null when none was signed at it.")]
    string? FromCheckpoint,
    [property: Description("The checkpoint of the larger size; null when none was signed at it.")]
    string? ToCheckpoint);

/// <summary>How the ledger does; written by <see cref="ShowLedger"/>, and here for the OpenAPI document.</summary>
[Description("How the ledger does, the same on every node.")]
internal sealed record AuditLedger(
    [property: Description("How many leaves there are.")]
    long Size,
    [property: Description("Up to which sequence everything is sealed.")]
    long LastSequence,
    [property: Description("How many events are not sealed, at the most: how many numbers were given out since.")]
    long Unsealed,
    [property: Description("For how many seconds the oldest of them waits.")]
    double LagSeconds,
    [property: Description("`sealing`, `nobody seals`, or `stopped: ` and why.")]
    string State,
    [property: Description("What is wrong, the oldest first.")]
    IReadOnlyList<AuditLedgerFault> Faults);

/// <summary>What is wrong with the ledger; written by <see cref="ShowLedger"/>.</summary>
[Description("Something that is wrong with the ledger.")]
internal sealed record AuditLedgerFault(
    [property: Description("`stopped`: nothing more is sealed; `found`: with what is sealed; `anchors`: no checkpoint can be laid down.")]
    string Kind,
    [property: Description("What it is, as a verifier says it.")]
    string Verdict,
    [property: Description("The event that it is wrong with; 0 when it is none in particular.")]
    long Sequence,
    [property: Description("The same for people. The words may change.")]
    string Cause,
    [property: Description("Since when it is known, by the database's clock.")]
    DateTime Since);

/// <summary>What the OpenAPI document says of the ledger.</summary>
internal static class LedgerDescription
{
    public static void DescribeCheckpoint(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<string>(StatusCodes.Status200OK, "text/plain")
        .Describe(
            "readCheckpoint",
            "Read the newest checkpoint",
            "The newest signed head of the ledger: a C2SP tlog-checkpoint, signed by ECDSA on P-256. Whoever keeps one can "
            + "prove later that the record was cut short or is another. `404` before anything is sealed.",
            isFound: true);

    public static void DescribeCheckpoints(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<string>(StatusCodes.Status200OK, ReadEvents.Lines)
        .Describe(
            "readCheckpoints",
            "Read every checkpoint",
            "Every signed head in the order of their sizes, each a line `{\"size\":7,\"note\":\"…\"}`.")
        .After("With a larger size than this.");

    public static void DescribeLeaves(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<string>(StatusCodes.Status200OK, ReadEvents.Lines)
        .Describe(
            "readLeaves",
            "Read the leaves",
            "Every leaf of the ledger in order, each a line `{\"index\":6,\"sequence\":7,\"leaf\":\"hex\"}`: those of all "
            + "merchants, for a leaf tells nothing of its event.")
        .After("With a higher index than this.");

    public static void DescribeKeys(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<IReadOnlyList<LedgerKey>>()
        .Describe(
            "readLedgerKeys",
            "Read the public keys",
            "The public keys that have signed checkpoints. Compare their ids with those that you were given by other means.");

    public static void DescribeLedger(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditLedger>()
        .Describe(
            "showLedger",
            "Show how the ledger does",
            "How far it is, whether somebody seals, and what is wrong with it, whichever node found that.");

    public static void DescribeProof(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditProof>()
        .Describe(
            "proveEvent",
            "Prove an event",
            "The event with this sequence or id, and the proof that it is in the ledger. `404` with `Retry-After` when it "
            + "is not sealed yet.",
            isFound: true)
        .Names("The event's sequence, or its id.", "7");

    public static void DescribeReceipt(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditReceipt>()
        .Describe(
            "readReceipt",
            "Read the receipt of a download",
            "Every event of a download attempt with the proof that it is in the ledger. `404` with `Retry-After` when one "
            + "of them is not sealed yet.",
            isFound: true)
        .Names("The `Download-Id` of the answer.", "019ab3e4-5c00-7e55-8f3e-2b8c6d1a4e70");

    public static void DescribeConsistency(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditConsistency>()
        .Describe(
            "proveConsistency",
            "Prove that the ledger only grew",
            "The proof that the ledger of the size `to` has the first `from` leaves unchanged. `404` before anything is "
            + "sealed.",
            isFound: true)
        .AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters =
            [
                AuditDescription.Query("from", "The smaller size; by default 0, of which there is nothing to prove.", JsonSchemaType.Integer, 100,
                    "int64"),
                AuditDescription.Query(
                    "to", "The larger size; by default that of the newest checkpoint.", JsonSchemaType.Integer, 200, "int64"),
            ];
            return Task.CompletedTask;
        });

    private static void After(this RouteHandlerBuilder endpoint, string description) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters = [AuditDescription.Query("after", description, JsonSchemaType.Integer, -1, "int64")];
            return Task.CompletedTask;
        });

    private static void Names(this RouteHandlerBuilder endpoint, string description, JsonNode example) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            var id = (OpenApiParameter)operation.Parameters![0];
            (id.Description, id.Example) = (description, example);
            return Task.CompletedTask;
        });
}
