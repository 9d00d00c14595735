using System.Diagnostics;

namespace Reports.ApiTests;

/// <summary>An operator's command as a process of its own.</summary>
internal static class CommandProcess
{
    public static Task<(int ExitCode, string Output, string Error)> RunAsync(
        ReportsApp app, string input, params string[] arguments) => RunAsync(app.ProcessEnvironment(), input, arguments);

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        IReadOnlyDictionary<string, string> environment, string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Checkout.Host, .. arguments])
        {
            WorkingDirectory = Path.GetDirectoryName(Checkout.Host),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
