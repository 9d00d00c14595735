using FluentValidation;
using Marten;
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
            RuleFor(c => c.Name).Length(1, 200).WithMessage("must be 1 to 200 characters")
                .OverridePropertyName("name");
            RuleFor(c => c.TimeZone)
                .Must(zone => TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) && found.HasIanaId)
                .WithMessage("is not an IANA time zone, such as Asia/Kuwait")
                .OverridePropertyName("time_zone");
            RuleFor(c => c.RetentionDays).InclusiveBetween(1, 3660).WithMessage("must be 1 to 3660")
                .OverridePropertyName("retention_days");
        }
    }

    internal sealed class Handler(IDocumentStore store, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command command, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var merchant = Guid.CreateVersion7(now);
            var actor = current.Required.Actor;

            // The merchant is a tenant only from this event on, so the session cannot be the scope's.
            await using var session = store.LightweightSession(Tenants.Name(merchant));
            session.LastModifiedBy = actor.Id;
            session.Events.StartStream<MerchantStream>(merchant, new MerchantRegistered(
                merchant, command.Name, command.TimeZone, command.RetentionDays, actor, now));
            await session.SaveChangesAsync(cancellationToken);
            return merchant;
        }
    }
}
