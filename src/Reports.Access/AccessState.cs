using JasperFx.Events;
using Marten.Events.Aggregation;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>A merchant as its events tell it.</summary>
internal sealed record Merchant(
    Guid Id, string Name, string TimeZone, int RetentionDays, MerchantQuotas Quotas, bool IsDisabled)
{
    /// <summary>The state after one more event. Events that say nothing of the state leave it as it is.</summary>
    public static Merchant? Fold(Merchant? merchant, object @event) => (merchant, @event) switch
    {
        (null, MerchantRegistered e) =>
            new Merchant(e.MerchantId, e.Name, e.TimeZone, e.RetentionDays, new MerchantQuotas(null, null), false),
        (not null, MerchantChanged e) => merchant with
        {
            Name = e.Name,
            TimeZone = e.TimeZone,
            RetentionDays = e.RetentionDays,
            Quotas = e.Quotas,
        },
        (not null, MerchantDisabled) => merchant with { IsDisabled = true },
        _ => merchant,
    };
}

/// <summary>An API key as its events tell it.</summary>
internal sealed record Credential(Guid Id, ApiKeyIssued Issued, DateTimeOffset? ValidUntil, bool IsRevoked)
{
    /// <summary>The state after one more event. Events that say nothing of the state leave it as it is.</summary>
    public static Credential? Fold(Credential? credential, object @event) => (credential, @event) switch
    {
        (null, ApiKeyIssued e) => new Credential(e.CredentialId, e, e.ExpiresAt, false),
        (not null, ApiKeyRotated e) => credential with { ValidUntil = Earlier(credential.ValidUntil, e.OldValidUntil) },
        (not null, ApiKeyRevoked) => credential with { IsRevoked = true },
        _ => credential,
    };

    /// <summary>The end of the overlap, which never lengthens what was shorter.</summary>
    public static DateTimeOffset Earlier(DateTimeOffset? first, DateTimeOffset second) =>
        first is { } end && end < second ? end : second;
}

/// <summary>A user as its events tell it.</summary>
internal sealed record User(Guid Id, IReadOnlyList<string> Permissions, bool IsDisabled)
{
    /// <summary>The state after one more event. Events that say nothing of the state leave it as it is.</summary>
    public static User? Fold(User? user, object @event) => (user, @event) switch
    {
        (null, UserRegistered e) => new User(e.UserId, [], false),
        (not null, PermissionGranted e) =>
            user with { Permissions = [.. user.Permissions.Where(p => p != e.Permission), e.Permission] },
        (not null, PermissionRevoked e) =>
            user with { Permissions = [.. user.Permissions.Where(p => p != e.Permission)] },
        (not null, UserDisabled) => user with { IsDisabled = true },
        _ => user,
    };
}

/// <summary>Lets the event store fold a stream by <see cref="Merchant.Fold"/>.</summary>
internal sealed partial class MerchantFold : SingleStreamProjection<Merchant, Guid>
{
    public override Merchant? Evolve(Merchant? snapshot, Guid id, IEvent e) => Merchant.Fold(snapshot, e.Data);
}

/// <summary>Lets the event store fold a stream by <see cref="Credential.Fold"/>.</summary>
internal sealed partial class CredentialFold : SingleStreamProjection<Credential, Guid>
{
    public override Credential? Evolve(Credential? snapshot, Guid id, IEvent e) => Credential.Fold(snapshot, e.Data);
}

/// <summary>Lets the event store fold a stream by <see cref="User.Fold"/>.</summary>
internal sealed partial class UserFold : SingleStreamProjection<User, Guid>
{
    public override User? Evolve(User? snapshot, Guid id, IEvent e) => User.Fold(snapshot, e.Data);
}
