using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class TelemetryTests(ReportsApp app)
{
    [Theory]
    [InlineData("Microsoft.AspNetCore.Hosting.Diagnostics")]
    [InlineData("Marten.IDocumentStore")]
    public void no_setting_turns_on_a_logger_that_writes_secrets(string category)
    {
        var builder = app.Builder(
            "--Logging:Console:LogLevel:Default=Trace", "--Logging:LogLevel:Default=Trace",
            $"--Logging:LogLevel:{category}=Trace");
        builder.Logging.ClearProviders().AddConsole();
        using var built = builder.Build();

        var logger = built.Services.GetRequiredService<ILoggerFactory>();

        logger.CreateLogger(category).IsEnabled(LogLevel.Critical).ShouldBeFalse();
        logger.CreateLogger("Anything.Else").IsEnabled(LogLevel.Trace).ShouldBeTrue();
    }

    [Fact]
    public async Task a_download_is_traced_without_its_token()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await merchant.DownloadPathAsync("r.csv");
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);

        using var client = merchant.RealClient();
        (await client.GetByteArrayAsync(new Uri(path, UriKind.Relative))).ShouldNotBeEmpty();

        var ours = await Eventually.GetAsync(
            () => Task.FromResult(spans.Where(s => s.Source.Name == "Microsoft.AspNetCore" && s.DisplayName.Contains("download"))
                .ToList() is { Count: > 0 } found ? found : null),
            "the span of the download");
        spans.ShouldContain(s => s.Source.Name == "Npgsql");
        var token = path.Split('/')[^3];
        foreach (var span in ours)
        {
            $"{span.DisplayName} {string.Join(' ', span.TagObjects.Select(t => t.Value))}".ShouldNotContain(token);
        }
    }
}
