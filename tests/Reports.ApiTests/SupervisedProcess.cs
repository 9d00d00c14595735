using System.Diagnostics;

namespace Reports.ApiTests;

/// <summary>A program that is started again whenever it is killed, as a supervisor would.</summary>
internal sealed class SupervisedProcess(string name, Func<ProcessStartInfo> start) : IDisposable
{
    private const int MostLines = 20;

    private readonly Queue<string> _said = new();
    private readonly Lock _starting = new();
    private Process? _process;

    public string Name => name;

    public int Kills { get; private set; }

    /// <summary>The last lines that it wrote, for the message of a test that fails.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return string.Join(Environment.NewLine, _said.Select(line => $"{name}: {line}"));
            }
        }
    }

    public void Start()
    {
        lock (_starting)
        {
            StartAnew();
        }
    }

    /// <summary>kill -9, then a new start. One that has ended by itself is started too.</summary>
    public void KillAndStart()
    {
        lock (_starting)
        {
            if (!_process!.HasExited)
            {
                _process.Kill();
                Kills++;
            }

            _process.WaitForExit();
            StartAnew();
        }
    }

    /// <summary>Starts it again if it has ended by itself.</summary>
    public void Revive()
    {
        lock (_starting)
        {
            if (_process!.HasExited)
            {
                StartAnew();
            }
        }
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process?.Dispose();
    }

    private void StartAnew()
    {
        _process?.Dispose();
        var info = start();
        info.RedirectStandardOutput = info.RedirectStandardError = true;
        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, e) => Note(e.Data);
        _process.ErrorDataReceived += (_, e) => Note(e.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_said)
            {
                _said.Enqueue(line);
                if (_said.Count > MostLines)
                {
                    _said.Dequeue();
                }
            }
        }
    }
}
