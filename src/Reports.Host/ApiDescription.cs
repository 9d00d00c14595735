using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Reports.Host;

/// <summary>
/// The OpenAPI document: what is served at <c>/openapi/v1.json</c> and committed as <c>docs/openapi/v1.json</c>.
/// </summary>
internal static class ApiDescription
{
    private const string Name = "v1";
    private static readonly string[] Methods = ["GET", "HEAD"];

    public static void AddApiDescription(this IServiceCollection services)
    {
        // The schemas follow these options, and so does every body that is not written with options of its own.
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        services.AddOpenApi(Name, options =>
        {
            options.AddSchemaTransformer(CloseAsync);
            options.AddOperationTransformer(ProblemDescription.DescribeAsync);
            options.AddOperationTransformer(CredentialDescription.DescribeAsync);
            options.AddDocumentTransformer(DescribeAsync);
            options.AddDocumentTransformer(HeaderDescription.DescribeAsync);
        });
    }

    public static void MapApiDescription(this WebApplication app)
    {
        // It is the same as long as the process runs; a host that has not started yet may still lack endpoints.
        var text = new Lazy<Task<string>>(() => TextAsync(app.Services, CancellationToken.None));
        app.MapMethods($"/openapi/{Name}.json", Methods, async () => Results.Text(await text.Value, "application/json"))
            .ExcludeFromDescription().AllowAnonymous();
        app.MapScalarApiReference("/reference", Reference).ExcludeFromDescription().AllowAnonymous();
    }

    // It takes nothing from other hosts and tells them nothing. Its program writes its own styles into the page.
    private static void Reference(ScalarOptions page, HttpContext http)
    {
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        http.Response.Headers.ContentSecurityPolicy =
            $"{RequestHeaders.Page}; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src 'self' data:; " +
            "connect-src 'self'";
        page.WithNonce(nonce).WithTitle("Reports").DisableDefaultFonts().DisableTelemetry().DisableAgent().DisableMcp()
            .HideDeveloperTools().HideClientButton().AddPreferredSecuritySchemes(["ApiKey"]);
    }

    /// <summary>The document as it is served and committed.</summary>
    public static async Task<string> TextAsync(IServiceProvider services, CancellationToken cancellation)
    {
        await using var scope = services.CreateAsyncScope();
        var provider = scope.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name);
        var document = await provider.GetOpenApiDocumentAsync(cancellation);
        return await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancellation) + "\n";
    }

    private static Task DescribeAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Reports",
            Version = typeof(ApiDescription).Assembly.GetName().Version!.ToString(3),
            Description =
                "Transaction reports for merchants: request them, list them, download them. Every address is answered " +
                "with and without the slash at its end. An error of any kind has the body `Problem`, unless the " +
                "request could not be understood as HTTP (400 for malformed framing, 405, 408, 414, 431, 505): then " +
                "it has none.",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        document.Paths = AsMapped(document.Paths, context);
        document.Servers = [new OpenApiServer { Url = "/", Description = "The host that serves this document." }];
        document.Tags = new HashSet<OpenApiTag>
        {
            new() { Name = "Reports", Description = "The merchant's finished reports." },
            new() { Name = "Requests", Description = "Reports from their request on, in whatever state." },
            new() { Name = "Schedules", Description = "What asks for a merchant's reports, period by period." },
            new() { Name = "Audit", Description = "What happened, for auditors and for merchants themselves." },
            new() { Name = "Generators", Description = "For programs that make report files." },
            new() { Name = "Health", Description = "For whoever runs the service." },
            new() { Name = "Aliases", Description = "The same operations at their other addresses." },
        };
        return Task.CompletedTask;
    }

    // The generator takes the slash from the end of an address. Both are answered, but clients know the one with it.
    private static OpenApiPaths AsMapped(OpenApiPaths paths, OpenApiDocumentTransformerContext context)
    {
        var mapped = context.DescriptionGroups.SelectMany(group => group.Items).Select(item => $"/{item.RelativePath}")
            .ToHashSet(StringComparer.Ordinal);
        var result = new OpenApiPaths();
        foreach (var (path, item) in paths)
        {
            result[mapped.Contains($"{path}/") ? $"{path}/" : path] = item;
        }

        return result;
    }

    // Answers hold every member of their type, null or not, and no other.
    private static Task CloseAsync(
        OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellation)
    {
        if (schema.Properties is { Count: > 0 } properties)
        {
            schema.Required = new HashSet<string>(properties.Keys);
            schema.AdditionalPropertiesAllowed = false;
        }

        return Task.CompletedTask;
    }
}
