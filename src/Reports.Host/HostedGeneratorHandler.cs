using Marten;
using Reports.Contracts.Messages;
using Reports.Generator;

namespace Reports.Host;

/// <summary>
/// Runs the reference generator in this process. The generator knows no event store; here its answer and the end of its
/// order become one commit. Without it the order would be done with although its answer could not be stored.
/// </summary>
public static class HostedGeneratorHandler
{
    /// <summary>Generates one report.</summary>
    /// <param name="message">The order.</param>
    /// <param name="session">Whose commit stores the answer; asking for it is what opens the transaction.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The answer.</returns>
    public static Task<object> Handle(
        GenerateReport message, IDocumentSession session, ReferenceGenerator generator, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        return GenerateReportHandler.Handle(message, generator, cancellation);
    }
}
