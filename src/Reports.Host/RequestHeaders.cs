using Microsoft.AspNetCore.HostFiltering;
using Reports.BuildingBlocks;

namespace Reports.Host;

/// <summary>What every answer carries, errors too.</summary>
internal static class RequestHeaders
{
    /// <summary>For answers that no browser is to show: it may load nothing, run nothing, and frame nothing.</summary>
    public const string NoPage = "default-src 'none'; frame-ancestors 'none'; sandbox";

    /// <summary>What holds for pages too: no plug-in, no other base address, no form, no frame around it.</summary>
    public const string Page = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static Task Apply(HttpContext http, Func<Task> next)
    {
        http.TraceIdentifier = Guid.CreateVersion7().ToString("N");
        var current = http.RequestServices.GetRequiredService<CurrentCaller>();
        current.RequestId = http.TraceIdentifier;
        current.FindOrigin = () => http.RequestServices.GetRequiredService<Origins>().Of(http);

        // The exception handler clears the headers, so they are set when the answer starts.
        http.Response.OnStarting(
            static state =>
            {
                Write((HttpContext)state);
                return Task.CompletedTask;
            },
            http);
        return next();
    }

    private static void Write(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers["X-Request-Id"] = http.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        if (headers.ContentSecurityPolicy.Count == 0)
        {
            headers.ContentSecurityPolicy = NoPage;
        }

        if (headers.CacheControl.Count == 0 || http.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            headers.CacheControl = "private, no-store";
            headers.Remove("Expires");
            headers.Remove("Pragma");
        }

        headers.Vary = "Authorization, Api-Key";
        WriteRateLimits(http);
    }

    private static void WriteRateLimits(HttpContext http)
    {
        if (!RateLimits.HasNoted(http)
            && http.RequestServices.GetService<Func<HttpContext, RateLimit>>() is { } limitOfNobody)
        {
            RateLimits.Note(http, limitOfNobody(http));
        }

        RateLimits.Write(http, http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
    }
}

/// <summary>
/// Stands around everything, the framework's own filters too, so that whatever they refuse is answered like any error.
/// Behind it, the request's address, scheme and host are those that a known proxy has forwarded.
/// </summary>
internal sealed class OutermostFilter(Proxies proxies) : IStartupFilter
{
    public static void AddTo(IServiceCollection services, Proxies proxies)
    {
        services.PostConfigure<ForwardedHeadersOptions>(proxies.Configure);
        services.Configure<HostFilteringOptions>(options => options.IncludeFailureMessage = false);
        services.Insert(0, ServiceDescriptor.Singleton<IStartupFilter>(new OutermostFilter(proxies)));
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(RequestHeaders.Apply);
        app.UseStatusCodePages(ProblemHandling.WriteBareStatus);
        if (proxies.AreKnown)
        {
            app.UseForwardedHeaders();
        }

        next(app);
    };
}
