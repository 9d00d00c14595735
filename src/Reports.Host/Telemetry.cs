using System.Diagnostics;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Logging.Debug;
using Microsoft.Extensions.Logging.EventSource;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Reports.Host;

/// <summary>
/// Traces and metrics of ASP.NET Core, Npgsql, Marten, Wolverine and our own, sent by OTLP when
/// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> names a collector.
/// </summary>
internal static class Telemetry
{
    private static readonly (string Part, string Shown)[] Secret =
    [
        ("/files/", "/b/api/v1/reports/files/{redacted}"), ("/generation/", "/b/api/v1/generation/{redacted}"),
    ];

    public static void AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var telemetry = services.AddOpenTelemetry()
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(options => options.EnrichWithHttpRequest = WithoutToken)
                .AddSource("Npgsql", "Marten", "Wolverine"))
            .WithMetrics(metrics => metrics
                .AddMeter(
                    "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "Marten",
                    "Wolverine*", "Reports.*")
                .AddRuntimeInstrumentation());
        if (configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            telemetry.UseOtlpExporter();
        }
    }

    /// <summary>
    /// Silences, whatever the configuration says, the framework's loggers that write what must not be written: the
    /// paths of requests, which hold tokens and grants, and the parameters of statements that failed, which hold hashes, names,
    /// addresses.
    /// </summary>
    public static void AddSecretFilters(this ILoggingBuilder logging)
    {
        string[] loggers =
        [
            "Marten.IDocumentStore", "Microsoft.AspNetCore.Hosting.Diagnostics",
            "Microsoft.AspNetCore.Routing.Matching.DfaMatcher", "Microsoft.AspNetCore.Server.Kestrel.BadRequests",
        ];
        foreach (var logger in loggers)
        {
            // A rule that names a provider beats one that names none, so each provider has its own.
            logging.AddFilter(logger, LogLevel.None)
                .AddFilter<ConsoleLoggerProvider>(logger, LogLevel.None)
                .AddFilter<DebugLoggerProvider>(logger, LogLevel.None)
                .AddFilter<EventSourceLoggerProvider>(logger, LogLevel.None);
        }
    }

    // The path of a download holds its token, that of an upload its grant, and neither is ever written down.
    internal static void WithoutToken(Activity activity, HttpRequest request)
    {
        foreach (var (part, shown) in Secret)
        {
            if (request.Path.Value?.Contains(part, StringComparison.OrdinalIgnoreCase) == true)
            {
                activity.SetTag("url.path", shown);
            }
        }
    }
}
