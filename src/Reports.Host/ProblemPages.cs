using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>
/// The pages that <c>type</c> in every problem body points to: what a code means, and what to do. They load nothing and
/// run nothing.
/// </summary>
internal static class ProblemPages
{
    private const string Style =
        """
        :root{color-scheme:light dark}
        body{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 3rem;font:1rem/1.6 system-ui,sans-serif}
        body{overflow-wrap:break-word}
        h1{font-size:1.6rem;line-height:1.25;margin:1.5rem 0 .25rem}
        h2{font-size:1.1rem;margin:2rem 0 .25rem}
        p{margin:.5rem 0}
        .status{margin:0;opacity:.75}
        code,pre{font:.875rem/1.5 ui-monospace,monospace}
        pre{padding:1rem;overflow-x:auto;overflow-wrap:normal}
        pre{border:1px solid #8886;border-radius:.5rem;background:#8881}
        table{border-collapse:collapse;width:100%}
        th,td{padding:.4rem .75rem .4rem 0;border-bottom:1px solid #8884;text-align:left;vertical-align:top}
        """;

    private static readonly string[] Methods = ["GET", "HEAD"];
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly string StyleHash =
        Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));

    private static readonly string Policy = $"{RequestHeaders.Page}; style-src 'sha256-{StyleHash}'";

    private static readonly Dictionary<string, string> Pages =
        ProblemExamples.All.ToDictionary(problem => problem.Code, Page, StringComparer.Ordinal);

    private static readonly string Index = Html(
        "Problems",
        $"""
        <h1>Problems</h1>
        <p>Every error of this service has one body, <code>application/problem+json</code> (RFC 9457). Its member
        <code>code</code> is one of these words; <code>type</code> is the address of the page about it.</p>
        <table>
        <thead><tr><th>HTTP</th><th>code</th><th>meaning</th></tr></thead>
        <tbody>
        {string.Join('\n', ProblemExamples.All.Select(Row))}
        </tbody>
        </table>
        <p>Without a body, because it is refused before the service sees it: 400 for what is not HTTP, 408 for what
        comes too slowly, 414 for a request line above 8 KiB, 431 for headers above 16 KiB or more than 100 of them, 505
        for another version of HTTP.</p>
        """);

    public static void MapProblemPages(this WebApplication app)
    {
        var pages = app.MapGroup("/problems").ExcludeFromDescription().AllowAnonymous();
        pages.MapMethods("/", Methods, (HttpContext http) => Show(http, Index));
        pages.MapMethods("/{code}/", Methods, (HttpContext http, string code) =>
            Pages.TryGetValue(code, out var page)
                ? Show(http, page)
                : (Problem.NotFound with { Detail = "There is no problem of this name" }).WriteAsync(http));
    }

    private static Task Show(HttpContext http, string page)
    {
        http.Response.Headers.ContentSecurityPolicy = Policy;
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.ContentLength = Encoding.UTF8.GetByteCount(page);
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : http.Response.WriteAsync(page, http.RequestAborted);
    }

    private static string Page(Problem problem)
    {
        var (meaning, remedy) = Explain(problem.Code);
        var status = $"{problem.Status} {ReasonPhrases.GetReasonPhrase(problem.Status)}";
        var example = JsonNode.Parse(ProblemExamples.Body(problem).Span)!.ToJsonString(Indented);
        return Html(
            $"{problem.Code}: {problem.Message}",
            $"""
            <p><a href="/problems/">All problems</a></p>
            <h1>{WebUtility.HtmlEncode(problem.Message)}</h1>
            <p class="status"><code>{problem.Code}</code> · HTTP {status}</p>
            <h2>What it means</h2>
            <p>{meaning}</p>
            <h2>What to do</h2>
            <p>{remedy}</p>
            <h2>Example</h2>
            <pre>{WebUtility.HtmlEncode(example)}</pre>
            <p>When you ask about an answer, name its <code>request_id</code>. It stands in the header
            <code>X-Request-Id</code> too.</p>
            """);
    }

    private static string Html(string title, string body) =>
        $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{WebUtility.HtmlEncode(title)}</title>
        <style>{Style}</style>
        </head>
        <body>
        <main>
        {body}
        </main>
        </body>
        </html>

        """;

    private static string Row(Problem problem) =>
        $"<tr><td>{problem.Status}</td><td><a href=\"/problems/{problem.Code}/\"><code>{problem.Code}</code></a></td>" +
        $"<td>{WebUtility.HtmlEncode(problem.Message)}</td></tr>";

    // Both are HTML.
    private static (string Meaning, string Remedy) Explain(string code) => code switch
    {
        "invalid_parameters" => (
            """
            The request cannot be used as it is: a parameter or a member of its body is missing, cannot be read, is out
            of its limits, contradicts another one, or is given twice.
            """,
            """
            Read <code>errors</code>: it says for each field what is wrong with it, and <code>error.field</code> names
            the first. Dates are written as <code>2026-11-01</code>, instants as <code>2026-11-01T00:00:00Z</code>; the
            <code>+</code> of an offset must be written as <code>%2B</code> in an address. Do not send the same request
            again.
            """),
        "unauthorized" => (
            """
            There is no valid credential with the request. It is missing, malformed, unknown, expired or revoked, or
            there is more than one; which of these it is, is not told.
            """,
            """
            Send exactly one: an API key as <code>Api-Key: …</code> or <code>Authorization: Api-Key …</code>, or a user
            as <code>Authorization: Basic …</code>. If it worked before, ask whoever gave it to you whether it was
            replaced.
            """),
        "forbidden" => (
            """
            The credential is valid, but it does not allow this: the user lacks the permission, or the download token
            was issued to another user or key of your merchant.
            """,
            """
            Ask for the permission, or list the report with the credential that you download with: a token is good only
            for the one that listed it.
            """),
        "not_found" => (
            """
            There is nothing at this address for you: it is misspelt, the report does not exist or is not finished, or
            it belongs to another merchant. Nobody can tell these apart.
            """,
            """
            Compare the address with the <code>url</code> in the list. List again: a report that is there is in the
            list.
            """),
        "method_not_allowed" => (
            "The address exists, but not with this method. Names of methods are written in capitals.",
            "Use one of the methods in the header <code>Allow</code> of the answer."),
        "conflict" => (
            """
            It contradicts what is there already: the same report is already on its way, or something has ended that you
            want to change.
            """,
            "Look at the current state, which <code>detail</code> names, before you try again."),
        "token_expired" => (
            "The download address was good for a limited time, and that time is over.",
            """
            List the report again, and use the new address in its <code>download_action</code>. How long an address is
            good stands beside it as <code>expires_at</code>.
            """),
        "report_expired" => (
            "The report was kept for as long as was agreed with your merchant. Its file is not handed out any more.",
            "Request the report anew for the same period, if its transactions are still there."),
        "precondition_failed" => (
            """
            The request had a condition, such as <code>If-Match</code>, that does not hold: what you know is not the
            newest version.
            """,
            "Read it again, take the <code>ETag</code> of that answer, and decide anew."),
        "payload_too_large" => (
            "The body of the request is larger than this address takes. What is only read takes 64 KiB at most.",
            "Send a smaller body, or none."),
        "unsupported_media_type" => (
            "The body of the request is in a format that this address does not take.",
            "Send what the description of the address asks for, with the right <code>Content-Type</code>."),
        "range_not_satisfiable" => (
            "The part that was asked for lies behind the end of the file.",
            """
            The header <code>Content-Range</code> of the answer tells the length of the file. Ask for a part that begins
            before it, or for the whole file.
            """),
        "unprocessable" => (
            """
            The body can be read, but what it asks cannot be done, or its idempotency key stood for another body before.
            """,
            "Read <code>detail</code>. Use a new idempotency key for a new request."),
        "precondition_required" => (
            "This address changes something only for those who say which version they know.",
            "Read it, and send the <code>ETag</code> of the answer as <code>If-Match</code>."),
        "rate_limited" => (
            """
            A quota is used up: requests, downloads, or attempts with a credential that is not valid. The headers
            <code>RateLimit-Policy</code> and <code>RateLimit</code> say which one, how many it allows, and how many are
            left.
            """,
            """
            Wait for the seconds in <code>Retry-After</code>. Keep what you have downloaded: the file of a report never
            changes. If the quota is too small for what you do, ask the operator of the service for a larger one.
            """),
        "internal_error" => (
            "A fault of the service, not of the request.",
            """
            Try once more. If it stays, tell the operator of the service the <code>request_id</code>: it leads to the
            cause.
            """),
        "unavailable" => (
            """
            Something that the service needs is not there just now. A report is delivered only when the delivery can be
            recorded, so this answer can also mean that the record is away.
            """,
            "Wait for the seconds in <code>Retry-After</code>, and try again."),
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "Every problem is to be explained."),
    };
}
