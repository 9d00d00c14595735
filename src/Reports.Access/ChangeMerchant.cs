using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Changes the terms of the current tenant. What is not named stays as it is.</summary>
public static class ChangeMerchant
{
    /// <summary>The command.</summary>
    /// <param name="Name">The name of the business; none to leave it.</param>
    /// <param name="TimeZone">The IANA name of its time zone; none to leave it.</param>
    /// <param name="RetentionDays">For how many days the files of its reports are kept; none to leave it.</param>
    /// <param name="RequestsPerDay">Requests of each principal in a day; none to leave it.</param>
    /// <param name="DownloadsPerHour">Report downloads of each principal in an hour; none to leave it.</param>
    public sealed record Command(
        string? Name = null,
        string? TimeZone = null,
        int? RetentionDays = null,
        QuotaTerm? RequestsPerDay = null,
        QuotaTerm? DownloadsPerHour = null) : IRequest;

    /// <summary>A quota as a command names it.</summary>
    /// <param name="Limit">How many; none for the installation's.</param>
    public sealed record QuotaTerm(int? Limit);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Name).MerchantName();
            RuleFor(c => c.TimeZone).MerchantTimeZone();
            RuleFor(c => c.RetentionDays).Must(days => days is not { } d || MerchantRules.IsRetention(d))
                .WithMessage(MerchantRules.Retention).OverridePropertyName("retention_days");
            RuleFor(c => c.RequestsPerDay).Must(IsQuota).WithMessage("must be 1 or more")
                .OverridePropertyName("requests_per_day");
            RuleFor(c => c.DownloadsPerHour).Must(IsQuota).WithMessage("must be 1 or more")
                .OverridePropertyName("downloads_per_hour");
        }

        private static bool IsQuota(QuotaTerm? quota) => quota?.Limit is not { } limit || limit >= 1;
    }

    internal static MerchantChanged Decide(
        Merchant? merchant, Guid id, Command command, Actor by, DateTimeOffset now)
    {
        if (merchant is null)
        {
            throw Refusal.Unknown($"There is no merchant {id}.");
        }

        var quotas = merchant.Quotas;
        var changed = merchant with
        {
            Name = command.Name ?? merchant.Name,
            TimeZone = command.TimeZone ?? merchant.TimeZone,
            RetentionDays = command.RetentionDays ?? merchant.RetentionDays,
            Quotas = new MerchantQuotas(
                command.RequestsPerDay is { } requests ? requests.Limit : quotas.RequestsPerDay,
                command.DownloadsPerHour is { } downloads ? downloads.Limit : quotas.DownloadsPerHour),
        };
        return changed == merchant
            ? throw Refusal.Conflict($"There is nothing to change: merchant {id} has these terms already.")
            : new MerchantChanged(
                id, changed.Name, changed.TimeZone, changed.RetentionDays, changed.Quotas, by, now);
    }

    internal sealed class Handler(AccessStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken)
        {
            var merchant = current.RequiredTenant;
            return streams.ChangeAsync<Merchant>(
                merchant,
                merchant,
                (state, _) => Decide(state, merchant, command, current.Required.Actor, clock.GetUtcNow()),
                cancellationToken);
        }
    }
}
