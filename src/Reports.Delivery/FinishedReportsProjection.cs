using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Delivery;

/// <summary>
/// The read model of the list: a row for each finished report with all that list and download answer, and the number
/// of reports for each UTC day, so that an exact count does not grow with a merchant's history. A report whose file has
/// expired is moved to a table of its own, where a download still finds why it is gone, and a walk that began before
/// still finds it. All are written in the transaction of the event; a repeated event changes none.
/// </summary>
internal sealed partial class FinishedReportsProjection : EventProjection
{
    public FinishedReportsProjection()
    {
        Name = "finished_reports";
        IncludeType<ReportFinished>();
        IncludeType<ReportExpired>();
        IncludeType<LegalHoldPlaced>();
        IncludeType<LegalHoldReleased>();
        foreach (var table in new[] { Finished(), Expired(), Days() })
        {
            SchemaObjects.Add(table);
            Options.DeleteDataInTableOnTeardown(table.Identifier.QualifiedName);
        }
    }

    /// <summary>The columns that a report's row gets from its event, in the order of <see cref="Row"/>.</summary>
    internal const string Columns =
        """
        report_id, merchant_id, number, report_name, interval, source, file_format, records_amount, created_at,
        generated_at, finished_at, period_start, period_end, time_zone, file_size, sha256, expires_at, storage_key,
        block_size, block_digests
        """;

    private const string Add =
        $"""
        with added as (
            insert into reports.finished_reports ({Columns})
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            on conflict (report_id) do nothing
            returning merchant_id, created_at, interval, source)
        insert into reports.finished_report_days as d (merchant_id, day, interval, source, n)
        select merchant_id, (created_at at time zone 'UTC')::date, interval, source, 1 from added
        on conflict (merchant_id, day, interval, source) do update set n = d.n + 1
        """;

    private const string Expire =
        $"""
        with gone as (delete from reports.finished_reports where report_id = ? returning {Columns}, finished_xid),
        kept as (
            insert into reports.expired_reports ({Columns}, finished_xid) select * from gone
            returning merchant_id, created_at, interval, source)
        update reports.finished_report_days d set n = d.n - 1 from kept
        where (d.merchant_id, d.day, d.interval, d.source)
            = (kept.merchant_id, (kept.created_at at time zone 'UTC')::date, kept.interval, kept.source)
        """;

    private const string Hold = "update reports.finished_reports set is_held = ? where report_id = ?";

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        if (Change(e.Data) is var (sql, values))
        {
            operations.QueueSqlCommand(sql, values);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>What an event changes: a statement with question marks, and their values.</summary>
    internal static (string Sql, object[] Values)? Change(object e) => e switch
    {
        ReportFinished finished => (Add, Row(finished)),
        ReportExpired expired => (Expire, [expired.ReportId]),
        LegalHoldPlaced placed => (Hold, [true, placed.ReportId]),
        LegalHoldReleased released => (Hold, [false, released.ReportId]),
        _ => null,
    };

    /// <summary>The row of a report.</summary>
    internal static object[] Row(ReportFinished finished)
    {
        var report = finished.Report;
        return
        [
            finished.ReportId,
            finished.MerchantId,
            report.Number,
            report.Name,
            report.Interval.Word(),
            report.Source.Word(),
            report.Format.Word(),
            finished.Records,
            report.RequestedAt.ToUniversalTime(),
            finished.GeneratedAt.ToUniversalTime(),
            finished.FinishedAt.ToUniversalTime(),
            report.Period.Start.ToUniversalTime(),
            report.Period.End.ToUniversalTime(),
            report.Period.TimeZone,
            finished.FileSize,
            Convert.FromHexString(finished.Sha256),
            finished.ExpiresAt.ToUniversalTime(),
            finished.StorageKey,
            finished.Blocks.Size,
            finished.Blocks.Digests,
        ];
    }

    private static Table Finished()
    {
        var rows = Rows("finished_reports");
        rows.AddColumn("is_held", "boolean").NotNull().DefaultValueByExpression("false");
        rows.Indexes.Add(new IndexDefinition("finished_reports_list")
        {
            Columns = ["merchant_id", "created_at", "report_id"],

            // Quoted as PostgreSQL itself shows it; otherwise each schema check would find a difference.
            IncludeColumns = ["\"interval\"", "source"],
        });
        rows.Indexes.Add(new IndexDefinition("finished_reports_since")
        {
            Columns = ["merchant_id", "finished_xid", "number"],
        });
        return rows;
    }

    private static Table Expired()
    {
        var rows = Rows("expired_reports");
        rows.AddColumn("expired_xid", "xid8").NotNull().DefaultValueByExpression("pg_current_xact_id()");
        rows.Indexes.Add(new IndexDefinition("expired_reports_lately") { Columns = ["merchant_id", "expired_xid"] });
        return rows;
    }

    private static Table Rows(string name)
    {
        var rows = new Table($"reports.{name}");
        rows.AddColumn("report_id", "uuid").AsPrimaryKey();
        rows.AddColumn("merchant_id", "uuid").NotNull();
        rows.AddColumn("number", "bigint").NotNull();
        rows.AddColumn("report_name", "text").NotNull();
        rows.AddColumn("interval", "text").NotNull();
        rows.AddColumn("source", "text").NotNull();
        rows.AddColumn("file_format", "text").NotNull();
        rows.AddColumn("records_amount", "bigint").NotNull();
        rows.AddColumn("created_at", "timestamptz").NotNull();
        rows.AddColumn("generated_at", "timestamptz").NotNull();
        rows.AddColumn("finished_at", "timestamptz").NotNull();
        rows.AddColumn("period_start", "timestamptz").NotNull();
        rows.AddColumn("period_end", "timestamptz").NotNull();
        rows.AddColumn("time_zone", "text").NotNull();
        rows.AddColumn("file_size", "bigint").NotNull();
        rows.AddColumn("sha256", "bytea").NotNull();
        rows.AddColumn("expires_at", "timestamptz").NotNull();
        rows.AddColumn("storage_key", "text").NotNull();
        rows.AddColumn("block_size", "integer").NotNull();
        rows.AddColumn("block_digests", "bytea").NotNull();
        rows.AddColumn("finished_xid", "xid8").NotNull().DefaultValueByExpression("pg_current_xact_id()");
        rows.Indexes.Add(new IndexDefinition($"{name}_number") { Columns = ["number"], IsUnique = true });
        return rows;
    }

    private static Table Days()
    {
        var days = new Table("reports.finished_report_days");
        days.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        days.AddColumn("day", "date").AsPrimaryKey();
        days.AddColumn("interval", "text").AsPrimaryKey();
        days.AddColumn("source", "text").AsPrimaryKey();
        days.AddColumn("n", "bigint").NotNull();
        return days;
    }
}
