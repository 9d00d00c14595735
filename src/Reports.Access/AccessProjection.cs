using System.Globalization;
using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Access;

/// <summary>
/// Who may do what, as it stands now. Written in the transaction of the event, read on every request.
/// </summary>
internal sealed partial class AccessProjection : EventProjection
{
    public AccessProjection()
    {
        Name = "access";
        IncludeType<MerchantRegistered>();
        IncludeType<ApiKeyIssued>();
        IncludeType<UserRegistered>();
        IncludeType<PermissionGranted>();

        var merchants = new Table("reports.access_merchants");
        merchants.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        merchants.AddColumn("time_zone", "text").NotNull();

        var credentials = new Table("reports.access_credentials");
        credentials.AddColumn("credential_id", "uuid").AsPrimaryKey();
        credentials.AddColumn("principal_id", "uuid").NotNull();
        credentials.AddColumn("principal_number", "integer").NotNull();
        credentials.AddColumn("merchant_id", "uuid");
        credentials.AddColumn("is_superuser", "boolean").NotNull();
        credentials.AddColumn("grants", "text[]").NotNull();
        credentials.AddColumn("expires_at", "timestamptz");

        foreach (var table in new[] { merchants, credentials })
        {
            SchemaObjects.Add(table);
            Options.DeleteDataInTableOnTeardown(table.Identifier.QualifiedName);
        }
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        switch (e.Data)
        {
            case MerchantRegistered m:
                operations.QueueSqlCommand(
                    """
                    insert into reports.access_merchants (merchant_id, time_zone) values (?, ?)
                    on conflict (merchant_id) do nothing
                    """,
                    m.MerchantId, m.TimeZone);
                break;
            case ApiKeyIssued k:
                Add(
                    operations, k.CredentialId, k.PrincipalId, k.PrincipalNumber, k.MerchantId, false, k.Scopes,
                    k.ExpiresAt);
                break;
            case UserRegistered u:
                Add(operations, u.UserId, u.UserId, u.PrincipalNumber, u.MerchantId, u.IsSuperuser, [], null);
                break;
            case PermissionGranted p:
                operations.QueueSqlCommand(
                    """
                    update reports.access_credentials set grants = array_append(array_remove(grants, ?), ?)
                    where credential_id = ?
                    """,
                    p.Permission, p.Permission, p.UserId);
                break;
        }

        return ValueTask.CompletedTask;
    }

    private static void Add(
        IDocumentOperations operations,
        Guid credential,
        Guid principal,
        int number,
        Guid? merchant,
        bool isSuperuser,
        IEnumerable<string> grants,
        DateTimeOffset? expiresAt) =>
        operations.QueueSqlCommand(
            """
            insert into reports.access_credentials
                (credential_id, principal_id, principal_number, merchant_id, is_superuser, grants, expires_at)
            values (?, ?, ?, nullif(?, '')::uuid, ?, ?, nullif(?, '')::timestamptz)
            on conflict (credential_id) do nothing
            """,
            credential,
            principal,
            number,
            merchant?.ToString() ?? "",
            isSuperuser,
            grants.ToArray(),
            expiresAt?.ToString("O", CultureInfo.InvariantCulture) ?? "");
}
