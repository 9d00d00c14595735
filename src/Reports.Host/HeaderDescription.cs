using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Reports.Host;

/// <summary>
/// Gives every answer in the OpenAPI document the common headers, and takes the body from those to HEAD.
/// </summary>
internal static class HeaderDescription
{
    private static readonly (string Name, string Description, string Example)[] Common =
    [
        ("X-Request-Id", "The request's id: name it when you ask about an answer.", "019ab3e45c007d219f3e2b8c6d1a4e70"),
        ("Cache-Control", "No answer may be stored.", "private, no-store"),
        ("Vary", "The headers that an answer depends on.", "Authorization, Api-Key"),
        ("X-Content-Type-Options", "The body is of the type it says.", "nosniff"),
        ("Referrer-Policy", "Addresses hold tokens: none is told to another site.", "no-referrer"),
    ];

    public static Task DescribeAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        foreach (var (name, description, example) in Common)
        {
            document.AddComponent<IOpenApiHeader>(name, new OpenApiHeader
            {
                Description = description,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                Example = example,
            });
        }

        var operations = document.Paths.Values.SelectMany(path => path.Operations!).ToArray();
        var inline = operations.SelectMany(o => o.Value.Responses!.Values).OfType<OpenApiResponse>();
        foreach (var response in document.Components!.Responses!.Values.Concat(inline).Cast<OpenApiResponse>())
        {
            response.Headers ??= new Dictionary<string, IOpenApiHeader>();
            foreach (var (name, _, _) in Common)
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
