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
