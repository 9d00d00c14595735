using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>
/// An example of every problem, for the OpenAPI document and for the pages that explain them: of the real type, so that
/// it cannot fall behind.
/// </summary>
internal static class ProblemExamples
{
    public static IReadOnlyList<Problem> All { get; } = [.. Problem.All.Select(Example)];

    /// <summary>The body of an example.</summary>
    public static ReadOnlyMemory<byte> Body(Problem problem) => problem.Body(
        $"https://reports.example.com/problems/{problem.Code}", "019ab3e45c007d219f3e2b8c6d1a4e70");

    private static Problem Example(Problem problem) => problem.Code switch
    {
        "invalid_parameters" => problem with
        {
            Detail = "created_before is earlier than created_after",
            Errors = new Dictionary<string, string[]>
            {
                ["created_before"] = ["must not be earlier than created_after"],
            },
        },
        "forbidden" => problem with { Detail = "No permission assigned" },
        "conflict" => problem with
        {
            Detail = "The same report is on its way already: AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc",
        },
        "unsupported_media_type" => problem with { Detail = "The body must be application/json, in UTF-8" },
        "unprocessable" => problem with
        {
            Detail = "This Idempotency-Key was used for another request within the last 24 hours",
        },
        "token_expired" => problem with { Detail = "List the report again for a new URL" },
        "rate_limited" => problem with
        {
            Detail = "The quota of 25 report downloads an hour is used up; the next one is free in 1260 seconds. " +
                "An operator of the service can raise the quota",
            RetryAfter = 1260,
        },
        _ => problem,
    };
}
