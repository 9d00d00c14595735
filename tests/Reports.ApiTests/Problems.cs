using System.Text.Json;
using Reports.BuildingBlocks;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>The one error body: every answer that is no success has it.</summary>
internal static class Problems
{
    public static async Task<JsonElement> ReadAsync(
        HttpResponseMessage response, string code, string message, string errorType)
    {
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        return await CheckAsync(
            await response.Content.ReadAsStringAsync(),
            (int)response.StatusCode,
            response.Headers.GetValues("X-Request-Id").Single(),
            code,
            message,
            errorType);
    }

    /// <summary>Checks that a body is the one of a problem, whatever answered it.</summary>
    public static async Task<JsonElement> CheckAsync(
        string body, int status, string requestId, string code, string message, string errorType)
    {
        await JsonSchemas.ShouldBeProblemAsync(body);
        using var document = JsonDocument.Parse(body);
        var problem = document.RootElement.Clone();
        problem.GetProperty("type").GetString().ShouldEndWith($"/problems/{code}");
        problem.GetProperty("title").GetString().ShouldBe(message);
        problem.GetProperty("status").GetInt32().ShouldBe(status);
        problem.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("code").GetString().ShouldBe(code);
        problem.GetProperty("message").GetString().ShouldBe(message);
        var error = problem.GetProperty("error");
        error.GetProperty("type").GetString().ShouldBe(errorType);
        error.GetProperty("code").GetString().ShouldBe(code);
        error.GetProperty("message").GetString().ShouldBe(message);
        problem.GetProperty("request_id").GetString().ShouldBe(requestId);
        if (problem.TryGetProperty("errors", out var errors))
        {
            error.GetProperty("field").GetString().ShouldBe(errors.EnumerateObject().First().Name);
        }
        else
        {
            error.GetProperty("field").ValueKind.ShouldBe(JsonValueKind.Null);
        }

        return problem;
    }

    public static Task<JsonElement> ReadAsync(HttpResponseMessage response, Problem problem) =>
        ReadAsync(response, problem.Code, problem.Message, problem.ErrorType);

    public static Task<JsonElement> UnauthorizedAsync(HttpResponseMessage response) =>
        ReadAsync(response, "unauthorized", "Invalid/missing auth", "authentication_error");

    public static Task<JsonElement> NotFoundAsync(HttpResponseMessage response) =>
        ReadAsync(response, "not_found", "Report not found", "not_found_error");

    public static Task<JsonElement> ForbiddenAsync(HttpResponseMessage response) =>
        ReadAsync(response, "forbidden", "Insufficient permissions", "permission_error");

    public static Task<JsonElement> UnavailableAsync(HttpResponseMessage response) =>
        ReadAsync(response, "unavailable", "Temporarily unavailable", "server_error");
}
