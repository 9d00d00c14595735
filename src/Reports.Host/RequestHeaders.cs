using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>What every answer carries, errors too.</summary>
internal static class RequestHeaders
{
    public static Task Apply(HttpContext http, Func<Task> next)
    {
        http.TraceIdentifier = Guid.CreateVersion7().ToString("N");
        http.RequestServices.GetRequiredService<CurrentCaller>().RequestId = http.TraceIdentifier;

        // The exception handler clears the headers, so they are set when the answer starts.
        http.Response.OnStarting(static state =>
        {
            var context = (HttpContext)state;
            var headers = context.Response.Headers;
            headers["X-Request-Id"] = context.TraceIdentifier;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            if (headers.CacheControl.Count == 0 || context.Response.StatusCode >= StatusCodes.Status400BadRequest)
            {
                headers.CacheControl = "private, no-store";
                headers.Remove("Expires");
                headers.Remove("Pragma");
            }

            headers.Vary = "Authorization, Api-Key";
            RateLimits.Write(context, context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
            return Task.CompletedTask;
        }, http);
        return next();
    }
}
