using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Gives a user a permission.</summary>
public static class GrantPermission
{
    /// <summary>The command.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    /// <param name="Permission">The permission, in either of its spellings.</param>
    public sealed record Command(string UserName, string Permission) : IRequest
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(GrantPermission);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Permission).Must(UserRules.IsPermission)
            .WithMessage(UserRules.Permission).OverridePropertyName("permission");
    }

    internal static PermissionGranted Decide(User? user, Command command, Actor by, DateTimeOffset now)
    {
        var active = UserRules.Active(user, command.UserName);
        var permission = Permissions.Canonical(command.Permission)!;
        return active.Permissions.Contains(permission)
            ? throw Refusal.Conflict($"The user {command.UserName} has {permission} already.")
            : new PermissionGranted(active.Id, permission, by, now);
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
