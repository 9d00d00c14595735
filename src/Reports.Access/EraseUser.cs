using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Stream type of an erasure: each is a stream of its own.</summary>
internal sealed class ErasureStream;

/// <summary>
/// Erases a user's name and password hash, and disables the user, if they are not yet. Events go on naming a principal
/// id, which leads nowhere then. The name is free again, for another user.
/// </summary>
public static class EraseUser
{
    /// <summary>What an erasure did.</summary>
    /// <param name="Rows">How many rows are gone.</param>
    /// <param name="Records">The streams of the events that tell of it.</param>
    public sealed record Erased(int Rows, IReadOnlyList<Guid> Records);

    /// <summary>The command; of the merchant that is the current tenant.</summary>
    /// <param name="UserName">The name to sign in with.</param>
    /// <param name="Reason">Why; a reference, never a person's name.</param>
    public sealed record Command(string UserName, string Reason) : IRequest<Erased>
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(EraseUser);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Reason).ErasureReason();
    }

    internal static UserDisabled? Decide(User? user, string userName, Actor by, DateTimeOffset now) => user switch
    {
        null => throw Refusal.Unknown($"There is no user {userName}."),
        { IsDisabled: true } => null,
        _ => new UserDisabled(user.Id, by, now),
    };

    internal sealed class Handler(
        AccessStreams streams, SecretStore secrets, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command, Erased>
    {
        public async Task<Erased> Handle(Command command, CancellationToken cancellationToken)
        {
            var holder = await secrets.RequireUserAsync(command.UserName, cancellationToken);
            if (holder.Merchant != current.RequiredTenant)
            {
                throw Refusal.Unknown($"The merchant has no user {command.UserName}.");
            }

            var (user, by, now) = (holder.Credential, current.Required.Actor, clock.GetUtcNow());
            var erasure = new SubjectErased(
                Guid.CreateVersion7(now), ErasedSubject.User, [user.ToString()], 1, command.Reason, by, now);
            await streams.ChangeAsync<User>(
                holder.Merchant,
                user,
                (state, session) =>
                {
                    SecretStore.Erase(session, user);
                    session.Events.StartStream<ErasureStream>(erasure.ErasureId, erasure);
                    return Decide(state, command.UserName, by, now);
                },
                cancellationToken);
            return new Erased(1, [erasure.ErasureId]);
        }
    }
}

/// <summary>What is asked of every erasure.</summary>
internal static class ErasureRules
{
    private const int LongestReason = 500;

    public static void ErasureReason<T>(this IRuleBuilder<T, string> rule) => rule
        .Must(reason => reason.Trim().Length > 0 && reason.Length <= LongestReason && !reason.Any(char.IsControl))
        .WithMessage($"must be 1 to {LongestReason} characters, without control characters")
        .OverridePropertyName("reason");
}
