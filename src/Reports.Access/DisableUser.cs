using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Disables a user: name and password are not valid any more.</summary>
public static class DisableUser
{
    /// <summary>The command.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    public sealed record Command(string UserName) : IRequest
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(DisableUser);
    }

    internal static UserDisabled Decide(User? user, string userName, Actor by, DateTimeOffset now) =>
        new(UserRules.Active(user, userName).Id, by, now);

    internal sealed class Handler(
        AccessStreams streams, SecretStore secrets, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public async Task Handle(Command command, CancellationToken cancellationToken)
        {
            var holder = await secrets.RequireUserAsync(command.UserName, cancellationToken);
            await streams.ChangeAsync<User>(
                holder.Merchant,
                holder.Credential,
                (user, _) => Decide(user, command.UserName, current.Required.Actor, clock.GetUtcNow()),
                cancellationToken);
        }
    }
}
