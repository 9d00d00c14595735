using System.Diagnostics;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>The service as a process of its own, to be killed.</summary>
internal sealed class HostProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _readyFile;

    private HostProcess(Process process, string readyFile) => (_process, _readyFile) = (process, readyFile);

    public Uri Address { get; private set; } = null!;

    public static Task<HostProcess> StartAsync(ReportsApp app) => StartAsync(app.ProcessEnvironment());

    public static async Task<HostProcess> StartAsync(IReadOnlyDictionary<string, string> environment)
    {
        var ready = Path.Combine(Path.GetTempPath(), $"reports-ready-{Guid.CreateVersion7():n}");
        var start = new ProcessStartInfo("dotnet", [Checkout.Host, "serve"])
        {
            WorkingDirectory = Path.GetDirectoryName(Checkout.Host),
            RedirectStandardOutput = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["REPORTS__READYFILE"] = ready;
        var host = new HostProcess(Process.Start(start)!, ready);
        host._process.BeginOutputReadLine();
        var address = await Eventually.GetAsync(
            async () =>
            {
                host._process.HasExited.ShouldBeFalse();
                return File.Exists(ready) && await File.ReadAllTextAsync(ready) is { Length: > 0 } text ? text : null;
            },
            "the host to be ready");
        host.Address = new Uri(address);
        return host;
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
        File.Delete(_readyFile);
    }
}
