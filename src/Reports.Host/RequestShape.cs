using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>
/// What no path takes, refused before the endpoint: a method in another case than its own (RFC 9110 section 9.1), which
/// routing lets pass; a body of two lengths, or one on a request that needs none and larger than any path takes by
/// itself.
/// </summary>
internal static class RequestShape
{
    public static Task Check(HttpContext http, RequestDelegate next)
    {
        var endpoint = http.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<RefusesByItself>() is not null)
        {
            return next(http);
        }

        var method = http.Request.Method;
        if (endpoint?.Metadata.GetMetadata<HttpMethodMetadata>() is { HttpMethods: { Count: > 0 } taken }
            && !taken.Contains(method, StringComparer.Ordinal))
        {
            http.Response.Headers.Allow = string.Join(", ", taken);
            return Problem.MethodNotAllowed.WriteAsync(http);
        }

        return Problem.OfBody(http) is { } problem ? problem.WriteAsync(http) : next(http);
    }
}
