using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace Reports.Lifecycle;

/// <summary>What generators send over HTTP.</summary>
internal static class GenerationEndpoints
{
    private const string Path = "/b/api/v1/generation/{grant}/file";
    private const string Bytes = "application/octet-stream";
    private static readonly string[] Methods = ["PUT"];
    private static readonly int[] Errors = [400, 403, 405, 409, 413, 415, 500, 503];

    /// <summary>The path to which a grant's file is sent.</summary>
    public static string File(string grant) => Path.Replace("{grant}", grant, StringComparison.Ordinal);

    public static void Map(IEndpointRouteBuilder app)
    {
        var endpoint = app.MapMethods(Path, Methods, UploadFile.Endpoint)
            .AllowAnonymous()
            .WithMetadata(new OwnSizeLimit())
            .WithTags("Generators")
            .WithName("uploadFile")
            .WithSummary("Upload a report's file")
            .WithDescription(
                "For generators that cannot write to the storage: the body is the file. The address comes with the " +
                "order, as `upload_url`; the grant in it is the only right that is needed. The same bytes sent again " +
                "are the same file. The answer holds what `reports.generation-completed.v1` must say of the file. The " +
                "type of the body is not looked at, unless it is a form's.")
            .Produces<UploadedFile>()
            .Produces<UploadedFile>(StatusCodes.Status201Created)
            .AddOpenApiOperationTransformer(DescribeAsync);
        foreach (var status in Errors)
        {
            endpoint.Produces(status);
        }
    }

    private static Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var digest = $"sha-256=:{Convert.ToBase64String(Convert.FromHexString(UploadedFile.Example.Sha256))}:";
        operation.Parameters =
        [
            Parameter(
                "grant",
                ParameterLocation.Path,
                "The grant of the order. It is a secret.",
                "AZqd1c0v4o6b3f8yq2m5t7x9k1n3p5r7s9u1w3y5a7c9e1g3i5k7m9o1q3s5u7w9"),
            Parameter(
                "Content-Digest", ParameterLocation.Header, "The SHA-256 digest of the body (RFC 9530).", digest),
            Parameter("Repr-Digest", ParameterLocation.Header, "The same of the file.", digest),
        ];
        operation.RequestBody = new OpenApiRequestBody
        {
            Description = "The file, as it is to be downloaded.",
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Bytes] = new()
                {
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                    Example = "transaction_id,net_amount\r\np1,10.395\r\n",
                },
            },
        };
        foreach (var (status, description) in new[] { ("200", "It was there already."), ("201", "It is stored.") })
        {
            var answer = (OpenApiResponse)operation.Responses![status];
            answer.Description = description;
            answer.Content!["application/json"].Example = new JsonObject
            {
                ["file_name"] = UploadedFile.Example.FileName,
                ["file_size"] = UploadedFile.Example.FileSize,
                ["sha256"] = UploadedFile.Example.Sha256,
            };
        }

        return Task.CompletedTask;
    }

    private static OpenApiParameter Parameter(
        string name, ParameterLocation place, string description, string example) => new()
        {
            Name = name,
            In = place,
            Required = place == ParameterLocation.Path,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            Example = example,
        };

    // The server's own limit is for requests that carry next to nothing. What is sent here counts as it comes.
    private sealed class OwnSizeLimit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
