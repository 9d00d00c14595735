using Marten;
using Reports.BuildingBlocks;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Lifecycle;
using Wolverine.Runtime;

namespace Reports.Host;

/// <summary>
/// Runs the reference generator in this process. The generator knows no event store; here its answer and the end of its
/// order become one commit. Without it the order would be done with although its answer could not be stored.
/// </summary>
public static partial class HostedGeneratorHandler
{
    /// <summary>Generates one report.</summary>
    /// <param name="message">The order.</param>
    /// <param name="session">Whose commit stores the answer; asking for it is what opens the transaction.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="runtime">Takes the words about the progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The answer; none to an order that nobody waits for any more.</returns>
    public static async Task<object?> Handle(
        GenerateReport message,
        IDocumentSession session,
        ReferenceGenerator generator,
        IWolverineRuntime runtime,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(runtime);
        if (!await GenerationOrders.IsAwaitedAsync(session, message.ReportId, message.Attempt, cancellation))
        {
            return null;
        }

        var log = runtime.LoggerFactory.CreateLogger(typeof(HostedGeneratorHandler));
        var hasStarted = false;
        return await GenerateReportHandler.AnswerAsync(
            message,
            generator,
            async (records, expected, stop) =>
            {
                object word = hasStarted ? Heartbeat(message, records, expected) : Start(message);
                await SayAsync(runtime, log, message, word, stop);
                hasStarted = true;
            },
            cancellation);
    }

    private static GenerationStarted Start(GenerateReport message) =>
        new(message.ReportId, message.Attempt, message.Grant, ReferenceGenerator.Name);

    private static GenerationHeartbeat Heartbeat(GenerateReport message, long records, long? expected) =>
        new(message.ReportId, message.Attempt, message.Grant, ReferenceGenerator.Name, records, expected);

    // By a bus of its own: what the handler's bus takes leaves with the handler's commit, when the work is over. And
    // invoked, not published: a word is on record before the work goes on, so that the beginning stands before the end.
    // One that is lost costs a line of progress, at worst another try; it is no reason to give up the file.
    private static async Task SayAsync(
        IWolverineRuntime runtime, ILogger log, GenerateReport message, object word, CancellationToken cancellation)
    {
        try
        {
            await new MessageBus(runtime).InvokeForTenantAsync(Tenants.Name(message.MerchantId), word, cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            Unsaid(log, e, message.ReportId);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The progress of report {ReportId} could not be told")]
    private static partial void Unsaid(ILogger log, Exception e, Guid reportId);
}
