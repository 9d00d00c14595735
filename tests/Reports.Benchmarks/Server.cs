using System.Diagnostics;
using System.Globalization;

namespace Reports.Benchmarks;

/// <summary>A server as a process of its own.</summary>
internal sealed class Server : IDisposable
{
    /// <summary>Where the servers' logs are kept.</summary>
    public static readonly string Logs = Directory.CreateDirectory(Path.Combine("artifacts", "bench", "logs")).FullName;

    private readonly Process _process;

    private Server(Process process, Uri address, TimeSpan start) => (_process, Address, Start) = (process, address, start);

    public Uri Address { get; }

    /// <summary>How long it took from the start of the process until it said where it listens.</summary>
    public TimeSpan Start { get; }

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMiB => Status("VmRSS");

    /// <summary>The most that it was, in MiB.</summary>
    public double PeakMiB => Status("VmHWM");

    public static async Task<Server> StartAsync(
        string[] command, IReadOnlyDictionary<string, string> environment, string directory)
    {
        var ready = Path.Combine(directory, $"ready-{Guid.CreateVersion7():n}");
        var start = new ProcessStartInfo("dotnet", command) { WorkingDirectory = Path.GetDirectoryName(command[0]) };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["REPORTS__READYFILE"] = ready;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        var begun = Stopwatch.GetTimestamp();
        var process = Process.Start(start)!;
        var log = new StreamWriter(Path.Combine(Logs, $"{process.Id}.log")) { AutoFlush = true };
        process.OutputDataReceived += (_, line) => Keep(log, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        string address;
        while (!File.Exists(ready) || (address = await File.ReadAllTextAsync(ready)).Length == 0)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}; its log is in {Logs}.");
            }

            await Task.Delay(5);
        }

        return new Server(process, new Uri(address.Trim()), Stopwatch.GetElapsedTime(begun));
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static void Keep(StreamWriter log, string? line)
    {
        lock (log)
        {
            log.WriteLine(line);
        }
    }

    private double Status(string name)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
