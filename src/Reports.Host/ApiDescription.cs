using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Reports.Host;

/// <summary>The OpenAPI document: what is served at <c>/openapi/v1.json</c> and committed as <c>docs/openapi/v1.json</c>.</summary>
internal static class ApiDescription
{
    private const string Name = "v1";

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(Name);

    public static async Task<string> TextAsync(IServiceProvider services, CancellationToken cancellation)
    {
        await using var scope = services.CreateAsyncScope();
        var provider = scope.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name);
        var document = await provider.GetOpenApiDocumentAsync(cancellation);
        return await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancellation);
    }
}
