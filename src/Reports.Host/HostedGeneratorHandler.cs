using Marten;
using Reports.BuildingBlocks;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Lifecycle;
using Wolverine;
using Wolverine.Runtime;

namespace Reports.Host;

/// <summary>
/// Runs the reference generator in this process. The generator knows no event store; here what its answer says and the
/// end of its order become one commit. Without it the order would be done with although its answer could not be stored.
/// </summary>
public static partial class HostedGeneratorHandler
{
    /// <summary>Generates one report.</summary>
    /// <param name="message">The order.</param>
    /// <param name="context">The order's context: recording the answer ends the order, too.</param>
    /// <param name="session">Tells whether anybody still waits for the report.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="answers">Records the answer.</param>
    /// <param name="options">Says how often is tried.</param>
    /// <param name="runtime">Takes the words about the progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A task that ends when the answer is on record.</returns>
    public static async Task Handle(
        GenerateReport message,
        IMessageContext context,
        IQuerySession session,
        ReferenceGenerator generator,
        GeneratorAnswers answers,
        LifecycleOptions options,
        IWolverineRuntime runtime,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(runtime);
        switch (await AnswerAsync(message, session, generator, runtime, cancellation))
        {
            case GenerationCompleted completed:
                await RecordGenerationHandler.Handle(completed, context, answers, cancellation);
                break;
            case GenerationFailed failed:
                await RecordGenerationHandler.Handle(failed, context, answers, options, cancellation);
                break;
        }
    }

    /// <summary>The answer; none to an order that nobody waits for any more.</summary>
    internal static async Task<object?> AnswerAsync(
        GenerateReport message,
        IQuerySession session,
        ReferenceGenerator generator,
        IWolverineRuntime runtime,
        CancellationToken cancellation)
    {
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
