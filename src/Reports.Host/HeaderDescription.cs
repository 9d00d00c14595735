using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Reports.Host;

/// <summary>
/// Gives every answer in the OpenAPI document the common headers, and takes the body from those to HEAD.
/// </summary>
internal static class HeaderDescription
{
    private static readonly Dictionary<string, OpenApiHeader> Common = new()
    {
        ["X-Request-Id"] = Text(
            "The request's id: name it when you ask about an answer.", "019ab3e45c007d219f3e2b8c6d1a4e70"),
        ["Cache-Control"] = Text("No answer may be stored.", "private, no-store"),
        ["Vary"] = Text("The headers that an answer depends on.", "Authorization, Api-Key"),
        ["X-Content-Type-Options"] = Text("The body is of the type it says.", "nosniff"),
        ["Referrer-Policy"] = Text("Addresses hold tokens: none is told to another site.", "no-referrer"),
        ["Content-Security-Policy"] = Text("Nothing in an answer is to be run or shown.", RequestHeaders.NoPage),
        ["Cross-Origin-Resource-Policy"] = Text("No other site may load it.", "same-origin"),
        ["Strict-Transport-Security"] = Text("Use TLS only.", "max-age=31536000; includeSubDomains"),
        ["RateLimit-Policy"] = Text(
            "The quotas that the request falls under: how many (`q`) in how many seconds (`w`). Syntax of the IETF " +
            "draft on RateLimit header fields. `requests`: of the caller's principal in a UTC day. `downloads`: of the " +
            "caller's principal in any hour. `audit-reads`: of the caller's principal in an hour. `failed-authentication`: of the address, on answers to nobody known.",
            "\"requests\";q=90000;w=86400, \"downloads\";q=25;w=3600"),
        ["RateLimit"] = Text(
            "What is left of each (`r`), and after how many seconds there is more (`t`).",
            "\"requests\";r=89412;t=43200, \"downloads\";r=24;t=3600"),
        ["X-RateLimit-Limit"] = Number("How many the quota with the least left allows.", 25),
        ["X-RateLimit-Remaining"] = Number("How many are left of it.", 24),
        ["X-RateLimit-Reset"] = Number("When there is more of it, in seconds of Unix time.", 1_795_392_310),
    };

    public static Task DescribeAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        foreach (var (name, header) in Common)
        {
            document.AddComponent<IOpenApiHeader>(name, header);
        }

        var operations = document.Paths.Values.SelectMany(path => path.Operations!).ToArray();
        var inline = operations.SelectMany(o => o.Value.Responses!.Values).OfType<OpenApiResponse>();
        foreach (var response in document.Components!.Responses!.Values.Concat(inline).Cast<OpenApiResponse>())
        {
            response.Headers ??= new Dictionary<string, IOpenApiHeader>();
            foreach (var name in Common.Keys)
            {
                response.Headers[name] = new OpenApiHeaderReference(name, document);
            }
        }

        foreach (var (_, head) in operations.Where(o => o.Key == HttpMethod.Head))
        {
            head.OperationId += "_head";
            head.Description = "What GET answers, without the body.";
            foreach (var (status, response) in head.Responses!.ToArray())
            {
                head.Responses![status] = WithoutBody(document, response);
            }
        }

        return Task.CompletedTask;
    }

    private static OpenApiHeader Text(string description, string example) =>
        Header(description, new OpenApiSchema { Type = JsonSchemaType.String }, example);

    private static OpenApiHeader Number(string description, long example) => Header(
        description, new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" }, example);

    private static OpenApiHeader Header(string description, OpenApiSchema schema, JsonNode example) => new()
    {
        Description = description,
        Required = true,
        Schema = schema,
        Example = example,
    };

    private static IOpenApiResponse WithoutBody(OpenApiDocument document, IOpenApiResponse response)
    {
        var bare = new OpenApiResponse { Description = response.Description, Headers = response.Headers };
        if (response is not OpenApiResponseReference { Reference.Id: { } id })
        {
            return bare;
        }

        document.AddComponent<IOpenApiResponse>($"{id}Head", bare);
        return new OpenApiResponseReference($"{id}Head", document);
    }
}
