using Marten;
using Npgsql;
using Reports.Contracts;
using Wolverine;
using Wolverine.Attributes;

namespace Reports.Lifecycle;

/// <summary>Nothing was heard of a try for too long.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The try, from 1.</param>
[MessageIdentity("lifecycle.expire-attempt")]
public sealed record ExpireAttempt(Guid ReportId, int Attempt);

/// <summary>Ends a try that nothing is heard of.</summary>
public static class ExpireAttemptHandler
{
    /// <summary>Records the timeout, unless an answer or a sign of life came after all.</summary>
    /// <param name="message">Which try.</param>
    /// <param name="session">The merchant's session.</param>
    /// <param name="context">Sends what follows with the commit.</param>
    /// <param name="database">Knows the deadline.</param>
    /// <param name="orders">Does what follows.</param>
    /// <param name="options">Says how often is tried.</param>
    /// <param name="clock">The time.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when the timeout is appended.</returns>
    public static async Task Handle(
        ExpireAttempt message,
        IDocumentSession session,
        IMessageContext context,
        NpgsqlDataSource database,
        GenerationOrders orders,
        LifecycleOptions options,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        session.LastModifiedBy = Actor.Service.Id;
        var now = clock.GetUtcNow();
        var stream = await session.Events.FetchForWriting<Report>(message.ReportId, cancellation);
        if (stream.Aggregate is not { } report
            || !await GenerationWatch.IsOverdueAsync(database, message.ReportId, message.Attempt, now, cancellation))
        {
            return;
        }

        // The order to verify was lost, or became a dead letter: a report must not wait for ever.
        if (report.Status == ReportStatus.Generated)
        {
            stream.AlwaysEnforceConsistency = true;
            GenerationWatch.Verify(session, message.ReportId, now + options.VerifyWithin);
            await context.PublishAsync(new VerifyReport(message.ReportId));
            return;
        }

        var events = Decide(report, message.Attempt, options, now);
        if (events is [])
        {
            GenerationWatch.End(session, message.ReportId);
        }

        stream.AppendMany(events);
        await orders.FollowAsync(events, session, context);
    }

    internal static IReadOnlyList<object> Decide(
        Report report, int attempt, LifecycleOptions options, DateTimeOffset now)
    {
        var (silence, sentence) = report.Status == ReportStatus.Requested
            ? (options.StartWithin, "No generator has begun within")
            : (options.HeartbeatWithin, "Nothing was heard of the generator for");
        return report.IsWaiting && report.Attempt == attempt
            ? RecordGenerationHandler.Fail(
                report, "timeout", $"{sentence} {silence.TotalSeconds:0} s.", isRetryable: true, Actor.Service, options, now)
            : [];
    }
}
