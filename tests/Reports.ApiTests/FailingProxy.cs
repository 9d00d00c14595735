using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Reports.ApiTests;

/// <summary>What goes wrong once.</summary>
internal enum Failure
{
    /// <summary>A list is answered 503 by a proxy, without a problem.</summary>
    Unavailable,

    /// <summary>A download is answered 429 with a time to wait.</summary>
    Limited,

    /// <summary>A download URL is said to have expired.</summary>
    Expired,

    /// <summary>A connection is cut in the middle of a file.</summary>
    Cut,

    /// <summary>A byte of a file is another one.</summary>
    Altered,
}

/// <summary>Between a client and the service: it passes everything on, but lets each failure happen once.</summary>
internal sealed class FailingProxy : IAsyncDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly WebApplication _app;
    private readonly Uri _service;

    private FailingProxy(Uri service)
    {
        _service = service;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public Uri Address => new(_app.Urls.First());

    public ConcurrentDictionary<Failure, bool> Failures { get; } = new();

    /// <summary>Whether the rest of a file was asked for and given.</summary>
    public bool HasResumed { get; private set; }

    public static async Task<FailingProxy> StartAsync(Uri service)
    {
        var proxy = new FailingProxy(service);
        await proxy._app.StartAsync();
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var isDownload = http.Request.Path.Value!.EndsWith("/download/", StringComparison.Ordinal);
        if (!isDownload && Failures.TryAdd(Failure.Unavailable, true))
        {
            http.Response.StatusCode = 503;
            await http.Response.WriteAsync("<html>not JSON</html>");
        }
        else if (isDownload && Failures.TryAdd(Failure.Limited, true))
        {
            http.Response.StatusCode = 429;
            http.Response.Headers.RetryAfter = "2";
        }
        else if (isDownload && Failures.TryAdd(Failure.Expired, true))
        {
            http.Response.StatusCode = 410;
            await http.Response.WriteAsync("""{"code":"token_expired","detail":"-","request_id":"-"}""");
        }
        else
        {
            await PassAsync(http, isDownload);
        }
    }

    private async Task PassAsync(HttpContext http, bool isDownload)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(http.Request.Method), new Uri(_service, $"{http.Request.Path}{http.Request.QueryString}"));
        foreach (var (name, values) in http.Request.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }

        using var answer = await _client.SendAsync(request);
        var body = await answer.Content.ReadAsByteArrayAsync();
        http.Response.StatusCode = (int)answer.StatusCode;
        http.Response.ContentLength = body.Length;
        HasResumed |= answer.StatusCode == HttpStatusCode.PartialContent;
        var isWhole = isDownload && answer.StatusCode == HttpStatusCode.OK;
        if (isWhole && Failures.TryAdd(Failure.Cut, true))
        {
            await http.Response.Body.WriteAsync(body.AsMemory(0, body.Length / 2));
            await http.Response.Body.FlushAsync();

            // A reset would take away what the client has not read yet.
            await Task.Delay(TimeSpan.FromSeconds(1));
            http.Abort();
            return;
        }

        if (isWhole && Failures.TryAdd(Failure.Altered, true))
        {
            body[^3] ^= 1;
        }

        await http.Response.Body.WriteAsync(body);
    }
}
