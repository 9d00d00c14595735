using Marten;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Storage;

namespace Reports.Lifecycle;

/// <summary>
/// Reads a claimed file again from storage. Only what was found whole is listed; running twice finds the report no
/// longer waiting and does nothing.
/// </summary>
public static class VerifyReportHandler
{
    /// <summary>Verifies one report.</summary>
    /// <param name="message">Which.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="verifier">Reads the file and decides.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>A task that ends when the outcome is appended.</returns>
    public static async Task Handle(
        VerifyReport message, IDocumentSession session, ReportVerifier verifier, CancellationToken cancellation)
    {
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (stream.Aggregate is { Status: ReportStatus.Generated } report)
        {
            stream.AppendOne(await verifier.VerifyAsync(report, cancellation));
        }
    }
}

/// <summary>Compares a claimed file with the stored one.</summary>
public sealed class ReportVerifier
{
    private readonly ReportFiles _files;
    private readonly LifecycleStore _store;
    private readonly TimeProvider _clock;

    internal ReportVerifier(ReportFiles files, LifecycleStore store, TimeProvider clock) =>
        (_files, _store, _clock) = (files, store, clock);

    internal async Task<object> VerifyAsync(Report report, CancellationToken cancellation)
    {
        var claim = report.Claim!;
        try
        {
            var key = StorageKey.Parse(claim.StorageKey);
            var facts = await FileInspection.InspectAsync(_files, key, report.Description.Format, cancellation);
            var retention = await _store.RetentionDaysAsync(report.MerchantId, cancellation);
            return Decide(report, facts, TimeSpan.FromDays(retention), _clock.GetUtcNow());
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Failed(report, "The file is not where the generator was told to write it.", _clock.GetUtcNow());
        }
        catch (InvalidDataException e)
        {
            return Failed(report, e.Message, _clock.GetUtcNow());
        }
    }

    internal static object Decide(Report report, FileFacts facts, TimeSpan retention, DateTimeOffset now)
    {
        var claim = report.Claim!;
        string? finding = facts switch
        {
            _ when facts.Size != claim.FileSize => $"The file has {facts.Size} bytes, not {claim.FileSize}.",
            _ when !facts.Sha256.Equals(claim.Sha256, StringComparison.OrdinalIgnoreCase) =>
                $"The file's SHA-256 is {facts.Sha256}, not {claim.Sha256}.",
            _ when facts.Records != claim.Records => $"The file has {facts.Records} records, not {claim.Records}.",
            _ => null,
        };
        return finding is null
            ? new ReportFinished(
                report.Id, report.MerchantId, report.Description, claim.StorageKey, facts.Size, facts.Sha256,
                facts.Blocks, facts.Records, claim.GeneratedAt, now, now + retention, Actor.Service)
            : Failed(report, finding, now);
    }

    private static ReportGenerationFailed Failed(Report report, string finding, DateTimeOffset now) =>
        new(report.Id, report.Attempt, "verification", finding, Retryable: true, Actor.Service, now);
}
