using FluentValidation;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>Keeps a finished report of the current tenant beyond its time.</summary>
public static class PlaceLegalHold
{
    /// <summary>The command.</summary>
    /// <param name="ReportId">The report.</param>
    /// <param name="Reason">Why; a reference, never a person's name.</param>
    public sealed record Command(Guid ReportId, string Reason) : IRequest;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Reason).HoldReason();
    }

    // Holding twice is a no-op. What is not finished has no file yet, and may never have one.
    internal static IReadOnlyList<object> Decide(Report? report, string reason, Actor by, DateTimeOffset now) =>
        report switch
        {
            null => throw new ProblemException(Problem.NotFound with { Detail = "The merchant has no such report." }),
            { IsHeld: true } => [],
            { Status: ReportStatus.Finished } => [new LegalHoldPlaced(report.Id, reason, by, now)],
            { Status: ReportStatus.Expired } => throw new ProblemException(Problem.Conflict with
            {
                Detail = "The report has expired: there is no file any more.",
            }),
            _ => throw new ProblemException(Problem.Conflict with
            {
                Detail = $"Only a finished report has a file to keep; this one is {report.Status.Word()}.",
            }),
        };

    internal sealed class Handler(LifecycleStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken) => streams.ChangeAsync<Report>(
            command.ReportId,
            report => Decide(report, command.Reason, current.Required.Actor, clock.GetUtcNow()),
            cancellationToken);
    }
}

/// <summary>Lets a report's time count again. If it is over, the file goes at the next turn.</summary>
public static class ReleaseLegalHold
{
    /// <summary>The command.</summary>
    /// <param name="ReportId">The report.</param>
    /// <param name="Reason">Why; a reference, never a person's name.</param>
    public sealed record Command(Guid ReportId, string Reason) : IRequest;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Reason).HoldReason();
    }

    internal static IReadOnlyList<object> Decide(Report? report, string reason, Actor by, DateTimeOffset now) =>
        report switch
        {
            null => throw new ProblemException(Problem.NotFound with { Detail = "The merchant has no such report." }),
            { IsHeld: true } => [new LegalHoldReleased(report.Id, reason, by, now)],
            _ => [],
        };

    internal sealed class Handler(LifecycleStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken) => streams.ChangeAsync<Report>(
            command.ReportId,
            report => Decide(report, command.Reason, current.Required.Actor, clock.GetUtcNow()),
            cancellationToken);
    }
}

/// <summary>The reports that are held, of the current tenant or of all; the first held first.</summary>
public static class ListLegalHolds
{
    /// <summary>The query.</summary>
    public sealed record Query : IRequest<IReadOnlyList<Row>>;

    /// <summary>A held report.</summary>
    /// <param name="ReportId">The report.</param>
    /// <param name="MerchantId">Whose it is.</param>
    /// <param name="Name">The name of its file.</param>
    /// <param name="Reason">Why it is held.</param>
    /// <param name="HeldAt">Since when.</param>
    /// <param name="ExpiresAt">Until when its file would be kept without it.</param>
    public sealed record Row(
        Guid ReportId, Guid MerchantId, string Name, string Reason, DateTimeOffset HeldAt, DateTimeOffset ExpiresAt);

    internal sealed class Handler(NpgsqlDataSource database, CurrentCaller current)
        : IRequestHandler<Query, IReadOnlyList<Row>>
    {
        public async Task<IReadOnlyList<Row>> Handle(Query query, CancellationToken cancellationToken)
        {
            await using var command = database.CreateCommand(
                """
                select report_id, merchant_id, report_name, hold_reason, held_at, expires_at
                from reports.report_requests where is_held and ($1::uuid is null or merchant_id = $1)
                order by held_at, report_id
                """);
            command.Parameters.Add(new NpgsqlParameter<Guid?> { TypedValue = current.Required.Tenant });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<Row>();
            while (await row.ReadAsync(cancellationToken))
            {
                rows.Add(new Row(
                    row.GetGuid(0), row.GetGuid(1), row.GetString(2), row.GetString(3),
                    row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5)));
            }

            return rows;
        }
    }
}

/// <summary>What the reason of a hold may be.</summary>
internal static class HoldRules
{
    public static void HoldReason<T>(this IRuleBuilder<T, string?> rule) => rule
        .Must(reason => reason?.Trim().Length is >= 1 and <= 500 && !reason.Any(char.IsControl))
        .WithMessage("must be 1 to 500 characters, without control characters").OverridePropertyName("reason");
}
