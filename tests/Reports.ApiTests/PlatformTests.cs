using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Reports.Host;
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

    [Fact]
    public async Task a_fault_of_ours_is_a_500_that_tells_nothing_of_it()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync();
        await using var command = app.Database.CreateCommand(
            "update reports.finished_reports set time_zone = 'Mars/Olympus' where merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        await command.ExecuteNonQueryAsync();
        using var client = merchant.Client();

        using var response = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        response.Headers.CacheControl!.ToString().ShouldBe("no-store, private");
        var problem = await Problems.ReadAsync(response, "internal_error", "Internal error", "server_error");
        problem.GetRawText().ShouldNotContain("Mars");
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task a_healthy_service_says_so(string path)
    {
        using var client = app.Host.Server.CreateClient();
        var health = await TestMerchant.GetJsonAsync(client, path);

        // Other tests leave dead letters, which is what the check of messages tells of.
        health.GetProperty("checks").EnumerateObject()
            .Where(check => check.Name != "messages" && check.Value.GetString() != "healthy").ShouldBeEmpty();
        health.GetProperty("status").GetString().ShouldBeOneOf("healthy", "degraded");
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
            .SelectMany(path => path.Value.EnumerateObject().Select(o => $"{o.Name.ToUpperInvariant()} {path.Name}"))
            .Order().ToArray();

        described.ShouldBe(Mapped(e => e.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null));
    }

    // Pages for people, the description itself, and the methods that a download refuses by itself.
    [Fact]
    public void no_other_endpoint_hides_from_the_description() =>
        Mapped(e => e.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is not null).ShouldBe(
            ((string[])
            [
                "GET /openapi/v1.json", "HEAD /openapi/v1.json", "GET /problems/", "HEAD /problems/",
                "GET /problems/{code}/", "HEAD /problems/{code}/",
                "any method /api/v1/reports/files/{token}/download/",
                "any method /b/api/v1/reports/files/{token}/download/",
                .. Mapped(e => e.RoutePattern.RawText!.StartsWith("/reference", StringComparison.Ordinal)),
            ]).Order());

    private string[] Mapped(Func<RouteEndpoint, bool> which) =>
    [
        .. app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(which)
            .SelectMany(e => (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["any method"])
                .Select(method => $"{method} {e.RoutePattern.RawText}"))
            .Order(),
    ];

    [Fact]
    public async Task every_part_of_the_host_can_be_built_and_none_outlives_its_scope()
    {
        // In this environment the framework checks every registration.
        await using var development = ReportsHost.Build(app.Builder("--environment=Development"));

        development.Services.ShouldNotBeNull();
    }

    [Fact]
    public async Task the_committed_handler_code_is_what_the_handlers_need()
    {
        using var preview = Process.Start(new ProcessStartInfo(
            "dotnet", [Checkout.Host, "codegen", "preview"])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["REPORTS__DATABASE"] = "Host=unused",
                ["REPORTS__STORAGE__ROOT"] = "unused",
                ["REPORTS__KEYS__CURRENT"] = "1",
                ["REPORTS__KEYS__MASTER__1"] = Convert.ToBase64String(new byte[32]),
            },
        })!;
        var generated = await preview.StandardOutput.ReadToEndAsync();
        await preview.WaitForExitAsync();

        preview.ExitCode.ShouldBe(0);
        var folder = Path.Combine(Checkout.Root, "src/Reports.Host/Internal/Generated/WolverineHandlers");
        foreach (var file in Directory.GetFiles(folder, "*.cs"))
        {
            var body = Significant(await File.ReadAllTextAsync(file));
            Significant(generated).ShouldContain(body, Case.Sensitive, $"build/codegen writes {Path.GetFileName(file)} anew");
        }
    }

    private static string Significant(string code)
    {
        var start = code.IndexOf("// START", StringComparison.Ordinal);
        var lines = (start < 0 ? code : code[start..]).Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l != "}");
        return string.Join('\n', lines);
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
