using System.Text.RegularExpressions;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Storage;
using Wolverine;
using Wolverine.Marten.Publishing;
using GenerationStarted = Reports.Contracts.Messages.GenerationStarted;
using Started = Reports.Contracts.Events.GenerationStarted;

namespace Reports.Lifecycle;

/// <summary>
/// Records what a generator answers, as it was claimed. Any answer may come twice, late or before its predecessor: what
/// is already known changes nothing, and what nobody waits for any more is recorded as late, once.
/// </summary>
public static partial class RecordGenerationHandler
{
    private const int LongestText = 1000;

    /// <summary>The generator has begun.</summary>
    /// <param name="message">Its word.</param>
    /// <param name="context">The message's context.</param>
    /// <param name="answers">Opens the grant and the merchant's session.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when it is on record.</returns>
    /// <exception cref="GrantRefusedException">The answer has no right to be made.</exception>
    public static Task Handle(
        GenerationStarted message, IMessageContext context, GeneratorAnswers answers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(answers);
        return answers.RecordAsync(
            context,
            message.ReportId,
            message.Attempt,
            message.Grant,
            message.Generator,
            (report, _, by, now) => DecideStarted(report, message.Attempt, by, now),
            cancellation);
    }

    /// <summary>The generator is at work.</summary>
    /// <param name="message">Its sign of life.</param>
    /// <param name="context">The message's context.</param>
    /// <param name="answers">Opens the grant and notes the sign.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when it is noted.</returns>
    /// <exception cref="GrantRefusedException">The sign has no right to be given.</exception>
    public static async Task Handle(
        GenerationHeartbeat message, IMessageContext context, GeneratorAnswers answers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(answers);

        // The first word may have been lost, or be on its way still.
        if (await answers.HearAsync(message, cancellation) is false)
        {
            await Handle(
                new GenerationStarted(message.ReportId, message.Attempt, message.Grant, message.Generator),
                context,
                answers,
                cancellation);
        }
    }

    /// <summary>The file is said to be written.</summary>
    /// <param name="message">The claim.</param>
    /// <param name="context">The message's context.</param>
    /// <param name="answers">Opens the grant and the merchant's session.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when it is on record.</returns>
    /// <exception cref="GrantRefusedException">The claim has no right to be made.</exception>
    public static Task Handle(
        GenerationCompleted message, IMessageContext context, GeneratorAnswers answers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(answers);
        return answers.RecordAsync(
            context,
            message.ReportId,
            message.Attempt,
            message.Grant,
            message.Generator,
            (report, grant, by, now) => DecideCompleted(report, message, KeyFor(message, grant), by, now),
            cancellation);
    }

    /// <summary>There is no file.</summary>
    /// <param name="message">The reason.</param>
    /// <param name="context">The message's context.</param>
    /// <param name="answers">Opens the grant and the merchant's session.</param>
    /// <param name="options">Says how often is tried.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when it is on record.</returns>
    /// <exception cref="GrantRefusedException">The answer has no right to be made.</exception>
    public static Task Handle(
        GenerationFailed message,
        IMessageContext context,
        GeneratorAnswers answers,
        LifecycleOptions options,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(answers);
        return answers.RecordAsync(
            context,
            message.ReportId,
            message.Attempt,
            message.Grant,
            message.Generator,
            (report, _, by, now) => DecideFailed(report, message, by, options, now),
            cancellation);
    }

    internal static IReadOnlyList<object> DecideStarted(Report report, int attempt, Actor by, DateTimeOffset now) =>
        Awaits(report, attempt) && report.Status == ReportStatus.Requested
            ? [new Started(report.Id, attempt, by, now)]
            : [];

    internal static IReadOnlyList<object> DecideCompleted(
        Report report, GenerationCompleted message, StorageKey key, Actor by, DateTimeOffset now) =>
        report.Answers.Contains(Answer.Completed(message.Attempt, key.Value)) ? []
        : Awaits(report, message.Attempt)
            ? [new ReportGenerated(
                report.Id, message.Attempt, key.Value, message.FileSize, message.Sha256, message.Records,
                message.Totals, by, now)]
        : [new LateResultIgnored(report.Id, message.Attempt, GeneratorAnswer.Completed, key.Value, by, now)];

    internal static IReadOnlyList<object> DecideFailed(
        Report report, GenerationFailed message, Actor by, LifecycleOptions options, DateTimeOffset now) =>
        report.Answers.Any(a => a.StartsWith(Answer.Failed(message.Attempt, ""), StringComparison.Ordinal)) ? []
        : Awaits(report, message.Attempt)
            ? Fail(report, CodeOf(message), TextOf(message), message.Retryable, by, options, now)
        : [new LateResultIgnored(report.Id, message.Attempt, GeneratorAnswer.Failed, CodeOf(message), by, now)];

    /// <summary>The end of the try that is waited for: there is another, or the report has failed.</summary>
    internal static IReadOnlyList<object> Fail(
        Report report,
        string code,
        string message,
        bool isRetryable,
        Actor by,
        LifecycleOptions options,
        DateTimeOffset now) => isRetryable && report.Attempt < options.Attempts
            ? [new GenerationAttemptFailed(
                report.Id, report.Attempt, code, message, by, now, now + options.DelayAfter(report.Attempt))]
            : [new ReportGenerationFailed(report.Id, report.Attempt, code, message, isRetryable, by, now)];

    // What a generator says of itself is shown to merchants: a word, and a sentence of a decent length.
    private static string CodeOf(GenerationFailed message) =>
        Word().IsMatch(message.Code) ? message.Code : "unspecified";

    private static string TextOf(GenerationFailed message)
    {
        var text = message.Message.Length > LongestText ? message.Message[..LongestText] + "…" : message.Message;
        return string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c)).Trim();
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9_.-]{0,63}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    // A try of the future is one of a past that the database has lost, or that has not been committed yet.
    private static bool Awaits(Report report, int attempt) => attempt > report.Attempt
        ? throw new ReportNotYetKnownException(report.Id)
        : report.IsWaiting && report.Attempt == attempt;

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
}

/// <summary>
/// The way of an answer into the event store. Nothing that came with the message is trusted but its grant: it tells
/// whose session to open, so that event, further messages and the end of this message are one commit.
/// </summary>
public sealed class GeneratorAnswers
{
    private const int LongestName = 200;

    private readonly Grants _grants;
    private readonly OutboxedSessionFactory _sessions;
    private readonly GenerationOrders _orders;
    private readonly ReportVerifier _verifier;
    private readonly NpgsqlDataSource _database;
    private readonly LifecycleOptions _options;
    private readonly TimeProvider _clock;

    internal GeneratorAnswers(
        Grants grants,
        OutboxedSessionFactory sessions,
        GenerationOrders orders,
        ReportVerifier verifier,
        NpgsqlDataSource database,
        LifecycleOptions options,
        TimeProvider clock) =>
        (_grants, _sessions, _orders, _verifier, _database, _options, _clock) =
            (grants, sessions, orders, verifier, database, options, clock);

    internal async Task RecordAsync(
        IMessageContext context,
        Guid reportId,
        int attempt,
        string grantText,
        string generator,
        Func<Report, Grant, Actor, DateTimeOffset, IReadOnlyList<object>> decide,
        CancellationToken cancellation)
    {
        var now = _clock.GetUtcNow();
        var grant = _grants.OpenFor(grantText, reportId, attempt, now);
        context.TenantId = Tenants.Name(grant.MerchantId);
        await using var session = _sessions.OpenSession(context);
        generator = generator.Length > LongestName ? generator[..LongestName] : generator;
        session.LastModifiedBy = generator;
        var stream = await session.Events.FetchForWriting<Report>(reportId, cancellation);

        // An answer can overtake the commit of its own request; the message is tried again then.
        var report = stream.Aggregate ?? throw new ReportNotYetKnownException(reportId);
        var events = decide(report, grant, new Actor(ActorKind.Generator, generator), now);
        stream.AppendMany(events);
        if (events is [ReportGenerated claim]
            && await _verifier.TryAtOnceAsync(report, claim, cancellation) is { } finished)
        {
            var verified = session.Events.BuildEvent(finished);
            verified.UserName = Actor.Service.Id;
            stream.AppendOne(verified);
            events = [claim, finished];
        }

        await _orders.FollowAsync(events, session, context);
        await session.SaveChangesAsync(cancellation);
    }

    /// <summary>Whether the try is known to have begun; null when it is not watched.</summary>
    internal Task<bool?> HearAsync(GenerationHeartbeat message, CancellationToken cancellation)
    {
        var now = _clock.GetUtcNow();
        _grants.OpenFor(message.Grant, message.ReportId, message.Attempt, now);
        return GenerationWatch.HearAsync(
            _database, message.ReportId, message.Attempt, Math.Max(message.Records, 0), message.ExpectedRecords, now,
            now + _options.HeartbeatWithin, cancellation);
    }
}

/// <summary>An answer came before the request it answers. It is retried, then becomes a dead letter.</summary>
/// <param name="reportId">The report that is not there.</param>
public sealed class ReportNotYetKnownException(Guid reportId) : Exception($"There is no report {reportId} yet.");
