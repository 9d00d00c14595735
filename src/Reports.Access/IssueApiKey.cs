using FluentValidation;
using Marten;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Issues an API key of the current tenant, or an auditor's key.</summary>
public static class IssueApiKey
{
    /// <summary>The command.</summary>
    /// <param name="IsAuditor">Whether the key is for the audit surface instead of the merchant's reports.</param>
    /// <param name="IsLive">Whether it says <c>live</c> or <c>test</c>.</param>
    /// <param name="ExpiresAt">Until when it is valid; none for no end.</param>
    public sealed record Command(bool IsAuditor = false, bool IsLive = true, DateTimeOffset? ExpiresAt = null)
        : IRequest<Issued>;

    /// <summary>The new key. Its text is shown this once and stored nowhere.</summary>
    /// <param name="KeyId">Its public part.</param>
    /// <param name="Key">The key itself.</param>
    public sealed record Issued(string KeyId, string Key)
    {
        /// <inheritdoc/>
        public override string ToString() => $"API key {KeyId}";
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator(TimeProvider clock) => RuleFor(c => c.ExpiresAt)
            .Must(at => at is null || at > clock.GetUtcNow())
            .WithMessage("must be in the future")
            .OverridePropertyName("expires_at");
    }

    internal sealed class Handler(
        IDocumentSession session,
        CurrentCaller current,
        ApiKeyHasher hasher,
        PrincipalNumbers numbers,
        Merchants merchants,
        TimeProvider clock) : IRequestHandler<Command, Issued>
    {
        public async Task<Issued> Handle(Command command, CancellationToken cancellationToken)
        {
            await merchants.RequireActiveAsync(current.Required.Tenant, cancellationToken);
            var now = clock.GetUtcNow();
            var key = ApiKey.Create(command.IsLive);
            var credential = Guid.CreateVersion7(now);
            var issued = new ApiKeyIssued(
                credential,
                PrincipalId: credential,
                await numbers.NextAsync(cancellationToken),
                current.Required.Tenant,
                key.KeyId,
                [command.IsAuditor ? Scopes.AuditRead : Scopes.Reports],
                command.ExpiresAt,
                current.Required.Actor,
                now);
            session.Events.StartStream<Credential>(credential, issued);
            SecretStore.Store(session, SecretStore.ApiKeys, key.KeyId, credential, hasher.Hash(key));
            await session.SaveChangesAsync(cancellationToken);
            return new Issued(key.KeyId, key.Text);
        }
    }
}

/// <summary>What names a key.</summary>
internal static class KeyRules
{
    // A whole key is no name of it: it would be repeated in the error, and stays in the history of the shell.
    public static void KeyId<T>(this IRuleBuilder<T, string> rule) => rule
        .Must(id => id.Length == ApiKey.KeyIdLength && id.All(char.IsAsciiLetterOrDigit))
        .WithMessage("must be the public part of a key: the 10 letters and digits after rk_live_ or rk_test_")
        .OverridePropertyName("key_id");
}
