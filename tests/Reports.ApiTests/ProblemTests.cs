using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>One body for every error, and one schema of it.</summary>
public sealed class ProblemTests(ReportsApp app)
{
    public static TheoryData<string> Codes => [.. Problem.All.Select(problem => problem.Code)];

    [Fact]
    public async Task the_published_schema_is_the_one_of_the_description()
    {
        using var client = app.Host.Server.CreateClient();
        var document = JsonNode.Parse(await client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!;

        var described = document["components"]!["schemas"]!["Problem"]!.AsObject();
        described.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        JsonNode.DeepEquals(JsonSchemas.Problem, described).ShouldBeTrue(
            $"docs/problem.schema.json is to be:\n{described.ToJsonString(new JsonSerializerOptions { WriteIndented = true })}");
    }

    [Theory]
    [InlineData("""{"code":"x"}""")]
    [InlineData("""{"type":"/p","title":"t","status":200,"detail":"d","code":"c","message":"t","error":{"type":"e","code":"c","message":"t","field":null},"request_id":"019ab3e45c007d219f3e2b8c6d1a4e70"}""")]
    [InlineData("""{"type":"/p","title":"t","status":400,"detail":"d","code":"c","message":"t","error":{"type":"e","code":"c","message":"t"},"request_id":"019ab3e45c007d219f3e2b8c6d1a4e70"}""")]
    [InlineData("""{"type":"/p","title":"t","status":400,"detail":"d","code":"c","message":"t","error":{"type":"e","code":"c","message":"t","field":null},"request_id":"019ab3e45c007d219f3e2b8c6d1a4e70","trace":"at Main()"}""")]
    public async Task the_schema_refuses_what_is_no_problem(string body) =>
        (await JsonSchemas.IsProblemAsync(body)).ShouldBeFalse();

    [Fact]
    public void every_code_has_the_status_and_the_words_of_the_contract() =>
        Problem.All.Select(p => $"{p.Status} {p.Code} | {p.Message} | {p.ErrorType}").Order().ShouldBe([
            "400 invalid_parameters | Bad filters | validation_error",
            "401 unauthorized | Invalid/missing auth | authentication_error",
            "403 forbidden | Insufficient permissions | permission_error",
            "404 not_found | Report not found | not_found_error",
            "405 method_not_allowed | Method not allowed | request_error",
            "409 conflict | Conflict | conflict_error",
            "410 report_expired | Report expired | gone_error",
            "410 token_expired | Download token expired | gone_error",
            "412 precondition_failed | Precondition failed | conflict_error",
            "413 payload_too_large | Payload too large | request_error",
            "415 unsupported_media_type | Unsupported media type | request_error",
            "416 range_not_satisfiable | Range not satisfiable | request_error",
            "422 unprocessable | Unprocessable | request_error",
            "428 precondition_required | Precondition required | conflict_error",
            "429 rate_limited | Too many requests | rate_limit_error",
            "500 internal_error | Internal error | server_error",
            "503 unavailable | Temporarily unavailable | server_error",
        ]);

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task every_problem_is_written_with_the_one_body(string code)
    {
        var problem = Problem.All.Single(p => p.Code == code) with { RetryAfter = 30 };

        var (body, response) = await WriteAsync(http => problem.WriteAsync(http));

        await Problems.CheckAsync(
            body, problem.Status, response.HttpContext.TraceIdentifier, code, problem.Message, problem.ErrorType);
        response.ContentType.ShouldBe("application/problem+json");
        response.ContentLength.ShouldBe(body.Length);
        response.Headers.RetryAfter.ToString().ShouldBe("30");
    }

    [Fact]
    public async Task fields_named_like_members_of_the_body_stand_in_errors_only()
    {
        var problem = Problem.InvalidParameters with
        {
            Errors = new Dictionary<string, string[]> { ["status"] = ["is unknown"], ["limit"] = ["is too small", "is odd"] },
        };

        var (body, _) = await WriteAsync(http => problem.WriteAsync(http));

        await JsonSchemas.ShouldBeProblemAsync(body);
        var read = JsonNode.Parse(body)!;
        read["status"]!.GetValue<int>().ShouldBe(400);
        read["errors"]!["status"]![0]!.GetValue<string>().ShouldBe("is unknown");
        read["limit"]!.AsArray().Count.ShouldBe(2);
    }

    public static TheoryData<Exception, string, int> Faults => new()
    {
        { new BadHttpRequestException("no JSON", 400), "invalid_parameters", 400 },
        { new BadHttpRequestException("slow", 408), "invalid_parameters", 408 },
        { new BadHttpRequestException("large", 413), "payload_too_large", 413 },
        { new BadHttpRequestException("no JSON", 415), "unsupported_media_type", 415 },
        { new ProblemException(Problem.RateLimited with { RetryAfter = 3 }), "rate_limited", 429 },
        { new InvalidOperationException("secret"), "internal_error", 500 },
        { new PostgresException("secret", "ERROR", "ERROR", "42P01"), "internal_error", 500 },
        { new AggregateException(new NpgsqlException("secret")), "unavailable", 503 },
        { new TimeoutException("secret"), "unavailable", 503 },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task every_exception_ends_in_a_problem_that_hides_it(Exception fault, string code, int status)
    {
        var handling = new ProblemHandling(NullLogger<ProblemHandling>.Instance);

        var (body, response) = await WriteAsync(async http =>
            (await handling.TryHandleAsync(http, fault, default)).ShouldBeTrue());

        await JsonSchemas.ShouldBeProblemAsync(body);
        response.StatusCode.ShouldBe(status);
        JsonNode.Parse(body)!["code"]!.GetValue<string>().ShouldBe(code);
        body.ShouldNotContain("secret");
    }

    [Fact]
    public async Task the_type_of_errors_is_the_address_of_a_page()
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.RealClient();
        using var stranger = new HttpClient { BaseAddress = app.Address };
        var unknown = $"{TestMerchant.List}{Guid.CreateVersion7()}/download/";
        HttpResponseMessage[] errors =
        [
            await client.GetAsync(new Uri(TestMerchant.List + "?limit=none", UriKind.Relative)),
            await stranger.GetAsync(new Uri(TestMerchant.List, UriKind.Relative)),
            await client.GetAsync(new Uri(unknown, UriKind.Relative)),
            await client.DeleteAsync(new Uri(TestMerchant.List, UriKind.Relative)),
            await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, unknown)
            {
                Content = new ByteArrayContent(new byte[64 * 1024 + 1]),
            }),
        ];
        var codes = new List<string>();
        foreach (var error in errors)
        {
            var problem = await TestMerchant.JsonAsync(error);
            codes.Add(problem.GetProperty("code").GetString()!);
            using var page = await stranger.GetAsync(new Uri(problem.GetProperty("type").GetString()!));

            page.StatusCode.ShouldBe(HttpStatusCode.OK);
            (await page.Content.ReadAsStringAsync()).ShouldContain($"<code>{codes[^1]}</code>");
            error.Dispose();
        }

        codes.ShouldBe(
            ["invalid_parameters", "unauthorized", "not_found", "method_not_allowed", "payload_too_large"]);
    }

    private static async Task<(string Body, HttpResponse Response)> WriteAsync(Func<HttpContext, Task> write)
    {
        var http = new DefaultHttpContext
        {
            RequestServices = new ServiceCollection().AddSingleton(new PublicUrl(null)).BuildServiceProvider(),
            TraceIdentifier = Guid.CreateVersion7().ToString("N"),
        };
        (http.Request.Scheme, http.Request.Host, http.Request.Method) = ("https", new HostString("x"), "GET");
        var body = new MemoryStream();
        http.Response.Body = body;
        await write(http);
        return (System.Text.Encoding.UTF8.GetString(body.ToArray()), http.Response);
    }
}
