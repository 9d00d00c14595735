using System.Globalization;
using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>
/// The quotas of merchants that have their own: null stands for the installation's. Written in the transaction of the
/// event, so that a change holds from its commit on.
/// </summary>
internal sealed partial class QuotaOverridesProjection : EventProjection
{
    public QuotaOverridesProjection()
    {
        Name = "quota_overrides";
        IncludeType<MerchantChanged>();

        var overrides = new Table("reports.quota_overrides");
        overrides.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        overrides.AddColumn("requests_per_day", "integer");
        overrides.AddColumn("downloads_per_hour", "integer");
        SchemaObjects.Add(overrides);
        Options.DeleteDataInTableOnTeardown(overrides.Identifier.QualifiedName);
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        if (e.Data is MerchantChanged changed)
        {
            operations.QueueSqlCommand(
                """
                insert into reports.quota_overrides (merchant_id, requests_per_day, downloads_per_hour)
                values (?, nullif(?, '')::integer, nullif(?, '')::integer)
                on conflict (merchant_id) do update
                set requests_per_day = excluded.requests_per_day, downloads_per_hour = excluded.downloads_per_hour
                """,
                changed.MerchantId,
                Text(changed.Quotas.RequestsPerDay),
                Text(changed.Quotas.DownloadsPerHour));
        }

        return ValueTask.CompletedTask;
    }

    private static string Text(int? quota) => quota?.ToString(CultureInfo.InvariantCulture) ?? "";
}
