using Reports.Contracts.Messages;

namespace Reports.Generator;

/// <summary>Answers <see cref="GenerateReport"/>; the message bus finds it by its name.</summary>
public static class GenerateReportHandler
{
    /// <summary>
    /// Generates the report. A request that can never be met is answered with a failure; a database or a disk that
    /// does not answer throws, so that the message is tried again.
    /// </summary>
    /// <param name="message">What is asked for.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A <see cref="GenerationCompleted"/> or a <see cref="GenerationFailed"/>.</returns>
    public static async Task<object> Handle(
        GenerateReport message,
        ReferenceGenerator generator,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(generator);
        try
        {
            return await generator.GenerateAsync(message, cancellation);
        }
        catch (GenerationRefusedException refusal)
        {
            return new GenerationFailed(
                message.ReportId,
                message.Attempt,
                message.Grant,
                ReferenceGenerator.Name,
                refusal.Code,
                refusal.Message,
                Retryable: false);
        }
    }
}
