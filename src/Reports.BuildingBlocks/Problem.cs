using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Reports.BuildingBlocks;

/// <summary>
/// An error as every path answers it: <c>application/problem+json</c> (RFC 9457) with the members of each published
/// error format beside the standard ones (<c>docs/contract.md</c> section 5).
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The fixed word for what is wrong.</param>
/// <param name="Message">The same for a person; fixed for a code.</param>
/// <param name="ErrorType">The family of the code, as <c>error.type</c>.</param>
public sealed record Problem(int Status, string Code, string Message, string ErrorType)
{
    private static readonly HashSet<string> Members = new(StringComparer.Ordinal)
    {
        "type", "title", "status", "detail", "code", "message", "errors", "error", "request_id", "instance",
    };

    /// <summary>What is wrong in this case, for a person.</summary>
    public string? Detail { get; init; }

    /// <summary>What is wrong with each field.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; init; } = new Dictionary<string, string[]>();

    /// <summary>After how many seconds it is worth trying again.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>The path of what the problem is about, when it can be looked at.</summary>
    public string? Location { get; init; }

    /// <summary>Unusable input.</summary>
    public static Problem InvalidParameters { get; } =
        new(400, "invalid_parameters", "Bad filters", "validation_error");

    /// <summary>Nobody can be sure where the body ends (RFC 9112 section 6.3).</summary>
    public static Problem ContradictoryLengths { get; } =
        InvalidParameters with { Detail = "Content-Length and Transfer-Encoding contradict each other" };

    /// <summary>No valid credential.</summary>
    public static Problem Unauthorized { get; } =
        new(401, "unauthorized", "Invalid/missing auth", "authentication_error");

    /// <summary>A valid credential without the right.</summary>
    public static Problem Forbidden { get; } =
        new(403, "forbidden", "Insufficient permissions", "permission_error");

    /// <summary>Not there, or not the caller's.</summary>
    public static Problem NotFound { get; } = new(404, "not_found", "Report not found", "not_found_error");

    /// <summary>The path exists, the method does not.</summary>
    public static Problem MethodNotAllowed { get; } =
        new(405, "method_not_allowed", "Method not allowed", "request_error");

    /// <summary>The body is larger than this path takes.</summary>
    public static Problem PayloadTooLarge { get; } =
        new(413, "payload_too_large", "Payload too large", "request_error");

    /// <summary>The body is in a format that this path does not take.</summary>
    public static Problem UnsupportedMediaType { get; } =
        new(415, "unsupported_media_type", "Unsupported media type", "request_error");

    /// <summary>The body is well formed, but what it asks cannot be.</summary>
    public static Problem Unprocessable { get; } = new(422, "unprocessable", "Unprocessable", "request_error");

    /// <summary>It contradicts what is there already.</summary>
    public static Problem Conflict { get; } = new(409, "conflict", "Conflict", "conflict_error");

    /// <summary>A precondition of the request does not hold (RFC 9110 section 15.5.13).</summary>
    public static Problem PreconditionFailed { get; } =
        new(412, "precondition_failed", "Precondition failed", "conflict_error");

    /// <summary>The request must name the version it is about (RFC 6585 section 3).</summary>
    public static Problem PreconditionRequired { get; } =
        new(428, "precondition_required", "Precondition required", "conflict_error");

    /// <summary>No byte of what was asked for exists (RFC 9110 section 15.5.17).</summary>
    public static Problem RangeNotSatisfiable { get; } =
        new(416, "range_not_satisfiable", "Range not satisfiable", "request_error");

    /// <summary>A quota is used up (RFC 6585 section 4).</summary>
    public static Problem RateLimited { get; } = new(429, "rate_limited", "Too many requests", "rate_limit_error");

    /// <summary>The token's time is over.</summary>
    public static Problem TokenExpired { get; } = new(410, "token_expired", "Download token expired", "gone_error");

    /// <summary>The file is no longer kept.</summary>
    public static Problem ContentExpired { get; } = new(410, "report_expired", "Report expired", "gone_error");

    /// <summary>A fault of ours.</summary>
    public static Problem InternalError { get; } = new(500, "internal_error", "Internal error", "server_error");

    /// <summary>Something that we need is not there just now.</summary>
    public static Problem Unavailable { get; } =
        new(503, "unavailable", "Temporarily unavailable", "server_error") { RetryAfter = 5 };

    /// <summary>Every problem there is, by status.</summary>
    public static IReadOnlyList<Problem> All { get; } =
    [
        InvalidParameters, Unauthorized, Forbidden, NotFound, MethodNotAllowed, Conflict, TokenExpired, ContentExpired,
        PreconditionFailed, PayloadTooLarge, UnsupportedMediaType, RangeNotSatisfiable, Unprocessable,
        PreconditionRequired, RateLimited, InternalError, Unavailable,
    ];

    /// <summary>What a request is answered that ended in an exception.</summary>
    /// <param name="exception">The exception.</param>
    /// <returns>The problem.</returns>
    public static Problem For(Exception exception) => exception switch
    {
        ProblemException e => e.Problem,
        BadHttpRequestException e => ForStatus(e.StatusCode),
        _ when IsUnavailable(exception) => Unavailable,
        _ => InternalError,
    };

    /// <summary>The problem that stands for a bare status.</summary>
    /// <param name="status">The HTTP status.</param>
    /// <returns>The problem.</returns>
    public static Problem ForStatus(int status) => status switch
    {
        401 => Unauthorized,
        403 => Forbidden,
        404 => NotFound,
        405 => MethodNotAllowed,
        409 => Conflict,
        412 => PreconditionFailed,
        413 => PayloadTooLarge,
        415 => UnsupportedMediaType,
        416 => RangeNotSatisfiable,
        422 => Unprocessable,
        428 => PreconditionRequired,
        429 => RateLimited,
        503 => Unavailable,
        >= 400 and < 500 => InvalidParameters with { Status = status },
        _ => InternalError,
    };

    /// <summary>
    /// The problem of a request whose body ends where nobody can be sure of it, or is announced as larger than its path
    /// takes. The connection is closed after the answer.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <returns>The problem; null when there is none, or not yet.</returns>
    public static Problem? OfBody(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        var request = http.Request;
        var most = http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;

        // With both fields, a proxy in front may have gone by the other one (RFC 9112 section 6.3). The server has
        // given the length another name by now.
        var problem = request.Headers.TransferEncoding.Count > 0 && request.Headers.ContainsKey("X-Content-Length")
            ? ContradictoryLengths
            : request.ContentLength > most ? PayloadTooLarge : null;
        if (problem is not null)
        {
            http.Response.Headers.Connection = "close";
        }

        return problem;
    }

    /// <summary>Answers with this problem.</summary>
    /// <param name="http">The request to answer; nothing may have been sent yet.</param>
    /// <returns>A task that ends when the body is written.</returns>
    public async Task WriteAsync(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        var url = http.RequestServices.GetRequiredService<PublicUrl>();
        var body = Body(url.For(http.Request, $"/problems/{Code}"), http.TraceIdentifier);
        http.Response.StatusCode = Status;
        http.Response.ContentType = "application/problem+json";
        http.Response.ContentLength = body.Length;
        if (RetryAfter is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (Location is not null)
        {
            http.Response.Headers.Location = url.For(http.Request, Location);
        }

        // To the server, only the method in capitals is HEAD: any other must have its body.
        if (http.Request.Method != HttpMethods.Head)
        {
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
    }

    /// <summary>The body that answers a request.</summary>
    /// <param name="type">The absolute URL of the page that explains the code.</param>
    /// <param name="requestId">The request's id.</param>
    /// <returns>JSON.</returns>
    public ReadOnlyMemory<byte> Body(string type, string requestId)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            Write(json, type, requestId);
        }

        return body.WrittenMemory;
    }

    private void Write(Utf8JsonWriter json, string type, string requestId)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString("title", Message);
        json.WriteNumber("status", Status);
        json.WriteString("detail", Detail ?? Message);
        json.WriteString("code", Code);
        json.WriteString("message", Message);
        if (Errors.Count > 0)
        {
            json.WriteStartObject("errors");
            WriteFields(json, Errors);
            json.WriteEndObject();
            WriteFields(json, Errors.Where(e => !Members.Contains(e.Key)));
        }

        json.WriteStartObject("error");
        json.WriteString("type", ErrorType);
        json.WriteString("code", Code);
        json.WriteString("message", Message);
        json.WriteString("field", Errors.Keys.FirstOrDefault());
        json.WriteEndObject();
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    private static void WriteFields(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, string[]>> fields)
    {
        foreach (var (field, messages) in fields)
        {
            json.WriteStartArray(field);
            foreach (var message in messages)
            {
                json.WriteStringValue(message);
            }

            json.WriteEndArray();
        }
    }

    // A statement that is wrong, or data that cannot be, is a fault of ours; whatever else the database says, it will
    // have recovered from in a while.
    private static bool IsUnavailable(Exception e) => e switch
    {
        PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '2', ..] } => false,
        NpgsqlException or TimeoutException or SocketException => true,
        _ => e.InnerException is { } inner && IsUnavailable(inner),
    };
}

/// <summary>Ends a request with a problem. For refusals deep in a handler; hot paths return theirs.</summary>
/// <param name="problem">What to answer.</param>
/// <param name="cause">What went wrong inside; for the log only.</param>
public sealed class ProblemException(Problem problem, Exception? cause = null)
    : Exception(problem.Detail ?? problem.Message, cause)
{
    /// <summary>What to answer.</summary>
    public Problem Problem { get; } = problem;
}

/// <summary>
/// On an endpoint: it takes every method and refuses by itself what it cannot use, because it records refusals.
/// </summary>
public sealed class RefusesByItself;
