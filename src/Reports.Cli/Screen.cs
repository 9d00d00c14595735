using Spectre.Console;

namespace Reports.Cli;

/// <summary>
/// What people see: lines on standard output, and progress on whichever of the two outputs is a terminal. Scripts that
/// read the one are not disturbed by the other.
/// </summary>
internal sealed class Screen
{
    private readonly IAnsiConsole? _terminal;
    private readonly bool _isOutput = !Console.IsOutputRedirected;
    private readonly Lock _lines = new();
    private IReadOnlyDictionary<string, ProgressTask>? _bars;

    public Screen() => _terminal =
        _isOutput ? On(Console.Out) : Console.IsErrorRedirected ? null : On(Console.Error);

    /// <summary>Runs something long, with a bar for each of its parts.</summary>
    public async Task<T> RunAsync<T>(IReadOnlyList<string> parts, Func<Task<T>> work)
    {
        if (_terminal is null)
        {
            return await work();
        }

        return await _terminal.Progress()
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                _bars = parts.ToDictionary(p => p, p => context.AddTask(p, autoStart: false, maxValue: 1));
                try
                {
                    return await work();
                }
                finally
                {
                    _bars = null;
                }
            });
    }

    public void Progress(string part, double share)
    {
        if (_bars?.GetValueOrDefault(part) is { } bar)
        {
            bar.StartTask();
            bar.Value = share;
        }
    }

    public void Line(string text)
    {
        lock (_lines)
        {
            if (_isOutput)
            {
                _terminal!.WriteLine(text);
            }
            else
            {
                Console.Out.WriteLine(text);
            }
        }
    }

    /// <summary>What is of interest to people only.</summary>
    public void Remark(string text)
    {
        if (_bars is not null)
        {
            _terminal!.WriteLine(text);
        }
        else
        {
            Console.Error.WriteLine(text);
        }
    }

    private static IAnsiConsole On(TextWriter writer) =>
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
}
