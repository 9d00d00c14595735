using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Registers a merchant. From then on it is a tenant.</summary>
public static class RegisterMerchant
{
    /// <summary>The command.</summary>
    /// <param name="Name">The name of the business.</param>
    /// <param name="TimeZone">The IANA name of its time zone.</param>
    /// <param name="RetentionDays">For how many days the files of its reports are kept.</param>
    public sealed record Command(string Name, string TimeZone = "UTC", int RetentionDays = 365) : IRequest<Guid>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Name).MerchantName();
            RuleFor(c => c.TimeZone).MerchantTimeZone();
            RuleFor(c => c.RetentionDays).Must(MerchantRules.IsRetention).WithMessage(MerchantRules.Retention)
                .OverridePropertyName("retention_days");
        }
    }

    internal sealed class Handler(AccessStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command command, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var merchant = Guid.CreateVersion7(now);
            var actor = current.Required.Actor;

            // The merchant is a tenant only from this event on, so the session cannot be the scope's.
            await using var session = streams.Open(merchant);
            session.Events.StartStream<Merchant>(merchant, new MerchantRegistered(
                merchant, command.Name, command.TimeZone, command.RetentionDays, actor, now));
            await session.SaveChangesAsync(cancellationToken);
            return merchant;
        }
    }
}

/// <summary>What the terms of a merchant may be.</summary>
internal static class MerchantRules
{
    public const string Retention = "must be 1 to 3660";

    public static bool IsRetention(int days) => days is >= 1 and <= 3660;

    public static void MerchantName<T>(this IRuleBuilder<T, string?> rule) => rule
        .Must(name => name is null || (name.Trim().Length is >= 1 and <= 200 && !name.Any(char.IsControl)))
        .WithMessage("must be 1 to 200 characters, without control characters").OverridePropertyName("name");

    public static void MerchantTimeZone<T>(this IRuleBuilder<T, string?> rule) => rule
        .Must(zone => zone is null || (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) && found.HasIanaId))
        .WithMessage("is not an IANA time zone, such as Asia/Kuwait").OverridePropertyName("time_zone");
}
