using System.Buffers.Text;
using System.Text.Json;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Wolverine;
using Wolverine.Marten.Publishing;

namespace Reports.Lifecycle;

/// <summary>
/// A generator starts a report on its own. However often its submission comes, and to however many nodes at once, it is
/// one report: the report's id is made from the submission's.
/// </summary>
public static class SubmitReportHandler
{
    /// <summary>Requests the report that the generator wants to make, and orders it.</summary>
    /// <param name="message">What the generator sent.</param>
    /// <param name="context">The message's context.</param>
    /// <param name="submissions">Checks the signature and opens the merchant's session.</param>
    /// <param name="cancellation">Stops the handling.</param>
    /// <returns>A task that ends when the request is on record.</returns>
    /// <exception cref="SubmissionRefusedException">Nothing can come of it.</exception>
    public static Task Handle(
        ReportSubmitted message, IMessageContext context, ReportSubmissions submissions, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(submissions);
        return submissions.RecordAsync(context, message, cancellation);
    }
}

/// <summary>Nothing can come of what a generator has submitted. It becomes a dead letter.</summary>
/// <param name="reason">Why.</param>
public sealed class SubmissionRefusedException(string reason) : Exception(reason);

/// <summary>The way of a submission into the event store. Nothing in it is believed before its signature is checked.</summary>
public sealed class ReportSubmissions
{
    private const int LongestPayload = 16 * 1024;
    private static readonly JsonSerializerOptions Strict = ContractJson.Apply(new(JsonSerializerOptions.Strict));
    private static readonly RequestReport.Validator Shape = new();

    private readonly GeneratorStore _generators;
    private readonly GeneratorSecrets _secrets;
    private readonly LifecycleStore _store;
    private readonly OutboxedSessionFactory _sessions;
    private readonly GenerationOrders _orders;
    private readonly TimeProvider _clock;

    internal ReportSubmissions(
        GeneratorStore generators,
        GeneratorSecrets secrets,
        LifecycleStore store,
        OutboxedSessionFactory sessions,
        GenerationOrders orders,
        TimeProvider clock) =>
        (_generators, _secrets, _store, _sessions, _orders, _clock) =
            (generators, secrets, store, sessions, orders, clock);

    internal async Task RecordAsync(IMessageContext context, ReportSubmitted message, CancellationToken cancellation)
    {
        var generator = await _generators.FindAsync(message.GeneratorId, cancellation);
        var submission = Open(message, generator);
        var report = Uuids.FromName(
            message.GeneratorId, $"{submission.MerchantId:D}/{submission.SubmissionId:D}");

        context.TenantId = Tenants.Name(submission.MerchantId);
        await using var session = _sessions.OpenSession(context);
        session.LastModifiedBy = message.GeneratorId.ToString("D");
        if (await session.Events.FetchStreamStateAsync(report, cancellation) is not null)
        {
            return;
        }

        // Of several at once all but one fail at the commit, and find the report when they are tried again.
        var requested = await DecideAsync(report, message.GeneratorId, submission, cancellation);
        session.Events.StartStream<Report>(report, requested);
        await _orders.FollowAsync([requested], session, context);
        await session.SaveChangesAsync(cancellation);
    }

    internal ReportSubmission Open(ReportSubmitted message, RegisteredGenerator? generator)
    {
        if (!_secrets.HasSigned(message.GeneratorId, generator, message.Payload, message.Signature))
        {
            throw new SubmissionRefusedException("The submission is not signed with the secret of a registered generator.");
        }

        if (generator!.IsDisabled)
        {
            throw new SubmissionRefusedException("The generator is disabled.");
        }

        var submission = Parse(message.Payload);
        return generator.MerchantId is null || generator.MerchantId == submission.MerchantId
            ? submission
            : throw new SubmissionRefusedException("The generator may not start reports for this merchant.");
    }

    internal static ReportSubmission Parse(string payload)
    {
        if (payload.Length > LongestPayload || !Base64Url.IsValid(payload))
        {
            throw new SubmissionRefusedException("The payload is not base64url, or is longer than 16 KiB.");
        }

        try
        {
            return JsonSerializer.Deserialize<ReportSubmission>(Base64Url.DecodeFromChars(payload), Strict)
                ?? throw new SubmissionRefusedException("The payload is null.");
        }
        catch (JsonException e)
        {
            throw new SubmissionRefusedException($"The payload is not a submission: {e.Message}");
        }
    }

    private async Task<Contracts.Events.ReportRequested> DecideAsync(
        Guid report, Guid generator, ReportSubmission submission, CancellationToken cancellation)
    {
        var command = new RequestReport.Command(
            submission.Interval,
            ReportSource.Auto,
            submission.Format,
            submission.FirstDay,
            submission.LastDay,
            submission.TimeZone,
            submission.Layout,
            submission.FilePrefix);
        if (Shape.Validate(command) is { IsValid: false } result)
        {
            var error = result.Errors[0];
            throw new SubmissionRefusedException($"{error.PropertyName} {error.ErrorMessage}.");
        }

        try
        {
            await _store.RequireActiveAsync(submission.MerchantId, cancellation);
            var (number, merchant) = await _store.NextNumberAsync(submission.MerchantId, cancellation);
            return RequestReport.Decide(
                report,
                number,
                merchant.Id,
                merchant.TimeZone,
                command,
                new Actor(ActorKind.Generator, generator.ToString("D")),
                _clock.GetUtcNow());
        }
        catch (ProblemException e)
        {
            throw new SubmissionRefusedException(e.Message);
        }
    }
}
