using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class PlatformTests(ReportsApp app)
{
    [Fact]
    public async Task an_unknown_path_is_a_problem_like_any_other()
    {
        using var client = app.Host.Server.CreateClient();
        using var response = await client.GetAsync(new Uri("/no/such/path", UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await Problems.NotFoundAsync(response);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    public async Task other_methods_are_not_allowed(string method)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();
        foreach (var path in new[] { TestMerchant.List, $"{TestMerchant.List}{Guid.CreateVersion7()}/download/" })
        {
            using var response = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

            response.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
            response.Content.Headers.Allow.ShouldBe(["GET", "HEAD"]);
            await Problems.ReadAsync(response, "method_not_allowed", "Method not allowed", "request_error");
        }
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task a_healthy_service_says_so(string path)
    {
        using var client = app.Host.Server.CreateClient();
        var health = await TestMerchant.GetJsonAsync(client, path);

        health.GetProperty("status").GetString().ShouldBe("healthy");
    }

    [Fact]
    public async Task the_committed_description_is_the_served_one()
    {
        using var client = app.Host.Server.CreateClient();
        var served = await client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));

        var committed = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "docs/openapi/v1.json"));
        committed.Trim().ShouldBe(served.Trim(), "build/openapi writes the file anew");
    }

    [Fact]
    public async Task every_mapped_endpoint_is_described_and_the_other_way_round()
    {
        using var client = app.Host.Server.CreateClient();
        var document = await TestMerchant.GetJsonAsync(client, "/openapi/v1.json");
        var described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(o => $"{o.Name.ToUpperInvariant()} {path.Name.TrimEnd('/')}"))
            .Order().ToArray();

        var mapped = app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => !e.RoutePattern.RawText!.StartsWith("/openapi", StringComparison.Ordinal)
                && !e.RoutePattern.RawText.StartsWith("/reference", StringComparison.Ordinal))
            .SelectMany(e => (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
                .Select(method => $"{method} {e.RoutePattern.RawText!.TrimEnd('/')}"))
            .Order().ToArray();
        described.ShouldBe(mapped);
    }

    [Fact]
    public async Task the_reference_page_needs_nothing_from_outside()
    {
        using var client = app.Host.Server.CreateClient();
        using var moved = await client.GetAsync(new Uri("/reference", UriKind.Relative));
        var page = await client.GetStringAsync(moved.Headers.Location is { } to ? to : new Uri("/reference", UriKind.Relative));

        page.ShouldContain("openapi/v1.json");
        page.ShouldNotContain("https://cdn", Case.Insensitive);
        page.ShouldNotContain("fonts.googleapis", Case.Insensitive);
    }
}

/// <summary>The checkout that the tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo directory) =>
        File.Exists(Path.Combine(directory.FullName, "Reports.sln")) ? directory.FullName : Find(directory.Parent!);
}
