using System.Globalization;
using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Access;

/// <summary>
/// Who may do what, as it stands now. Written in the transaction of the event. Each change that is more than an
/// addition also raises the epoch of access, in the same transaction: what a node remembers counts only as long as the
/// epoch is the one it was read with (<see cref="CredentialCache"/>).
/// </summary>
internal sealed partial class AccessProjection : EventProjection
{
    public AccessProjection()
    {
        Name = "access";
        IncludeType<MerchantRegistered>();
        IncludeType<MerchantChanged>();
        IncludeType<MerchantDisabled>();
        IncludeType<ApiKeyIssued>();
        IncludeType<ApiKeyRotated>();
        IncludeType<ApiKeyRevoked>();
        IncludeType<UserRegistered>();
        IncludeType<PermissionGranted>();
        IncludeType<PermissionRevoked>();
        IncludeType<PasswordChanged>();
        IncludeType<UserDisabled>();

        var merchants = new Table("reports.access_merchants");
        merchants.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        merchants.AddColumn("name", "text");
        merchants.AddColumn("time_zone", "text").NotNull();
        merchants.AddColumn("retention_days", "integer");
        merchants.AddColumn("requests_per_day", "integer");
        merchants.AddColumn("downloads_per_hour", "integer");
        merchants.AddColumn("disabled_at", "timestamptz");

        var credentials = new Table("reports.access_credentials");
        credentials.AddColumn("credential_id", "uuid").AsPrimaryKey();
        credentials.AddColumn("principal_id", "uuid").NotNull();
        credentials.AddColumn("principal_number", "integer").NotNull();
        credentials.AddColumn("merchant_id", "uuid");
        credentials.AddColumn("is_superuser", "boolean").NotNull();
        credentials.AddColumn("grants", "text[]").NotNull();
        credentials.AddColumn("expires_at", "timestamptz");
        credentials.AddColumn("key_id", "text");
        credentials.AddColumn("created_at", "timestamptz");
        credentials.AddColumn("replaced_by", "uuid");
        credentials.AddColumn("ended_at", "timestamptz");

        foreach (var table in new[] { merchants, credentials })
        {
            SchemaObjects.Add(table);
            Options.DeleteDataInTableOnTeardown(table.Identifier.QualifiedName);
        }

        // Not emptied by a rebuild: an epoch that came again could be taken for the one that was meant before.
        var epoch = new Table("reports.access_epoch");
        epoch.AddColumn("id", "integer").AsPrimaryKey();
        epoch.AddColumn("n", "bigint").NotNull();
        SchemaObjects.Add(epoch);
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        switch (e.Data)
        {
            case MerchantRegistered m:
                operations.QueueSqlCommand(
                    """
                    insert into reports.access_merchants (merchant_id, name, time_zone, retention_days)
                    values (?, ?, ?, ?)
                    on conflict (merchant_id) do nothing
                    """,
                    m.MerchantId, m.Name, m.TimeZone, m.RetentionDays);
                break;
            case ApiKeyIssued k:
                Add(
                    operations, k.CredentialId, k.PrincipalId, k.PrincipalNumber, k.MerchantId, false, k.Scopes,
                    k.ExpiresAt, k.KeyId, k.IssuedAt);
                break;
            case UserRegistered u:
                Add(
                    operations, u.UserId, u.UserId, u.PrincipalNumber, u.MerchantId, u.IsSuperuser, [], null, "",
                    u.RegisteredAt);
                break;

            // Named one by one: an inline projection is given every event that is appended, whatever it includes.
            case MerchantChanged or MerchantDisabled or ApiKeyRotated or ApiKeyRevoked or PermissionGranted
                or PermissionRevoked or PasswordChanged or UserDisabled:
                Change(operations, e.Data);
                operations.QueueSqlCommand(
                    """
                    insert into reports.access_epoch as epoch (id, n) values (1, 1)
                    on conflict (id) do update set n = epoch.n + 1
                    """);
                break;
        }

        return ValueTask.CompletedTask;
    }

    private static void Change(IDocumentOperations operations, object change)
    {
        switch (change)
        {
            case MerchantChanged m:
                operations.QueueSqlCommand(
                    """
                    update reports.access_merchants set name = ?, time_zone = ?, retention_days = ?,
                        requests_per_day = nullif(?, 0), downloads_per_hour = nullif(?, 0)
                    where merchant_id = ?
                    """,
                    m.Name, m.TimeZone, m.RetentionDays, m.Quotas.RequestsPerDay ?? 0, m.Quotas.DownloadsPerHour ?? 0,
                    m.MerchantId);
                break;
            case MerchantDisabled m:
                operations.QueueSqlCommand(
                    "update reports.access_merchants set disabled_at = ? where merchant_id = ?",
                    m.DisabledAt.ToUniversalTime(), m.MerchantId);
                break;
            case ApiKeyRotated k:
                Replace(operations, k);
                break;
            case ApiKeyRevoked k:
                End(operations, k.CredentialId, k.RevokedAt);
                break;
            case PermissionGranted p:
                operations.QueueSqlCommand(
                    """
                    update reports.access_credentials set grants = array_append(array_remove(grants, ?), ?)
                    where credential_id = ?
                    """,
                    p.Permission, p.Permission, p.UserId);
                break;
            case PermissionRevoked p:
                operations.QueueSqlCommand(
                    "update reports.access_credentials set grants = array_remove(grants, ?) where credential_id = ?",
                    p.Permission, p.UserId);
                break;
            case UserDisabled u:
                End(operations, u.UserId, u.DisabledAt);
                break;
        }
    }

    // An end that is at once does not wait for clocks that are behind.
    private static void Replace(IDocumentOperations operations, ApiKeyRotated rotated)
    {
        operations.QueueSqlCommand(
            """
            update reports.access_credentials set replaced_by = ?, expires_at = least(expires_at, ?)
            where credential_id = ?
            """,
            rotated.NewCredentialId, rotated.OldValidUntil.ToUniversalTime(), rotated.CredentialId);
        if (rotated.OldValidUntil <= rotated.RotatedAt)
        {
            End(operations, rotated.CredentialId, rotated.RotatedAt);
        }
    }

    private static void End(IDocumentOperations operations, Guid credential, DateTimeOffset at) =>
        operations.QueueSqlCommand(
            "update reports.access_credentials set ended_at = ? where credential_id = ?",
            at.ToUniversalTime(), credential);

    private static void Add(
        IDocumentOperations operations,
        Guid credential,
        Guid principal,
        int number,
        Guid? merchant,
        bool isSuperuser,
        IEnumerable<string> grants,
        DateTimeOffset? expiresAt,
        string keyId,
        DateTimeOffset createdAt) =>
        operations.QueueSqlCommand(
            """
            insert into reports.access_credentials
                (credential_id, principal_id, principal_number, merchant_id, is_superuser, grants, expires_at, key_id,
                 created_at)
            values (?, ?, ?, nullif(?, '')::uuid, ?, ?, nullif(?, '')::timestamptz, nullif(?, ''), ?)
            on conflict (credential_id) do nothing
            """,
            credential,
            principal,
            number,
            merchant?.ToString() ?? "",
            isSuperuser,
            grants.ToArray(),
            expiresAt?.ToString("O", CultureInfo.InvariantCulture) ?? "",
            keyId,
            createdAt.ToUniversalTime());
}
