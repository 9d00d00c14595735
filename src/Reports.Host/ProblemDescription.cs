using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>
/// The one body of errors in the OpenAPI document. A status that an endpoint names without a body gets it, with an
/// example of each problem that has this status.
/// </summary>
internal static class ProblemDescription
{
    private static readonly ILookup<int, Problem> Problems =
        ProblemExamples.All.ToLookup(problem => problem.Status);

    public static Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        document.AddComponent<IOpenApiSchema>(nameof(Problem), Schema());
        operation.Responses!.TryAdd("413", new OpenApiResponse());
        foreach (var (status, response) in operation.Responses!.ToArray())
        {
            var problems = Problems[int.Parse(status, CultureInfo.InvariantCulture)].ToArray();
            if (problems is not [] && response.Content is null or { Count: 0 })
            {
                document.AddComponent<IOpenApiResponse>($"Problem{status}", Response(document, problems));
                operation.Responses![status] = new OpenApiResponseReference($"Problem{status}", document);
            }
        }

        return Task.CompletedTask;
    }

    private static OpenApiResponse Response(OpenApiDocument document, Problem[] problems) => new()
    {
        Description = string.Join("; ", problems.Select(p => $"`{p.Code}`: {p.Message}")),
        Headers = Headers(problems[0]),
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/problem+json"] = new()
            {
                Schema = new OpenApiSchemaReference(nameof(Problem), document),
                Examples = problems.ToDictionary(p => p.Code, IOpenApiExample (p) => new OpenApiExample
                {
                    Summary = p.Message,
                    Value = Example(p),
                }),
            },
        },
    };

    private static JsonNode Example(Problem problem) => JsonNode.Parse(ProblemExamples.Body(problem).Span)!;

    private static Dictionary<string, IOpenApiHeader> Headers(Problem problem) => problem switch
    {
        { Status: 401 } => new()
        {
            ["WWW-Authenticate"] = Header(
                "Two lines, one for each scheme that `Authorization` can have: `Basic` and `Api-Key`.",
                JsonSchemaType.String,
                """Basic realm="reports", charset="UTF-8" """.TrimEnd()),
        },
        { Status: 405 } => new()
        {
            ["Allow"] = Header("The methods that this address takes.", JsonSchemaType.String, "GET, HEAD"),
        },
        { Status: 409 } => new()
        {
            ["Location"] = Header(
                "The address of the report that is on its way already, when that is the conflict.",
                JsonSchemaType.String,
                "https://reports.example.com/b/api/v1/reports/requests/AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc/"),
            ["Retry-After"] = Header(
                "After how many seconds to try again, when that may help.", JsonSchemaType.Integer, 1),
        },
        { Status: 416 } => new()
        {
            ["Content-Range"] = Header("The length of the file.", JsonSchemaType.String, "bytes */183220"),
        },
        { RetryAfter: { } seconds } => new()
        {
            ["Retry-After"] = Header("After how many seconds to try again.", JsonSchemaType.Integer, seconds),
        },
        _ => [],
    };

    private static OpenApiHeader Header(string description, JsonSchemaType type, JsonNode example) => new()
    {
        Description = description,
        Schema = new OpenApiSchema { Type = type },
        Example = example,
    };

    private static OpenApiSchema Schema() => Closed(
        new()
        {
            ["type"] = Text(
                "The URL of a page that explains the code; without the host when the request named none.",
                "uri-reference"),
            ["title"] = Text("The same as `message`."),
            ["status"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "400",
                Maximum = "599",
                Description = "The HTTP status.",
            },
            ["detail"] = Text("What is wrong in this case."),
            ["code"] = Text(
                "The fixed word for what is wrong. There may be more of them one day.", pattern: "^[a-z_]+$"),
            ["message"] = Text("The code for a person."),
            ["errors"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "What is wrong with each parameter, by its name; missing when no parameter is at fault.",
                AdditionalProperties = Messages(null),
            },
            ["error"] = Closed(
                new()
                {
                    ["type"] = Text("The family of the code."),
                    ["code"] = Text("The same as the outer `code`."),
                    ["message"] = Text("The same as the outer `message`."),
                    ["field"] = new OpenApiSchema
                    {
                        Type = JsonSchemaType.String | JsonSchemaType.Null,
                        Description = "The first parameter at fault; null when none is.",
                    },
                },
                "The same for clients that look for it here."),
            ["request_id"] = Text("The same as the header `X-Request-Id`.", pattern: "^[0-9a-f]{32}$"),
        },
        "An error, in the form of RFC 9457 with the members of earlier forms beside it.",
        optional: "errors",
        others: Messages("What is wrong with the parameter of this name, as in `errors`."));

    private static OpenApiSchema Closed(
        Dictionary<string, IOpenApiSchema> properties,
        string description,
        string? optional = null,
        OpenApiSchema? others = null) => new()
        {
            Type = JsonSchemaType.Object,
            Description = description,
            Properties = properties,
            Required = properties.Keys.Where(name => name != optional).ToHashSet(),
            AdditionalProperties = others,
            AdditionalPropertiesAllowed = others is not null,
        };

    private static OpenApiSchema Text(string description, string? format = null, string? pattern = null) => new()
    {
        Type = JsonSchemaType.String,
        Description = description,
        Format = format,
        Pattern = pattern,
    };

    private static OpenApiSchema Messages(string? description) => new()
    {
        Type = JsonSchemaType.Array,
        Description = description,
        Items = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
