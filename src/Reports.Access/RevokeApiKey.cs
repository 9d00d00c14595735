using FluentValidation;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Revokes an API key at once. Other keys of its lineage stay valid.</summary>
public static class RevokeApiKey
{
    /// <summary>The command.</summary>
    /// <param name="KeyId">The public part of the key.</param>
    public sealed record Command(string KeyId) : IRequest;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.KeyId).KeyId();
    }

    internal static ApiKeyRevoked Decide(Credential? credential, string keyId, Actor by, DateTimeOffset now) =>
        credential switch
        {
            null => throw Refusal.Unknown($"There is no API key {keyId}."),
            { IsRevoked: true } => throw Refusal.Conflict($"The API key {keyId} is revoked already."),
            _ => new ApiKeyRevoked(credential.Id, by, now),
        };

    internal sealed class Handler(
        AccessStreams streams, SecretStore secrets, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public async Task Handle(Command command, CancellationToken cancellationToken)
        {
            var holder = await secrets.RequireKeyAsync(command.KeyId, cancellationToken);
            await streams.ChangeAsync<Credential>(
                holder.Merchant,
                holder.Credential,
                (state, _) => Decide(state, command.KeyId, current.Required.Actor, clock.GetUtcNow()),
                cancellationToken);
        }
    }
}
