using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Gives a user another password; the old one is not valid any more.</summary>
public static class ChangePassword
{
    /// <summary>The command.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    /// <param name="Password">The new password, 12 to 256 characters.</param>
    public sealed record Command(string UserName, string Password) : IRequest
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(ChangePassword);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Password).NewPassword();
    }

    internal static PasswordChanged Decide(User? user, string userName, Actor by, DateTimeOffset now) =>
        new(UserRules.Active(user, userName).Id, by, now);

    internal sealed class Handler(
        AccessStreams streams, SecretStore secrets, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public async Task Handle(Command command, CancellationToken cancellationToken)
        {
            var holder = await secrets.RequireUserAsync(command.UserName, cancellationToken);
            var verifier = await PasswordHash.CreateAsync(command.Password);
            await streams.ChangeAsync<User>(
                holder.Merchant,
                holder.Credential,
                (user, session) =>
                {
                    var changed = Decide(user, command.UserName, current.Required.Actor, clock.GetUtcNow());
                    SecretStore.Replace(session, changed.UserId, verifier);
                    return changed;
                },
                cancellationToken);
        }
    }
}
