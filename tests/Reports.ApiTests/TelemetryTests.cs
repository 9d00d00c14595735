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
        using var client = merchant.RealClient();

        await ShouldBeTracedWithoutAsync(path.Split('/')[^3], "download", async () =>
            (await client.GetByteArrayAsync(new Uri(path, UriKind.Relative))).ShouldNotBeEmpty());
    }

    [Fact]
    public async Task an_upload_is_traced_without_its_grant()
    {
        using var client = new HttpClient { BaseAddress = app.Address };
        const string Grant = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

        await ShouldBeTracedWithoutAsync(Grant, "{grant}", async () =>
        {
            using var answer = await client.PutAsync($"/b/api/v1/generation/{Grant}/file", new ByteArrayContent([1]));
            answer.StatusCode.ShouldBe(System.Net.HttpStatusCode.Forbidden);
        });
    }

    private static async Task ShouldBeTracedWithoutAsync(string secret, string name, Func<Task> act)
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);

        await act();

        var ours = await Eventually.GetAsync(
            () => Task.FromResult(spans.Where(s => s.Source.Name == "Microsoft.AspNetCore" && s.DisplayName.Contains(name))
                .ToList() is { Count: > 0 } found ? found : null),
            $"the span of {name}");
        foreach (var span in ours)
        {
            $"{span.DisplayName} {string.Join(' ', span.TagObjects.Select(t => t.Value))}".ShouldNotContain(secret);
        }
    }
}
