using Marten;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Storage;
using Wolverine.Attributes;

namespace Reports.Lifecycle;

/// <summary>The file of a report is said to be there: read it again.</summary>
/// <param name="ReportId">The report.</param>
[MessageIdentity("lifecycle.verify-report")]
public sealed record VerifyReport(Guid ReportId);

/// <summary>
/// Records what a generator answers, as it was claimed. Any answer may come twice or late: what is already known
/// changes nothing.
/// </summary>
public static class RecordGenerationHandler
{
    /// <summary>The file is said to be written.</summary>
    /// <param name="message">The claim.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="grants">Opens the grant.</param>
    /// <param name="clock">The time.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>The order to verify, or nothing when the claim is old news.</returns>
    /// <exception cref="GrantRefusedException">The claim has no right to be made.</exception>
    public static async Task<VerifyReport?> Handle(
        GenerationCompleted message,
        IDocumentSession session,
        Grants grants,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var key = KeyFor(message, grants.OpenFor(message.Grant, message.ReportId, message.Attempt, now));
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (Decide(stream.Aggregate, message, key, now) is not { } generated)
        {
            return null;
        }

        stream.AppendOne(generated);
        return new VerifyReport(message.ReportId);
    }

    /// <summary>There is no file.</summary>
    /// <param name="message">The reason.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="grants">Opens the grant.</param>
    /// <param name="clock">The time.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when the failure is appended.</returns>
    /// <exception cref="GrantRefusedException">The answer has no right to be made.</exception>
    public static async Task Handle(
        GenerationFailed message,
        IDocumentSession session,
        Grants grants,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        grants.OpenFor(message.Grant, message.ReportId, message.Attempt, now);
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (Expected(stream.Aggregate, message.ReportId).Status == ReportStatus.Requested)
        {
            stream.AppendOne(new ReportGenerationFailed(
                message.ReportId, message.Attempt, message.Code, message.Message, message.Retryable,
                new Actor(ActorKind.Generator, message.Generator), now));
        }
    }

    internal static ReportGenerated? Decide(
        Report? report, GenerationCompleted message, StorageKey key, DateTimeOffset now) =>
        Expected(report, message.ReportId).Status switch
        {
            ReportStatus.Requested => new ReportGenerated(
                message.ReportId, message.Attempt, key.Value, message.FileSize, message.Sha256, message.Records,
                message.Totals, new Actor(ActorKind.Generator, message.Generator), now),
            ReportStatus.Generated or ReportStatus.Finished or ReportStatus.Failed => null,
        };

    private static StorageKey KeyFor(GenerationCompleted message, Grant grant)
    {
        try
        {
            return StorageKey.Below(grant.StoragePrefix, message.FileName);
        }
        catch (FormatException)
        {
            throw new GrantRefusedException("The file name leads out of the granted prefix.");
        }
    }

    // An answer can overtake the commit of its own request; the message is tried again then.
    private static Report Expected(Report? report, Guid id) =>
        report ?? throw new ReportNotYetKnownException(id);
}

/// <summary>An answer came before the request it answers. It is retried, then becomes a dead letter.</summary>
/// <param name="reportId">The report that is not there.</param>
public sealed class ReportNotYetKnownException(Guid reportId) : Exception($"There is no report {reportId} yet.");
