using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Takes a permission from a user.</summary>
public static class RevokePermission
{
    /// <summary>The command.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    /// <param name="Permission">The permission, in either of its spellings.</param>
    public sealed record Command(string UserName, string Permission) : IRequest
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(RevokePermission);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Permission).Must(UserRules.IsPermission)
            .WithMessage(UserRules.Permission).OverridePropertyName("permission");
    }

    internal static PermissionRevoked Decide(User? user, Command command, Actor by, DateTimeOffset now)
    {
        var active = UserRules.Active(user, command.UserName);
        var permission = Permissions.Canonical(command.Permission)!;
        return active.Permissions.Contains(permission)
            ? new PermissionRevoked(active.Id, permission, by, now)
            : throw Refusal.Conflict($"The user {command.UserName} does not have {permission}.");
    }

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
                (user, _) => Decide(user, command, current.Required.Actor, clock.GetUtcNow()),
                cancellationToken);
        }
    }
}
