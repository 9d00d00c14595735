namespace Reports.Contracts.Events;

/// <summary>A merchant was registered. First event of a Merchant stream.</summary>
/// <param name="MerchantId">The stream, and the tenant of all that is the merchant's.</param>
/// <param name="Name">The name of the business.</param>
/// <param name="TimeZone">The IANA name of the zone in which its days are counted.</param>
/// <param name="RetentionDays">For how many days the files of its reports are kept.</param>
/// <param name="By">Who registered it.</param>
/// <param name="RegisteredAt">When.</param>
[EventName("merchant.registered.v1")]
public sealed record MerchantRegistered(
    Guid MerchantId,
    string Name,
    string TimeZone,
    int RetentionDays,
    Actor By,
    DateTimeOffset RegisteredAt);

/// <summary>Quotas of one merchant that differ from the installation's.</summary>
/// <param name="RequestsPerDay">Requests of each principal in a day; none for the installation's.</param>
/// <param name="DownloadsPerHour">Report downloads of each principal in an hour; none for the installation's.</param>
public sealed record MerchantQuotas(int? RequestsPerDay, int? DownloadsPerHour);

/// <summary>A merchant's terms were changed. It names all of them, the unchanged ones too.</summary>
/// <param name="MerchantId">The stream.</param>
/// <param name="Name">The name of the business.</param>
/// <param name="TimeZone">The IANA name of the zone in which its days are counted.</param>
/// <param name="RetentionDays">For how many days the files of its reports are kept.</param>
/// <param name="Quotas">Its own quotas.</param>
/// <param name="By">Who changed them.</param>
/// <param name="ChangedAt">When.</param>
[EventName("merchant.changed.v1")]
public sealed record MerchantChanged(
    Guid MerchantId,
    string Name,
    string TimeZone,
    int RetentionDays,
    MerchantQuotas Quotas,
    Actor By,
    DateTimeOffset ChangedAt);

/// <summary>
/// A merchant was disabled: no credential of it is valid any more. Its reports and its record stay as they are.
/// </summary>
/// <param name="MerchantId">The stream.</param>
/// <param name="By">Who disabled it.</param>
/// <param name="DisabledAt">When.</param>
[EventName("merchant.disabled.v1")]
public sealed record MerchantDisabled(Guid MerchantId, Actor By, DateTimeOffset DisabledAt);

/// <summary>
/// An API key was issued. First event of a Credential stream. The secret is shown once; its keyed hash stands in a
/// side table and never in an event.
/// </summary>
/// <param name="CredentialId">The stream.</param>
/// <param name="PrincipalId">The lineage: keys that replace each other are one principal.</param>
/// <param name="PrincipalNumber">
/// The principal's number in this installation, from a database sequence; 20 bits.
/// </param>
/// <param name="MerchantId">The merchant; none for an auditor of all merchants.</param>
/// <param name="KeyId">The public part of the key.</param>
/// <param name="Scopes">What the key is for: <c>reports</c> or <c>audit:read</c>.</param>
/// <param name="ExpiresAt">Until when it is valid; none for no end.</param>
/// <param name="By">Who issued it.</param>
/// <param name="IssuedAt">When.</param>
[EventName("api-key.issued.v1")]
public sealed record ApiKeyIssued(
    Guid CredentialId,
    Guid PrincipalId,
    int PrincipalNumber,
    Guid? MerchantId,
    string KeyId,
    IReadOnlyList<string> Scopes,
    DateTimeOffset? ExpiresAt,
    Actor By,
    DateTimeOffset IssuedAt);

/// <summary>
/// An API key was replaced by a new one of the same lineage, whose own stream begins in the same commit.
/// </summary>
/// <param name="CredentialId">The stream: the old key's credential.</param>
/// <param name="NewCredentialId">The new key's credential.</param>
/// <param name="OldValidUntil">
/// Until when the old key still works; not after <paramref name="RotatedAt"/> when it ended at once.
/// </param>
/// <param name="By">Who rotated it.</param>
/// <param name="RotatedAt">When.</param>
[EventName("api-key.rotated.v1")]
public sealed record ApiKeyRotated(
    Guid CredentialId,
    Guid NewCredentialId,
    DateTimeOffset OldValidUntil,
    Actor By,
    DateTimeOffset RotatedAt);

/// <summary>An API key was revoked: it is not valid any more. Other keys of its lineage are.</summary>
/// <param name="CredentialId">The stream.</param>
/// <param name="By">Who revoked it.</param>
/// <param name="RevokedAt">When.</param>
[EventName("api-key.revoked.v1")]
public sealed record ApiKeyRevoked(Guid CredentialId, Actor By, DateTimeOffset RevokedAt);

/// <summary>
/// A user of a merchant was registered. First event of a User stream. User name and password hash stand in a side
/// table and never in an event.
/// </summary>
/// <param name="UserId">The stream, and the principal's id.</param>
/// <param name="PrincipalNumber">
/// The principal's number in this installation, from a database sequence; 20 bits.
/// </param>
/// <param name="MerchantId">The merchant.</param>
/// <param name="IsSuperuser">Whether every permission of the merchant is theirs.</param>
/// <param name="By">Who registered them.</param>
/// <param name="RegisteredAt">When.</param>
[EventName("user.registered.v1")]
public sealed record UserRegistered(
    Guid UserId,
    int PrincipalNumber,
    Guid MerchantId,
    bool IsSuperuser,
    Actor By,
    DateTimeOffset RegisteredAt);

/// <summary>A user was given a permission.</summary>
/// <param name="UserId">The stream.</param>
/// <param name="Permission">The permission, for example <c>report.can_view_report</c>.</param>
/// <param name="By">Who gave it.</param>
/// <param name="GrantedAt">When.</param>
[EventName("user.permission-granted.v1")]
public sealed record PermissionGranted(Guid UserId, string Permission, Actor By, DateTimeOffset GrantedAt);

/// <summary>A permission was taken from a user.</summary>
/// <param name="UserId">The stream.</param>
/// <param name="Permission">The permission, for example <c>report.can_view_report</c>.</param>
/// <param name="By">Who took it.</param>
/// <param name="RevokedAt">When.</param>
[EventName("user.permission-revoked.v1")]
public sealed record PermissionRevoked(Guid UserId, string Permission, Actor By, DateTimeOffset RevokedAt);

/// <summary>A user got another password; its hash stands in a side table.</summary>
/// <param name="UserId">The stream.</param>
/// <param name="By">Who set it.</param>
/// <param name="ChangedAt">When.</param>
[EventName("user.password-changed.v1")]
public sealed record PasswordChanged(Guid UserId, Actor By, DateTimeOffset ChangedAt);

/// <summary>A user was disabled: the name and password are not valid any more.</summary>
/// <param name="UserId">The stream.</param>
/// <param name="By">Who disabled them.</param>
/// <param name="DisabledAt">When.</param>
[EventName("user.disabled.v1")]
public sealed record UserDisabled(Guid UserId, Actor By, DateTimeOffset DisabledAt);

/// <summary>
/// Somebody was refused for want of a valid credential or of the right, or after too many failures, on an endpoint that
/// does not record each request by itself. A stream of its own. Refusals of one kind, which are those that differ in
/// nothing but their time and request, are one event each minute after the first of them.
/// </summary>
/// <param name="RefusalId">The stream.</param>
/// <param name="Endpoint">The method and the pattern of the path, never the path itself.</param>
/// <param name="Status">The HTTP status that was answered.</param>
/// <param name="Code">The problem code that was answered.</param>
/// <param name="Claimed">
/// Whose credential was presented in vain, when it names one that is known; nothing proves that it was them.
/// </param>
/// <param name="Origin">
/// Names the row that holds source address and user agent of the first; none when there are too many kinds to tell them
/// apart.
/// </param>
/// <param name="RequestId">The <c>X-Request-Id</c> of the first answer.</param>
/// <param name="Count">How many there were.</param>
/// <param name="By">Who was refused: nobody known, unless it was for want of the right.</param>
/// <param name="FirstAt">When the first was.</param>
/// <param name="LastAt">When the last was.</param>
[EventName("access.refused.v1")]
public sealed record AccessRefused(
    Guid RefusalId,
    string Endpoint,
    int Status,
    string Code,
    Actor? Claimed,
    string? Origin,
    string RequestId,
    int Count,
    Actor By,
    DateTimeOffset FirstAt,
    DateTimeOffset LastAt);
