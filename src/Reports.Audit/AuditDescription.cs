using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Reports.Audit;

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

    public static void DescribeReport(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditReportReplay>()
        .Describe(
            "replayReport",
            "Replay a report",
            "Every event of the report and of its downloads, in the order of the store, sealed or not, with a sentence "
            + "and the state after each; and each download with the decision about it made again. `as_of` shows it as "
            + "it was.",
            isFound: true)
        .AddOpenApiOperationTransformer((operation, _, _) => Parameters(
            operation,
            "The report's story.",
            new OpenApiParameter
            {
                Name = "id",
                In = ParameterLocation.Path,
                Required = true,
                Description = "The report's UUID, or its `encrypted_id`; an auditor of all names its merchant then.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                Example = Report,
            },
            MerchantParameter,
            Query(
                "as_of", "An instant by the clock of the database, or a sequence: nothing later is told.",
                JsonSchemaType.String, "2026-11-23T00:05:10Z"),
            Query("after", "Steps with a higher sequence than this.", JsonSchemaType.Integer, 0, "int64"),
            Query(
                "limit", $"How many steps a page holds at most: {ReplayReport.MaximumLimit}, or fewer.",
                JsonSchemaType.Integer, ReplayReport.MaximumLimit, "int32")));

    public static void DescribeDownload(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditDownloadReplay>()
        .Describe(
            "replayDownload",
            "Replay a download",
            "The attempt that an answer named by `Download-Id`, its end, and the decision about it made again from what "
            + "is recorded, with what it was made from.",
            isFound: true)
        .AddOpenApiOperationTransformer((operation, _, _) => Parameters(
            operation,
            "The download's story.",
            new OpenApiParameter
            {
                Name = "download_id",
                In = ParameterLocation.Path,
                Required = true,
                Description = "The `Download-Id` of the answer.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                Example = Report,
            }));

    public static void DescribeList(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<AuditedList>()
        .Describe(
            "replayList",
            "Replay a merchant's list",
            "What the merchant's list answered at an instant, made from the events again: its body without "
            + "`download_action` and `watermark`. `next` and `previous` are those that the list gave then; the header "
            + "`Link` leads to the same pages of the replay. The list's other parameters are taken too, but for `cursor` and "
            + "`since`.",
            isFound: true)
        .AddOpenApiOperationTransformer((operation, _, _) => Parameters(
            operation,
            "The list as it was.",
            MerchantParameter,
            Query(
                "as_of", "The instant, by the clock of the database; now when it is not given.", JsonSchemaType.String,
                "2026-11-23T00:05:10Z", "date-time"),
            Query("created_after", "As in the list.", JsonSchemaType.String, "2026-11-01"),
            Query("created_before", "As in the list.", JsonSchemaType.String, "2026-11-23"),
            Query("tz", "As in the list.", JsonSchemaType.String, "Asia/Kuwait"),
            Query("interval", "As in the list.", JsonSchemaType.String, "daily"),
            Query("source", "As in the list.", JsonSchemaType.String, "auto"),
            Query("limit", "As in the list.", JsonSchemaType.Integer, 50, "int32"),
            Query("offset", "As in the list.", JsonSchemaType.Integer, 0, "int32")));

    private static Task Parameters(OpenApiOperation operation, string answer, params OpenApiParameter[] parameters)
    {
        operation.Parameters = [.. parameters];
        ((OpenApiResponse)operation.Responses!["200"]).Description = answer;
        return Task.CompletedTask;
    }

    private static Task DescribeEvents(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters =
        [
            Query(
                "merchant",
                "Of this merchant, by its id; `platform` for what belongs to none. Not needed by who may see the "
                + "events of one merchant only.",
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
                "unsealed",
                "`true`: those too that the ledger has not sealed yet. Whoever goes on by their sequence may miss what is "
                + "committed meanwhile.",
                JsonSchemaType.Boolean,
                false),
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
