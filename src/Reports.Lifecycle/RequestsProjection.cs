using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Lifecycle;

/// <summary>
/// Every report in every status, and the terms of each merchant. Written in the transaction of the event.
/// </summary>
internal sealed partial class RequestsProjection : EventProjection
{
    public RequestsProjection()
    {
        Name = "report_requests";
        IncludeType<MerchantRegistered>();
        IncludeType<MerchantChanged>();
        IncludeType<ReportRequested>();
        IncludeType<ReportGenerated>();
        IncludeType<ReportFinished>();
        IncludeType<ReportGenerationFailed>();

        var merchants = new Table("reports.lifecycle_merchants");
        merchants.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        merchants.AddColumn("time_zone", "text").NotNull();
        merchants.AddColumn("retention_days", "integer").NotNull();

        var requests = new Table("reports.report_requests");
        requests.AddColumn("report_id", "uuid").AsPrimaryKey();
        requests.AddColumn("merchant_id", "uuid").NotNull();
        requests.AddColumn("number", "bigint").NotNull();
        requests.AddColumn("report_name", "text").NotNull();
        requests.AddColumn("interval", "text").NotNull();
        requests.AddColumn("source", "text").NotNull();
        requests.AddColumn("file_format", "text").NotNull();
        requests.AddColumn("period_start", "timestamptz").NotNull();
        requests.AddColumn("period_end", "timestamptz").NotNull();
        requests.AddColumn("time_zone", "text").NotNull();
        requests.AddColumn("status", "text").NotNull();
        requests.AddColumn("attempt", "integer").NotNull();
        requests.AddColumn("created_at", "timestamptz").NotNull();
        requests.AddColumn("ended_at", "timestamptz");
        requests.AddColumn("failure_code", "text");
        requests.AddColumn("failure_message", "text");
        requests.AddColumn("failure_retryable", "boolean");
        requests.Indexes.Add(new IndexDefinition("report_requests_by_merchant")
        {
            Columns = ["merchant_id", "created_at", "report_id"],
        });

        foreach (var table in new[] { merchants, requests })
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
                    insert into reports.lifecycle_merchants (merchant_id, time_zone, retention_days) values (?, ?, ?)
                    on conflict (merchant_id) do nothing
                    """,
                    m.MerchantId, m.TimeZone, m.RetentionDays);
                break;
            case MerchantChanged m:
                operations.QueueSqlCommand(
                    "update reports.lifecycle_merchants set time_zone = ?, retention_days = ? where merchant_id = ?",
                    m.TimeZone, m.RetentionDays, m.MerchantId);
                break;
            case ReportRequested r:
                Add(operations, r);
                break;
            case ReportGenerated g:
                operations.QueueSqlCommand(
                    "update reports.report_requests set status = 'generating', attempt = ? where report_id = ?",
                    g.Attempt, g.ReportId);
                break;
            case ReportFinished f:
                operations.QueueSqlCommand(
                    "update reports.report_requests set status = 'finished', ended_at = ? where report_id = ?",
                    f.FinishedAt.ToUniversalTime(), f.ReportId);
                break;
            case ReportGenerationFailed f:
                operations.QueueSqlCommand(
                    """
                    update reports.report_requests set status = 'failed', ended_at = ?, attempt = ?,
                        failure_code = ?, failure_message = ?, failure_retryable = ?
                    where report_id = ?
                    """,
                    f.FailedAt.ToUniversalTime(), f.Attempt, f.Code, f.Message, f.Retryable, f.ReportId);
                break;
        }

        return ValueTask.CompletedTask;
    }

    private static void Add(IDocumentOperations operations, ReportRequested requested)
    {
        var report = requested.Report;
        operations.QueueSqlCommand(
            """
            insert into reports.report_requests
                (report_id, merchant_id, number, report_name, interval, source, file_format,
                 period_start, period_end, time_zone, status, attempt, created_at)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'requested', 1, ?)
            on conflict (report_id) do nothing
            """,
            requested.ReportId,
            requested.MerchantId,
            report.Number,
            report.Name,
            report.Interval.Word(),
            report.Source.Word(),
            report.Format.Word(),
            report.Period.Start.ToUniversalTime(),
            report.Period.End.ToUniversalTime(),
            report.Period.TimeZone,
            report.RequestedAt.ToUniversalTime());
    }
}
