using Microsoft.AspNetCore.Diagnostics;
using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>Turns whatever a request ends in without an answer of its own into a problem body.</summary>
internal sealed partial class ProblemHandling(ILogger<ProblemHandling> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var problem = Problem.For(exception);
        if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            Failed(log, exception, problem.Code, httpContext.TraceIdentifier);
        }

        await problem.WriteAsync(httpContext);
        return true;
    }

    public static Task WriteBareStatus(StatusCodeContext context) =>
        Problem.ForStatus(context.HttpContext.Response.StatusCode).WriteAsync(context.HttpContext);

    [LoggerMessage(LogLevel.Error, "A request ended in {Code}; request id {RequestId}")]
    private static partial void Failed(ILogger log, Exception exception, string code, string requestId);
}
