using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using JasperFx;
using Marten;
using Microsoft.Extensions.Logging;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>Stream type of a download attempt.</summary>
internal sealed class DownloadStream;

/// <summary>Stream type of an integrity finding.</summary>
internal sealed class IntegrityStream;

/// <summary>One attempt while it lasts.</summary>
/// <param name="Attempted">What is recorded of its beginning.</param>
/// <param name="Tenant">The caller's merchant; none when it could not be told.</param>
/// <param name="Origin">Where it came from.</param>
/// <param name="Start">When it began, by the monotonic clock.</param>
internal sealed record DownloadAttempt(DownloadAttempted Attempted, Guid? Tenant, Origin Origin, long Start)
{
    public Guid Id => Attempted.AttemptId;

    /// <summary>What was found wrong with the stored file on the way; recorded with the end.</summary>
    public IntegrityFailed? Finding { get; set; }

    public long ElapsedMs => (long)Stopwatch.GetElapsedTime(Start).TotalMilliseconds;
}

/// <summary>
/// Records every download attempt in a stream of its own: <see cref="DownloadAttempted"/> is durable before the first
/// byte leaves, then exactly one ending. What the database refuses to take now is kept and written as soon as it takes
/// it again; an attempt whose beginning it did not take is refused.
/// </summary>
internal sealed partial class DownloadLedger(
    IDocumentStore store,
    AttemptJournal journal,
    Origins origins,
    OutageWatch outages,
    TimeProvider clock,
    ILogger<DownloadLedger> log)
{
    private static readonly Meter Meter = new("Reports.Delivery");
    private static readonly Counter<long> Downloads = Meter.CreateCounter<long>(
        "reports.downloads", "{download}", "Download attempts by how they ended.");

    // Of refusals, which strangers can cause. Endings of what was begun are as few as there are downloads under way.
    private const int MostUnwritten = 100_000;

    private readonly ConcurrentDictionary<Guid, long> _open = new();
    private readonly ConcurrentQueue<(DownloadAttempt Attempt, object End)> _unwritten = new();
    private long _leaseEnds;

    /// <summary>This run of this process. Its lease tells others whether its attempts can still end.</summary>
    public Guid NodeId { get; } = Guid.CreateVersion7(clock.GetUtcNow());

    /// <summary>
    /// The start of the longest-running attempt without an ending, by the monotonic clock; the maximum without any.
    /// </summary>
    public long OldestOpen => _open.Values.DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>
    /// When the lease of this node ends, by the monotonic clock. Without a lease nobody would close an attempt that
    /// this node leaves open, so none is begun.
    /// </summary>
    public long LeaseEnds
    {
        get => Volatile.Read(ref _leaseEnds);
        set => Volatile.Write(ref _leaseEnds, value);
    }

    /// <summary>How many endings wait for the database.</summary>
    public int Unwritten => _unwritten.Count;

    /// <summary>Records the beginning, and with it the end of an attempt that is refused.</summary>
    /// <returns>Whether it is durable. If not, nothing may be delivered: the service is unavailable.</returns>
    public async Task<bool> BeginAsync(DownloadAttempt attempt, Problem? refusal = null)
    {
        _open[attempt.Id] = attempt.Start;
        if (Stopwatch.GetTimestamp() > LeaseEnds)
        {
            outages.Refuse("no_lease");
            Keep(attempt, Unrecorded(attempt, DownloadObstacle.Lease), cause: null, isBegun: false);
            return false;
        }

        try
        {
            var end = refusal is null ? null : Refused(attempt, refusal);
            await CommitStartAsync(attempt, end);
            outages.Work();
            if (end is not null)
            {
                Close(attempt, end);
            }

            return true;
        }
        catch (Exception e)
        {
            // Whatever it was: the attempt was made, so it is recorded later, and nothing is delivered.
            outages.Refuse(OutageWatch.Cause(e));
            Keep(attempt, Unrecorded(attempt, DownloadObstacle.EventStore), e, isBegun: false);
            return false;
        }
    }

    /// <summary>Records the end of an attempt whose beginning is recorded.</summary>
    public async Task EndAsync(DownloadAttempt attempt, DownloadEnd end, int? status)
    {
        var (id, report, now) = (attempt.Id, attempt.Attempted.ReportId, clock.GetUtcNow());
        object ending = end.Outcome is { } outcome
            ? new ReportDownloaded(
                id, report!.Value, outcome, status!.Value, end.BytesSent, attempt.ElapsedMs, attempt.Attempted.By, now,
                end.Range)
            : new ReportDownloadFailed(
                id, report, end.Failure!.Value, status, end.Code, end.BytesSent, attempt.ElapsedMs,
                attempt.Attempted.By, now, end.Range);
        try
        {
            await CommitEndAsync(attempt, ending);
            Close(attempt, ending);
        }
        catch (ConcurrencyException)
        {
            // The lease of this node had lapsed, and another node closed the attempt as interrupted.
            ClosedByOthers(log, id);
            if (attempt.Finding is null)
            {
                Close(attempt, ending);
            }
            else
            {
                Keep(attempt, ending, cause: null, isBegun: true);
            }
        }
        catch (Exception e)
        {
            outages.Fail(OutageWatch.Cause(e));
            Keep(attempt, ending, e, isBegun: true);
        }
    }

    /// <summary>
    /// Notes that the stored file is not what was recorded of it; the record follows with the attempt's end.
    /// </summary>
    public void Note(DownloadAttempt attempt, Guid reportId, string finding, long offset)
    {
        FileNotAsRecorded(log, reportId, finding, offset);
        var now = clock.GetUtcNow();
        attempt.Finding = new IntegrityFailed(
            Guid.CreateVersion7(now), reportId, attempt.Id, finding, offset, Actor.Service, now);
    }

    /// <summary>
    /// Writes what had to wait, for as long as there is time and the database takes it. What it does not take goes to
    /// the end, so that one entry keeps no other from being written.
    /// </summary>
    public async Task WriteWaitingAsync(TimeSpan time, CancellationToken cancellation)
    {
        const int MostFailures = 3;
        var (start, failures) = (Stopwatch.GetTimestamp(), 0);
        for (var left = _unwritten.Count; left > 0 && failures < MostFailures; left--)
        {
            if (Stopwatch.GetElapsedTime(start) > time || !_unwritten.TryDequeue(out var waiting))
            {
                return;
            }

            try
            {
                await WriteAsync(waiting.Attempt, waiting.End, cancellation);
                Close(waiting.Attempt, waiting.End);
                outages.Work();
            }
            catch (Exception e)
            {
                failures++;
                outages.Fail(OutageWatch.Cause(e));
                StoreRefused(log, e, waiting.Attempt.Id);
                _unwritten.Enqueue(waiting);
            }
        }
    }

    // A commit whose answer was lost may have happened: what is in the streams decides what is still to be written.
    private async Task WriteAsync(DownloadAttempt attempt, object end, CancellationToken cancellation)
    {
        await using var session = Session(attempt);
        var state = await session.Events.FetchStreamStateAsync(attempt.Id, cancellation);
        if (state is not null)
        {
            origins.Stored(attempt.Origin);
        }

        switch (state?.Version)
        {
            case null:
                Start(session, attempt, end);
                break;
            case 1:
                End(session, attempt, end);
                break;
            default:
                if (attempt.Finding is { } finding
                    && await session.Events.FetchStreamStateAsync(finding.FindingId, cancellation) is null)
                {
                    Found(session, finding);
                }

                break;
        }

        await session.SaveChangesAsync(cancellation);
    }

    private async Task CommitStartAsync(DownloadAttempt attempt, object? end)
    {
        if (!IsPlain(attempt))
        {
            await using var session = Session(attempt);
            Start(session, attempt, end);
            await session.SaveChangesAsync(CancellationToken.None);
        }
        else if (!await journal.StartAsync(attempt, Begun(attempt, end)))
        {
            throw new InvalidOperationException("There is an attempt of this id already.");
        }
    }

    private async Task CommitEndAsync(DownloadAttempt attempt, object end)
    {
        if (!IsPlain(attempt))
        {
            await using var session = Session(attempt);
            End(session, attempt, end);
            await session.SaveChangesAsync(CancellationToken.None);
        }
        else if (!await journal.EndAsync(attempt, end))
        {
            throw new ConcurrencyException(typeof(DownloadStream), attempt.Id);
        }
    }

    // Nothing goes with the attempt's own events: neither the row of its origin, nor a finding.
    private static bool IsPlain(DownloadAttempt attempt) => attempt is { Finding: null, Origin.IsStored: true };

    private static void Start(IDocumentSession session, DownloadAttempt attempt, object? end)
    {
        session.Events.StartStream<DownloadStream>(attempt.Id, Begun(attempt, end));
        Found(session, end is null ? null : attempt.Finding);
    }

    private static object[] Begun(DownloadAttempt attempt, object? end) =>
        end is null ? [attempt.Attempted] : [attempt.Attempted, end];

    private static void End(IDocumentSession session, DownloadAttempt attempt, object end)
    {
        session.Events.Append(attempt.Id, 2, end);
        Found(session, attempt.Finding);
    }

    private static void Found(IDocumentSession session, IntegrityFailed? finding)
    {
        if (finding is not null)
        {
            session.Events.StartStream<IntegrityStream>(finding.FindingId, finding);
        }
    }

    private IDocumentSession Session(DownloadAttempt attempt)
    {
        var session = store.LightweightSession(Tenants.Name(attempt.Tenant));
        session.LastModifiedBy = attempt.Attempted.By.Id;
        session.SetHeader("request_id", attempt.Attempted.RequestId);
        origins.Put(session, attempt.Origin);
        return session;
    }

    private ReportDownloadFailed Refused(DownloadAttempt attempt, Problem problem) => new(
        attempt.Id, attempt.Attempted.ReportId, DownloadFailure.Refused, problem.Status, problem.Code, 0,
        attempt.ElapsedMs, attempt.Attempted.By, clock.GetUtcNow());

    private ReportDownloadFailed Unrecorded(DownloadAttempt attempt, DownloadObstacle obstacle) =>
        Refused(attempt, Problem.Unavailable) with { Obstacle = obstacle };

    private void Keep(DownloadAttempt attempt, object end, Exception? cause, bool isBegun)
    {
        StoreRefused(log, cause, attempt.Id);
        if (isBegun || _unwritten.Count < MostUnwritten)
        {
            _unwritten.Enqueue((attempt, end));
        }
        else
        {
            Lost(log, attempt.Id);
            Close(attempt, end);
        }
    }

    private void Close(DownloadAttempt attempt, object end)
    {
        _open.TryRemove(attempt.Id, out _);
        var outcome = end is ReportDownloaded done ? done.Outcome.Word() : ((ReportDownloadFailed)end).Outcome.Word();
        Downloads.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
    }

    [LoggerMessage(LogLevel.Error, "The event store did not take download {AttemptId}; it is kept and tried again")]
    private static partial void StoreRefused(ILogger log, Exception? cause, Guid attemptId);

    [LoggerMessage(LogLevel.Critical, "Too many downloads wait for the event store; {AttemptId} is lost to the record")]
    private static partial void Lost(ILogger log, Guid attemptId);

    [LoggerMessage(LogLevel.Error, "Download {AttemptId} had been closed as interrupted while it was still running")]
    private static partial void ClosedByOthers(ILogger log, Guid attemptId);

    [LoggerMessage(LogLevel.Critical, "The file of report {ReportId} is {Finding} at byte {Offset}")]
    private static partial void FileNotAsRecorded(ILogger log, Guid reportId, string finding, long offset);
}
