using System.Text.Json;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>The one error body: every answer that is no success has it.</summary>
internal static class Problems
{
    public static async Task<JsonElement> ReadAsync(
        HttpResponseMessage response, string code, string message, string errorType)
    {
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        var problem = await TestMerchant.JsonAsync(response);
        problem.GetProperty("type").GetString().ShouldEndWith($"/problems/{code}");
        problem.GetProperty("title").GetString().ShouldBe(message);
        problem.GetProperty("status").GetInt32().ShouldBe((int)response.StatusCode);
        problem.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("code").GetString().ShouldBe(code);
        problem.GetProperty("message").GetString().ShouldBe(message);
        var error = problem.GetProperty("error");
        error.GetProperty("type").GetString().ShouldBe(errorType);
        error.GetProperty("code").GetString().ShouldBe(code);
        error.GetProperty("message").GetString().ShouldBe(message);
        error.TryGetProperty("field", out _).ShouldBeTrue();
        problem.GetProperty("request_id").GetString().ShouldBe(response.Headers.GetValues("X-Request-Id").Single());
        return problem;
    }

    public static Task<JsonElement> UnauthorizedAsync(HttpResponseMessage response) =>
        ReadAsync(response, "unauthorized", "Invalid/missing auth", "authentication_error");

    public static Task<JsonElement> NotFoundAsync(HttpResponseMessage response) =>
        ReadAsync(response, "not_found", "Report not found", "not_found_error");

    public static Task<JsonElement> ForbiddenAsync(HttpResponseMessage response) =>
        ReadAsync(response, "forbidden", "Insufficient permissions", "permission_error");

    public static Task<JsonElement> UnavailableAsync(HttpResponseMessage response) =>
        ReadAsync(response, "unavailable", "Temporarily unavailable", "server_error");
}
