using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>
/// The parameters and the body of requests as the OpenAPI document has them. The endpoints read them by themselves, so
/// that a wrong one is answered by a problem that names it.
/// </summary>
internal static class RequestParameters
{
    public static IEnumerable<IOpenApiParameter> List =>
    [
        Query(
            "status", $"In one of these states, with commas between them: {string.Join(", ", ListRequests.Statuses)}.",
            Text(), "requested,generating"),
        Query("source", "This cause. The word may be in any case.", OneOf<ReportSource>(), "manual"),
        Query("interval", "This kind of period. The word may be in any case.", OneOf<ReportInterval>(), "custom"),
        Query("schedule", "Asked for by this schedule.", Text("uuid"), RequestExample.Schedule),
        Query(
            "created_after",
            "Requested at this instant or later. A date stands for its first instant in the merchant's time zone.",
            Moment, "2026-11-01"),
        Query(
            "created_before",
            "Requested at this instant or earlier. A date stands for its last instant in the merchant's time zone.",
            Moment, "2026-11-23T00:00:00Z"),
        Query(
            "limit",
            $"How many requests a page holds at most. A number above {ListRequests.MaximumLimit} counts as that.",
            new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Format = "int32",
                Minimum = "1",
                Maximum = $"{ListRequests.MaximumLimit}",
                Default = ListRequests.DefaultLimit,
            },
            ListRequests.DefaultLimit),
        Query(
            "cursor", "Comes in `next` and `previous`; only with the filters that the walk began with.", Text(), ""),
    ];

    public static IOpenApiParameter EncryptedId => new OpenApiParameter
    {
        Name = "encrypted_id",
        In = ParameterLocation.Path,
        Required = true,
        Description = "The report's `encrypted_id`.",
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Pattern = $"^[A-Za-z0-9_-]{{{EncryptedIds.Length}}}$",
        },
        Example = RequestExample.EncryptedId,
    };

    public static IOpenApiParameter IdempotencyKey => new OpenApiParameter
    {
        Name = PostRequest.IdempotencyField,
        In = ParameterLocation.Header,
        Description = "Makes it safe to send again, for 24 hours: 1 to 255 visible ASCII characters, bare or between " +
            "quotation marks, new for each request, such as a UUID. The same key with the same body is given the " +
            "same answer and requests nothing twice. With another body it is `422`; while the first is being " +
            "answered `409`. Refusals are not kept.",
        Schema = Text(),
        Example = RequestExample.IdempotencyKey,
    };

    public static IOpenApiRequestBody Body => new OpenApiRequestBody
    {
        Required = true,
        Description = "What is wanted: `first_day`, or `period_start` and `period_end`. Other fields are refused.",
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/json"] = new() { Schema = BodySchema, Example = RequestExample.Body },
        },
    };

    private static OpenApiSchema BodySchema => new()
    {
        Type = JsonSchemaType.Object,
        AdditionalPropertiesAllowed = false,
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["interval"] = OneOf<ReportInterval>("The kind of period; by default `custom`."),
            ["first_day"] = Text("date", "The first local day; of a month or a year, any day in it."),
            ["last_day"] = Text("date", "The last local day of a custom period; by default the first."),
            ["period_start"] = Edge("Where an exact period begins: an instant, or a whole local day."),
            ["period_end"] = Edge(
                "Where it ends: the first instant that no longer belongs to it, or its last local day."),
            ["format"] = OneOf<ReportFormat>("The format of the file; by default `csv`."),
            ["time_zone"] = Text(
                null, "The IANA name of the zone in which days are counted; by default the merchant's."),
            ["columns"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Array,
                Items = Text(),
                Description = "The columns of the file by name, in their order; by default the standard ones.",
            },
            ["locale"] = OneOf<ReportLocale>("The language of the column labels; by default the columns' own names."),
            ["byte_order_mark"] = Flag("Whether a CSV file starts with a byte order mark; by default not."),
            ["right_to_left"] = Flag("Whether the sheets of a workbook run from right to left; by default not."),
            ["file_name_prefix"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                MinLength = 1,
                MaxLength = FileNamePrefix.MostCharacters,
                Description = $"What the name of the file begins with; by default `{Periods.StandardPrefix}`. Letters, " +
                    "digits, spaces, `-`, `_` and `.`, not beginning with a point or a space.",
            },
        },
    };

    private static OpenApiSchema Edge(string description)
    {
        var edge = Moment;
        edge.Description = description;
        return edge;
    }

    private static OpenApiSchema Moment => new() { AnyOf = [Text("date"), Text("date-time")] };

    private static OpenApiSchema Text(string? format = null, string? description = null) => new()
    {
        Type = JsonSchemaType.String,
        Format = format,
        Description = description,
    };

    private static OpenApiSchema Flag(string description) => new()
    {
        Type = JsonSchemaType.Boolean,
        Description = description,
    };

    private static OpenApiSchema OneOf<TEnum>(string? description = null)
        where TEnum : struct, Enum => new()
        {
            Type = JsonSchemaType.String,
            Enum = [.. Words<TEnum>()],
            Description = description,
        };

    public static string[] Words<TEnum>()
        where TEnum : struct, Enum => [.. Enum.GetValues<TEnum>().Select(value => value.Word())];

    private static OpenApiParameter Query(string name, string description, OpenApiSchema schema, JsonNode example) => new()
    {
        Name = name,
        In = ParameterLocation.Query,
        Description = description,
        Schema = schema,
        Example = example,
    };
}
