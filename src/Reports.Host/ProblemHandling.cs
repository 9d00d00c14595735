using System.Net.Sockets;
using Microsoft.AspNetCore.Diagnostics;
using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>Turns whatever a request ends in without an answer of its own into a problem body.</summary>
internal sealed partial class ProblemHandling(ILogger<ProblemHandling> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var problem = exception switch
        {
            ProblemException e => e.Problem,
            BadHttpRequestException e => Problem.ForStatus(e.StatusCode),
            _ when IsUnavailable(exception) => Problem.Unavailable,
            _ => Problem.InternalError,
        };
        if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            Failed(log, exception, problem.Code, httpContext.TraceIdentifier);
        }

        await problem.WriteAsync(httpContext);
        return true;
    }

    public static Task WriteBareStatus(StatusCodeContext context) =>
        Problem.ForStatus(context.HttpContext.Response.StatusCode).WriteAsync(context.HttpContext);

    // A statement that is wrong, or data that cannot be, is a fault of ours; whatever else the database says, it will
    // have recovered from in a while.
    private static bool IsUnavailable(Exception e) => e switch
    {
        PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '2', ..] } => false,
        NpgsqlException or TimeoutException or SocketException => true,
        _ => e.InnerException is { } inner && IsUnavailable(inner),
    };

    [LoggerMessage(LogLevel.Error, "A request ended in {Code}; request id {RequestId}")]
    private static partial void Failed(ILogger log, Exception exception, string code, string requestId);
}
