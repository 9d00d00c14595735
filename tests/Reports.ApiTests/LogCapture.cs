using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Reports.ApiTests;

/// <summary>Keeps what is logged, so that a test can look for what must not be there.</summary>
public sealed class LogCapture : ILoggerProvider, ILogger
{
    private static long _characters;

    public ConcurrentQueue<string> Lines { get; } = new();

    /// <summary>The bytes that a full collection leaves alive, less those of the lines that are kept here.</summary>
    public static long LiveBytes =>
        GC.GetTotalMemory(forceFullCollection: true) - (sizeof(char) * Interlocked.Read(ref _characters));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var (text, whole) = (formatter(state, exception), state?.ToString());
        var line = $"{text} {(whole == text ? "" : whole)} {exception}";
        Interlocked.Add(ref _characters, line.Length);
        Lines.Enqueue(line);
    }

    public void Dispose()
    {
    }
}
