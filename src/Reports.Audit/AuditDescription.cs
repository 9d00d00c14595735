using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Reports.BuildingBlocks;

namespace Reports.Audit;

/// <summary>A page of events; written by <see cref="ReadEvents"/>, and here for the OpenAPI document.</summary>
[Description("A page of events.")]
internal sealed record AuditEventPage(
    [property: Description("Events in the order of the store. There may be fewer than `limit`, or none, on any page.")]
    IReadOnlyList<AuditEvent> Results,
    [property: Description("The absolute URL of the next page; null on the last one."), Url]
    string? Next,
    [property: Description(
        "The sequence up to which the ledger has sealed. Every event up to it is shown; what is recorded later is shown "
        + "when it is sealed. Null before the first seal.")]
    long? SealedThrough);

/// <summary>An event; written by <see cref="EventLines"/>, and here for the OpenAPI document.</summary>
[Description("An event as it is stored.")]
internal sealed record AuditEvent(
    [property: Description("Its place in the order of the store. There may be gaps.")]
    long Sequence,
    [property: Description("Its place in the ledger, from 0, without gaps; null when it is not sealed.")]
    long? LeafIndex,
    [property: Description("Its id.")]
    Guid EventId,
    [property: Description("The stream it belongs to.")]
    Guid? StreamId,
    [property: Description("Its place in the stream, from 1.")]
    long Version,
    [property: Description("The name of its type.")]
    string Type,
    [property: Description("The merchant's id, or `platform`.")]
    string? Tenant,
    [property: Description("When, by the clock of the node.")]
    DateTime? Timestamp,
    [property: Description("When, by the clock of the database.")]
    DateTime? RecordedAt,
    [property: Description("The principal on whose behalf it was recorded.")]
    string? UserName,
    [property: Description("What it belongs to.")]
    string? CorrelationId,
    [property: Description("What it follows from.")]
    string? CausationId,
    [property: Description("Who did it: a kind and an id. From `data`.")]
    string? Principal,
    [property: Description("`success`, `failure`, or `pending` of what another event ends. From `type` and `data`.")]
    string? Outcome,
    [property: Description("What it was done to: a kind and an id. From `type` and `data`.")]
    string? Resource,
    [property: Description("What names the source address, which stands in no event. From `data` or `headers`.")]
    string? Origin,
    [property: Description("What was recorded with it, for example `request_id`.")]
    JsonElement? Headers,
    [property: Description("The event itself; its members are those of its type.")]
    JsonElement Data);

/// <summary>What the OpenAPI document says of the audit beyond what its types tell.</summary>
internal static class AuditDescription
{
    public const string Merchant = "019ab3e4-5c00-7c11-8a3e-5b8c6d1a4e01";
    public const string Report = "019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70";

    /// <summary>Describes an endpoint of the audit; what it answers when all is well, its types say.</summary>
    public static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder endpoint, string id, string summary, string description, bool isFound = false)
    {
        foreach (var status in (int[])[400, 401, 403, .. (int[])(isFound ? [404] : []), 405, 429, 500, 503])
        {
            endpoint.Produces(status);
        }

        return endpoint.WithTags("Audit").WithName(id).WithSummary(summary).WithDescription(description);
    }

    public static void DescribeEvents(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditEventPage>()
        .Describe(
            "readEvents",
            "Read events",
            "Every event in the order of the store, up to where the ledger has sealed: of the caller's merchant, or of "
            + "all merchants and the platform. Pages, or with `Accept: application/x-ndjson` a stream with an event on "
            + "each line, however many there are. A stream that was cut does not end well; go on with `after` and the "
            + "sequence of the last whole line. A parameter given twice is an error; parameters with other names are "
            + "ignored.")
        .AddOpenApiOperationTransformer(DescribeEvents);

    /// <summary>A parameter of an address's query.</summary>
    public static OpenApiParameter Query(
        string name, string description, JsonSchemaType type, JsonNode example, string? format = null) => new()
        {
            Name = name,
            In = ParameterLocation.Query,
            Description = description,
            Schema = new OpenApiSchema { Type = type, Format = format },
            Example = example,
        };

    public static OpenApiParameter MerchantParameter => Query(
        "merchant",
        "The merchant whose audit is meant. Not needed by who may see that of one merchant only.",
        JsonSchemaType.String,
        Merchant);

    private static Task DescribeEvents(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters =
        [
            Query(
                "merchant",
                "Of this merchant, by its id; `platform` for what belongs to none. Not needed by who may see the events "
                + "of one merchant only.",
                JsonSchemaType.String,
                Merchant),
            Query(
                "report",
                "That name this report: its own, and those of its downloads. Its UUID or, with `merchant`, its "
                + "`encrypted_id`.",
                JsonSchemaType.String,
                Report),
            Query(
                "principal", "Done by this principal: its id, or `principal` as events show it.", JsonSchemaType.String,
                "operator"),
            Query(
                "type",
                "Of this type; several with commas between them.",
                JsonSchemaType.String,
                "download.completed.v1,download.failed.v1"),
            Query("outcome", "With this outcome: `success`, `failure` or `pending`.", JsonSchemaType.String, "failure"),
            Query(
                "from", "Recorded at this instant or later, by the clock of the database.", JsonSchemaType.String,
                "2026-11-01T00:00:00Z", "date-time"),
            Query(
                "to", "Recorded before this instant, by the clock of the database.", JsonSchemaType.String,
                "2026-12-01T00:00:00Z", "date-time"),
            Query("after", "With a higher sequence than this.", JsonSchemaType.Integer, 0, "int64"),
            Query("through", "With no higher sequence than this.", JsonSchemaType.Integer, 1_000_000, "int64"),
            Query(
                "limit",
                $"How many events a page holds at most. A number above {ReadEvents.MaximumLimit} counts as that.",
                JsonSchemaType.Integer,
                ReadEvents.DefaultLimit,
                "int32"),
            Query("format", "`json` or `ndjson`, instead of what `Accept` says.", JsonSchemaType.String, "json"),
        ];
        var answer = (OpenApiResponse)operation.Responses!["200"];
        answer.Description = "A page of events, or a stream of them.";
        answer.Content![ReadEvents.Lines] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "An `AuditEvent` on each line.",
            },
        };
        answer.Headers = new Dictionary<string, IOpenApiHeader>
        {
            ["Link"] = Header(
                "`next` of the body, as `rel=\"next\"` (RFC 8288); missing on the last page.",
                $"<https://reports.example.com{ReadEvents.Path}?after=100&through=1000&limit=100>; rel=\"next\""),
            ["Sealed-Through"] = Header("Of a stream: the sequence up to which the ledger has sealed.", "1000"),
        };
        return Task.CompletedTask;
    }

    public static OpenApiHeader Header(string description, JsonNode example) => new()
    {
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = example,
    };
}
