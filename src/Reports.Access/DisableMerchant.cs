using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Disables the current tenant: none of its credentials is valid any more.</summary>
public static class DisableMerchant
{
    /// <summary>The command.</summary>
    public sealed record Command : IRequest;

    internal static MerchantDisabled Decide(Merchant? merchant, Guid id, Actor by, DateTimeOffset now) =>
        merchant switch
        {
            null => throw Refusal.Unknown($"There is no merchant {id}."),
            { IsDisabled: true } => throw Refusal.Conflict($"The merchant {id} is disabled already."),
            _ => new MerchantDisabled(id, by, now),
        };

    internal sealed class Handler(AccessStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken)
        {
            var merchant = current.RequiredTenant;
            return streams.ChangeAsync<Merchant>(
                merchant,
                merchant,
                (state, _) => Decide(state, merchant, current.Required.Actor, clock.GetUtcNow()),
                cancellationToken);
        }
    }
}
