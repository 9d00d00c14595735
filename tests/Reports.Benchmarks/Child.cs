using System.Diagnostics;
using System.Globalization;

namespace Reports.Benchmarks;

/// <summary>Another program as a process of its own, what it says kept in a file.</summary>
internal sealed class Child : IDisposable
{
    /// <summary>Where the files are.</summary>
    public static readonly string Logs = Directory.CreateDirectory(Path.Combine("artifacts", "bench", "logs")).FullName;

    private readonly Process _process;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly List<string> _output = [];

    /// <summary>Starts it.</summary>
    /// <param name="command">The program's assembly and its arguments.</param>
    /// <param name="environment">What is added to this process's environment.</param>
    public Child(string[] command, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("dotnet", command)
        {
            WorkingDirectory = Path.GetDirectoryName(command[0]),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        Name = string.Join(' ', command);
        _process = Process.Start(start)!;
        var log = new StreamWriter(Path.Combine(Logs, $"{_process.Id}.log")) { AutoFlush = true };
        _process.OutputDataReceived += (_, line) => Keep(log, line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(log, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Name { get; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_begun);

    public bool HasEnded => _process.HasExited;

    /// <summary>The time that it has been given by the processors.</summary>
    public TimeSpan Worked
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMiB => Status("VmRSS") ?? double.NaN;

    /// <summary>The most that it was, in MiB.</summary>
    public double PeakMiB => Status("VmHWM") ?? double.NaN;

    /// <summary>Runs a program to its end.</summary>
    /// <returns>How long it took, the most memory that it held, and the lines that it wrote.</returns>
    public static async Task<(TimeSpan Took, double PeakMiB, IReadOnlyList<string> Output)> RunAsync(
        string[] command, IReadOnlyDictionary<string, string> environment)
    {
        using var child = new Child(command, environment);
        var (took, peak) = (child.Elapsed, 0.0);
        while (!child._process.WaitForExit(TimeSpan.FromMilliseconds(10)))
        {
            // The high-water mark ends with the process, so that its last is missed by a moment at the most.
            peak = child.Status("VmHWM") ?? peak;
            took = child.Elapsed;
            await Task.Yield();
        }

        await child._process.WaitForExitAsync();
        return child._process.ExitCode == 0 ? (took, peak, child._output) : throw child.Failed();
    }

    /// <summary>What is to be said of an end that was not meant.</summary>
    public InvalidOperationException Failed() => new(
        $"{Name} ended with {_process.ExitCode}: {_output.LastOrDefault()} (the log is {Logs}/{_process.Id}.log)");

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.WaitForExit();
        _process.Dispose();
    }

    private void Keep(StreamWriter log, string? line)
    {
        if (line is not null)
        {
            lock (log)
            {
                log.WriteLine(line);
                _output.Add(line);
            }
        }
    }

    private double? Status(string name)
    {
        try
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status")
                .FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
            var kibibytes = line?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1];
            return kibibytes is null ? null : double.Parse(kibibytes, CultureInfo.InvariantCulture) / 1024;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
