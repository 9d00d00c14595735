using Reports.Contracts.Messages;
using Reports.Generator;
using Wolverine.Runtime;

namespace Reports.GeneratorWorker;

/// <summary>Makes the file of an order and answers.</summary>
public static partial class OrderHandler
{
    /// <summary>Generates one report. What Wolverine is given back, it sends when the handling has ended well.</summary>
    /// <param name="message">The order.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="messages">Sends what cannot wait for the end.</param>
    /// <param name="log">Hears of signs of life that were lost.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The answer.</returns>
    public static Task<object> Handle(
        GenerateReport message,
        ReferenceGenerator generator,
        IWolverineRuntime messages,
        ILogger<ReferenceGenerator> log,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        var (bus, hasBegun) = (new MessageBus(messages), false);
        return GenerateReportHandler.AnswerAsync(message, generator, TellAsync, cancellation);

        // A sign of life that is lost is no reason to end the work.
        async ValueTask TellAsync(long records, long? expected, CancellationToken stopping)
        {
            object word = hasBegun
                ? new GenerationHeartbeat(
                    message.ReportId, message.Attempt, message.Grant, ReferenceGenerator.Name, records, expected)
                : new GenerationStarted(message.ReportId, message.Attempt, message.Grant, ReferenceGenerator.Name);
            hasBegun = true;
            try
            {
                await bus.PublishAsync(word);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Lost(log, e, message.ReportId);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "A sign of life of report {ReportId} was lost")]
    private static partial void Lost(ILogger log, Exception e, Guid reportId);
}
