using FluentValidation;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>
/// Issues a new API key in place of one: of the same principal, so that download tokens stay valid, with the same
/// scopes. The old key works on for a while, so that programs can change over one by one.
/// </summary>
public static class RotateApiKey
{
    /// <summary>The command.</summary>
    /// <param name="KeyId">The public part of the key to replace.</param>
    /// <param name="Overlap">For how long the old key still works; zero ends it now.</param>
    /// <param name="IsLive">Whether the new key says <c>live</c> or <c>test</c>.</param>
    /// <param name="ExpiresAt">Until when the new key is valid; none for as long as the old one was.</param>
    public sealed record Command(
        string KeyId, TimeSpan Overlap, bool IsLive = true, DateTimeOffset? ExpiresAt = null)
        : IRequest<IssueApiKey.Issued>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator(TimeProvider clock)
        {
            RuleFor(c => c.KeyId).KeyId();
            RuleFor(c => c.Overlap).InclusiveBetween(TimeSpan.Zero, TimeSpan.FromDays(366))
                .WithMessage("must be 0 to 366 days").OverridePropertyName("overlap");
            RuleFor(c => c.ExpiresAt).Must(at => at is null || at > clock.GetUtcNow())
                .WithMessage("must be in the future").OverridePropertyName("expires_at");
        }
    }

    /// <summary>The end of the old key and the beginning of the new one.</summary>
    internal static (ApiKeyRotated Rotated, ApiKeyIssued Issued) Decide(
        Credential? old, int liveOthers, Guid id, string newKeyId, Command command, Actor by, DateTimeOffset now)
    {
        var keyId = command.KeyId;
        if (old is null)
        {
            throw Refusal.Unknown($"There is no API key {keyId}.");
        }

        if (old.IsRevoked)
        {
            throw Refusal.Conflict($"The API key {keyId} is revoked: `key issue` makes a new one.");
        }

        if (old.ValidUntil <= now)
        {
            throw Refusal.Conflict(
                $"The API key {keyId} is not valid any more: rotate its successor, or issue a new one.");
        }

        if (liveOthers > 0)
        {
            throw Refusal.Conflict(
                $"Two keys of this lineage work already, {keyId} and another one: wait for the end of the overlap, or "
                + "revoke the one that is not needed.");
        }

        var issued = old.Issued with
        {
            CredentialId = id,
            KeyId = newKeyId,
            ExpiresAt = command.ExpiresAt ?? old.Issued.ExpiresAt,
            By = by,
            IssuedAt = now,
        };
        var until = Credential.Earlier(old.ValidUntil, now + command.Overlap);
        return (new ApiKeyRotated(old.Id, id, until, by, now), issued);
    }

    internal sealed class Handler(
        AccessStreams streams,
        SecretStore secrets,
        Merchants merchants,
        ApiKeyHasher hasher,
        NpgsqlDataSource database,
        CurrentCaller current,
        TimeProvider clock) : IRequestHandler<Command, IssueApiKey.Issued>
    {
        public async Task<IssueApiKey.Issued> Handle(Command command, CancellationToken cancellationToken)
        {
            var holder = await secrets.RequireKeyAsync(command.KeyId, cancellationToken);
            await merchants.RequireActiveAsync(holder.Merchant, cancellationToken);
            var key = ApiKey.Create(command.IsLive);
            await streams.ChangeAsync<Credential>(
                holder.Merchant,
                holder.Credential,
                async (old, session) =>
                {
                    var now = clock.GetUtcNow();
                    var others = await CountLiveOthersAsync(holder.Credential, now, cancellationToken);
                    var (rotated, issued) = Decide(
                        old, others, Guid.CreateVersion7(now), key.KeyId, command, current.Required.Actor, now);
                    session.Events.StartStream<Credential>(issued.CredentialId, issued);
                    SecretStore.Store(session, SecretStore.ApiKeys, key.KeyId, issued.CredentialId, hasher.Hash(key));
                    return rotated;
                },
                cancellationToken);
            return new IssueApiKey.Issued(key.KeyId, key.Text);
        }

        // Two rotations at once can only be of the same key, the one that works: its stream's version lets one through.
        private async Task<int> CountLiveOthersAsync(
            Guid credential, DateTimeOffset now, CancellationToken cancellation)
        {
            await using var command = database.CreateCommand(
                """
                select count(*)::int
                from reports.access_credentials this join reports.access_credentials other using (principal_id)
                where this.credential_id = $1 and other.credential_id <> $1
                  and other.ended_at is null and (other.expires_at is null or other.expires_at > $2)
                """);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = credential });
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
            return (int)(await command.ExecuteScalarAsync(cancellation))!;
        }
    }
}
