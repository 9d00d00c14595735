using System.CommandLine;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Reports.Audit;

namespace Reports.Host.Commands;

/// <summary>Runs the service.</summary>
internal static class ServeCommand
{
    public static Command Build()
    {
        var demo = new Option<bool>("--demo")
        {
            Description = "Register demo merchants and have reports made for them",
        };
        var env = new Option<string>("--demo-env")
        {
            Description = "The file that keeps the demo's keys",
            DefaultValueFactory = _ => ".local/demo.env",
        };
        var command = new Command("serve", "Run the service") { demo, env };
        command.SetAction((parsed, cancellation) =>
            RunAsync(parsed.GetValue(demo) ? parsed.GetValue(env) : null, cancellation));
        return command;
    }

    public static Command OpenApi()
    {
        var command = new Command("openapi", "Print the OpenAPI document");
        command.SetAction((_, cancellation) => Instance.RunAsync(async services =>
            Console.Write(await ApiDescription.TextAsync(services, cancellation))));
        return command;
    }

    /// <summary>For containers without a shell: asks the instance on this machine whether it is ready.</summary>
    public static Command Health()
    {
        var url = new Option<Uri>("--url")
        {
            Description = "The address of the instance",
            DefaultValueFactory = _ => OwnAddress(),
        };
        var command = new Command("health", "Exit with 0 when the instance is ready, with 1 when it is not") { url };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            try
            {
                using var answer = await client.GetAsync(
                    new Uri(parsed.GetRequiredValue(url), "/health/ready"), cancellation);
                Console.WriteLine(await answer.Content.ReadAsStringAsync(cancellation));
                return answer.IsSuccessStatusCode ? 0 : 1;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return 1;
            }
        });
        return command;
    }

    private static Task<int> RunAsync(string? demoEnv, CancellationToken cancellation) =>
        Instance.GuardAsync(async () =>
        {
            // build/run names a file to be told of readiness by: then a person is watching.
            var isAttended = Environment.GetEnvironmentVariable("REPORTS__READYFILE") is { Length: > 0 };
            string[] args = isAttended ? Instance.QuietLog : [];
            await using var app = ReportsHost.Build(ReportsHost.Builder(args));
            LedgerSettings.RequireKey(app.Services.GetRequiredService<LedgerOptions>());
            if (app.Services.GetRequiredService<Settings>().AppliesSchema)
            {
                await using var migrating = ReportsHost.Build(ReportsHost.Builder(args, isMigrating: true));
                await Schema.ApplyAsync(migrating.Services, cancellation);
            }

            await ServeAsync(app, demoEnv, cancellation);
        });

    private static async Task ServeAsync(WebApplication app, string? demoEnv, CancellationToken cancellation)
    {
        var settings = app.Services.GetRequiredService<Settings>();
        try
        {
            await app.StartAsync(cancellation);
            if (demoEnv is not null)
            {
                using var stopping = CancellationTokenSource.CreateLinkedTokenSource(
                    cancellation, app.Lifetime.ApplicationStopping);
                await Demo.RunAsync(app, Address(app), demoEnv, stopping.Token);
            }

            if (settings.ReadyFile is { } ready)
            {
                if (demoEnv is null)
                {
                    Console.WriteLine(
                        $"Reports is ready at {Address(app)}. ./build/reports --help lists what to do next.");
                }

                await File.WriteAllTextAsync(ready, Address(app), cancellation);
                app.Lifetime.ApplicationStopping.Register(() => File.Delete(ready));
            }

            await app.WaitForShutdownAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            await app.StopAsync(CancellationToken.None);
        }
    }

    // build/run keeps the address in its ready file; a container listens where it always does.
    private static Uri OwnAddress()
    {
        var ready = Environment.GetEnvironmentVariable("REPORTS__READYFILE");
        return new Uri(File.Exists(ready) ? File.ReadAllText(ready) : "http://127.0.0.1:8080");
    }

    private static string Address(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
}
