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
    public static Task<object> Handle(
        GenerateReport message,
        ReferenceGenerator generator,
        CancellationToken cancellation) => AnswerAsync(message, generator, progress: null, cancellation);

    /// <summary>As <see cref="Handle"/>, for a host that passes on how the work gets on.</summary>
    /// <param name="message">What is asked for.</param>
    /// <param name="generator">Writes the file.</param>
    /// <param name="progress">
    /// Hears how many rows are written and, when it is known, how many there will be; see
    /// <see cref="ReferenceGenerator.GenerateAsync"/>.
    /// </param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A <see cref="GenerationCompleted"/> or a <see cref="GenerationFailed"/>.</returns>
    public static async Task<object> AnswerAsync(
        GenerateReport message,
        ReferenceGenerator generator,
        Func<long, long?, CancellationToken, ValueTask>? progress,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(generator);
        try
        {
            return await generator.GenerateAsync(message, progress, cancellation);
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
