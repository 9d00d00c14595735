using Marten;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Storage;
using Wolverine;
using Wolverine.Attributes;

namespace Reports.Lifecycle;

/// <summary>The file of a report is said to be there: read it again.</summary>
/// <param name="ReportId">The report.</param>
[MessageIdentity("lifecycle.verify-report")]
public sealed record VerifyReport(Guid ReportId);

/// <summary>A file is to be put aside.</summary>
/// <param name="StorageKey">Where it is.</param>
/// <param name="QuarantineKey">Where it is to be.</param>
[MessageIdentity("lifecycle.quarantine-file")]
public sealed record QuarantineFile(string StorageKey, string QuarantineKey);

/// <summary>
/// Reads a claimed file again from storage. Only what was found whole is listed; running twice finds the report no
/// longer waiting and does nothing.
/// </summary>
public static class VerifyReportHandler
{
    /// <summary>Verifies one report.</summary>
    /// <param name="message">Which.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="context">Sends what follows with the commit.</param>
    /// <param name="verifier">Reads the file and decides.</param>
    /// <param name="orders">Does what follows.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>A task that ends when the outcome is appended.</returns>
    public static async Task Handle(
        VerifyReport message,
        IDocumentSession session,
        IMessageContext context,
        ReportVerifier verifier,
        GenerationOrders orders,
        CancellationToken cancellation)
    {
        session.LastModifiedBy = Actor.Service.Id;
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (stream.Aggregate is { Status: ReportStatus.Generated } report)
        {
            var events = await verifier.VerifyAsync(report, cancellation);
            stream.AppendMany(events);
            await orders.FollowAsync(events, session, context);
        }
    }
}

/// <summary>Puts a file aside. Doing it twice is doing it once.</summary>
public static class QuarantineFileHandler
{
    /// <summary>Moves one file.</summary>
    /// <param name="message">Which, and where to.</param>
    /// <param name="files">The store.</param>
    public static void Handle(QuarantineFile message, ReportFiles files) =>
        files.Move(StorageKey.Parse(message.StorageKey), StorageKey.Parse(message.QuarantineKey));
}

/// <summary>Removes what a report has left in the storage and nothing needs.</summary>
public static class RemoveLeftoversHandler
{
    private static readonly TimeSpan Later = TimeSpan.FromHours(25);

    /// <summary>
    /// Removes all files of a report but the one that it is made of, if it is. While a generator is waited for, none: the
    /// file that it has just written is not claimed yet. What is being written is looked at again when it must be over.
    /// </summary>
    /// <param name="message">Which report.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="context">Comes back to what is being written.</param>
    /// <param name="files">The store.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when they are gone.</returns>
    public static async Task Handle(
        RemoveLeftovers message,
        IQuerySession session,
        IMessageContext context,
        ReportFiles files,
        CancellationToken cancellation)
    {
        var report = await session.Events.AggregateStreamAsync<Report>(message.ReportId, token: cancellation);
        if (report is { IsWaiting: false }
            && !files.RemoveBelow($"{report.MerchantId:N}/{report.Id:N}/", report.KeptFile))
        {
            await context.ScheduleAsync(message, Later);
        }
    }
}

/// <summary>Compares a claimed file with the stored one.</summary>
public sealed class ReportVerifier
{
    private const long MostAtOnce = 256 * 1024;

    private readonly ReportFiles _files;
    private readonly LifecycleStore _store;
    private readonly TimeProvider _clock;

    internal ReportVerifier(ReportFiles files, LifecycleStore store, TimeProvider clock) =>
        (_files, _store, _clock) = (files, store, clock);

    internal async Task<IReadOnlyList<object>> VerifyAsync(Report report, CancellationToken cancellation)
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
            return [Failed(report, "The file is not where the generator was told to write it.", _clock.GetUtcNow())];
        }
        catch (InvalidDataException e)
        {
            return Rejected(report, e.Message, _clock.GetUtcNow());
        }
    }

    /// <summary>
    /// Verifies a small file while its claim is recorded: to read it costs less than a message and a commit of its own.
    /// Only what is found whole is told; all else is left to <see cref="VerifyReport"/>, which tries and finds again.
    /// </summary>
    /// <param name="report">The report before the claim.</param>
    /// <param name="claim">What is about to be recorded.</param>
    /// <param name="cancellation">Stops the reading.</param>
    internal async Task<ReportFinished?> TryAtOnceAsync(
        Report report, ReportGenerated claim, CancellationToken cancellation)
    {
        if (claim.FileSize > MostAtOnce || report.Description.Format is not ReportFormat.Csv)
        {
            return null;
        }

        try
        {
            using (var file = _files.Open(StorageKey.Parse(claim.StorageKey)))
            {
                if (file.Length != claim.FileSize)
                {
                    return null;
                }
            }

            var events = await VerifyAsync(Report.Fold(report, claim)!, cancellation);
            return events is [ReportFinished finished] ? finished : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal static IReadOnlyList<object> Decide(
        Report report, FileFacts facts, TimeSpan retention, DateTimeOffset now)
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
            ? [new ReportFinished(
                report.Id, report.MerchantId, report.Description, claim.StorageKey, facts.Size, facts.Sha256,
                facts.Blocks, facts.Records, claim.GeneratedAt, now, now + retention, Actor.Service)]
            : Rejected(report, finding, now);
    }

    private static IReadOnlyList<object> Rejected(Report report, string finding, DateTimeOffset now)
    {
        var key = report.Claim!.StorageKey;
        return
        [
            new FileQuarantined(
                report.Id, report.Claim.Attempt, key, $"quarantine/{key}", finding, Actor.Service, now),
            Failed(report, finding, now),
        ];
    }

    private static ReportGenerationFailed Failed(Report report, string finding, DateTimeOffset now) =>
        new(report.Id, report.Attempt, "verification", finding, Retryable: true, Actor.Service, now);
}
