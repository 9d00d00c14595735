using System.Security.Cryptography;
using System.Text.Json;
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
    /// <summary>The index that lets the same manual report run only once at a time.</summary>
    public const string RunningOnce = "report_requests_running_once";

    public RequestsProjection()
    {
        Name = "report_requests";
        IncludeType<MerchantRegistered>();
        IncludeType<MerchantChanged>();
        IncludeType<MerchantDisabled>();
        IncludeType<ReportRequested>();
        IncludeType<GenerationStarted>();
        IncludeType<GenerationAttemptFailed>();
        IncludeType<ReportGenerated>();
        IncludeType<ReportFinished>();
        IncludeType<ReportGenerationFailed>();
        IncludeType<ReportCancelled>();
        IncludeType<LegalHoldPlaced>();
        IncludeType<LegalHoldReleased>();
        IncludeType<ReportExpired>();

        var merchants = new Table("reports.lifecycle_merchants");
        merchants.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        merchants.AddColumn("time_zone", "text").NotNull();
        merchants.AddColumn("retention_days", "integer").NotNull();
        merchants.AddColumn("is_disabled", "boolean").NotNull().DefaultValueByExpression("false");

        var requests = Requests();
        foreach (var table in new[] { merchants, requests })
        {
            SchemaObjects.Add(table);
            Options.DeleteDataInTableOnTeardown(table.Identifier.QualifiedName);
        }
    }

    private static Table Requests()
    {
        var requests = new Table("reports.report_requests");
        requests.AddColumn("report_id", "uuid").AsPrimaryKey();
        requests.AddColumn("merchant_id", "uuid").NotNull();
        requests.AddColumn("number", "bigint").NotNull();
        requests.AddColumn("report_name", "text").NotNull();
        requests.AddColumn("interval", "text").NotNull();
        requests.AddColumn("source", "text").NotNull();
        requests.AddColumn("file_format", "text").NotNull();
        requests.AddColumn("layout", "jsonb").NotNull().DefaultValueByExpression("'{}'::jsonb");
        requests.AddColumn("period_start", "timestamptz").NotNull();
        requests.AddColumn("period_end", "timestamptz").NotNull();
        requests.AddColumn("time_zone", "text").NotNull();
        requests.AddColumn("schedule_id", "uuid");
        requests.AddColumn("status", "text").NotNull();
        requests.AddColumn("attempt", "integer").NotNull();
        requests.AddColumn("created_at", "timestamptz").NotNull();
        requests.AddColumn("started_at", "timestamptz");
        requests.AddColumn("retry_at", "timestamptz");
        requests.AddColumn("ended_at", "timestamptz");
        requests.AddColumn("failure_code", "text");
        requests.AddColumn("failure_message", "text");
        requests.AddColumn("failure_retryable", "boolean");
        requests.AddColumn("failure_attempt", "integer");
        requests.AddColumn("expires_at", "timestamptz");
        requests.AddColumn("is_held", "boolean").NotNull().DefaultValueByExpression("false");
        requests.AddColumn("hold_reason", "text");
        requests.AddColumn("held_at", "timestamptz");
        requests.AddColumn("expiry_claimed_until", "timestamptz");
        requests.AddColumn("fingerprint", "bytea");
        requests.Indexes.Add(new IndexDefinition("report_requests_by_merchant")
        {
            Columns = ["merchant_id", "created_at", "report_id"],
        });

        requests.Indexes.Add(new IndexDefinition("report_requests_by_status")
        {
            Columns = ["merchant_id", "status", "created_at", "report_id"],
        });
        requests.Indexes.Add(new IndexDefinition("report_requests_by_schedule")
        {
            Columns = ["schedule_id", "created_at", "report_id"],
            Predicate = "schedule_id is not null",
        });

        // The same manual report runs once at a time. What schedules ask for differs by its period, each asked for once.
        requests.Indexes.Add(new IndexDefinition(RunningOnce)
        {
            Columns = ["merchant_id", "fingerprint"],
            IsUnique = true,
            Predicate = "status = ANY (ARRAY['requested'::text, 'generating'::text])", // as PostgreSQL writes it itself
        });
        requests.Indexes.Add(new IndexDefinition("report_requests_by_expiry")
        {
            Columns = ["expires_at"],
            Predicate = "status = 'finished' and not is_held",
        });
        return requests;
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
            case MerchantDisabled m:
                operations.QueueSqlCommand(
                    "update reports.lifecycle_merchants set is_disabled = true where merchant_id = ?", m.MerchantId);
                break;
            case ReportRequested r:
                Add(operations, r);
                break;
            case GenerationStarted g:
                operations.QueueSqlCommand(
                    """
                    update reports.report_requests
                    set status = 'generating', attempt = ?, started_at = ?, retry_at = null where report_id = ?
                    """,
                    g.Attempt, g.StartedAt.ToUniversalTime(), g.ReportId);
                break;
            case GenerationAttemptFailed f:
                Fail(operations, f.ReportId, "requested", f.Code, f.Message, isRetryable: true, f.Attempt);
                operations.QueueSqlCommand(
                    "update reports.report_requests set attempt = ?, started_at = null, retry_at = ? where report_id = ?",
                    f.Attempt + 1, f.RetryAt.ToUniversalTime(), f.ReportId);
                break;
            case ReportGenerated g:
                operations.QueueSqlCommand(
                    "update reports.report_requests set status = 'generating', attempt = ?, retry_at = null where report_id = ?",
                    g.Attempt, g.ReportId);
                break;
            case ReportFinished f:
                operations.QueueSqlCommand(
                    """
                    update reports.report_requests set status = 'finished', ended_at = ?, expires_at = ?, retry_at = null,
                        failure_code = null, failure_message = null, failure_retryable = null, failure_attempt = null
                    where report_id = ?
                    """,
                    f.FinishedAt.ToUniversalTime(), f.ExpiresAt.ToUniversalTime(), f.ReportId);
                break;
            case ReportGenerationFailed f:
                Fail(operations, f.ReportId, "failed", f.Code, f.Message, f.Retryable, f.Attempt);
                End(operations, f.ReportId, "failed", f.FailedAt);
                break;
            case ReportCancelled c:
                End(operations, c.ReportId, "cancelled", c.CancelledAt);
                break;
            case ReportExpired x:
                operations.QueueSqlCommand(
                    "update reports.report_requests set status = 'expired' where report_id = ?", x.ReportId);
                break;
            case LegalHoldPlaced h:
                operations.QueueSqlCommand(
                    """
                    update reports.report_requests
                    set is_held = true, hold_reason = ?, held_at = ?, expiry_claimed_until = null where report_id = ?
                    """,
                    h.Reason, h.PlacedAt.ToUniversalTime(), h.ReportId);
                break;
            case LegalHoldReleased h:
                operations.QueueSqlCommand(
                    """
                    update reports.report_requests set is_held = false, hold_reason = null, held_at = null
                    where report_id = ?
                    """,
                    h.ReportId);
                break;
        }

        return ValueTask.CompletedTask;
    }

    private static void Fail(
        IDocumentOperations operations,
        Guid report,
        string status,
        string code,
        string message,
        bool isRetryable,
        int attempt) => operations.QueueSqlCommand(
            """
            update reports.report_requests set status = ?, failure_code = ?, failure_message = ?,
                failure_retryable = ?, failure_attempt = ?
            where report_id = ?
            """,
            status, code, message, isRetryable, attempt, report);

    private static void End(IDocumentOperations operations, Guid report, string status, DateTimeOffset at) =>
        operations.QueueSqlCommand(
            "update reports.report_requests set status = ?, ended_at = ?, retry_at = null where report_id = ?",
            status, at.ToUniversalTime(), report);

    private static void Add(IDocumentOperations operations, ReportRequested requested)
    {
        var report = requested.Report;
        operations.QueueSqlCommand(
            """
            insert into reports.report_requests
                (report_id, merchant_id, number, report_name, interval, source, file_format, layout,
                 period_start, period_end, time_zone, schedule_id, status, attempt, created_at, fingerprint)
            values (?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, ?, 'requested', 1, ?, ?)
            on conflict (report_id) do nothing
            """,
            requested.ReportId,
            requested.MerchantId,
            report.Number,
            report.Name,
            report.Interval.Word(),
            report.Source.Word(),
            report.Format.Word(),
            JsonSerializer.Serialize(report.Layout, ContractJson.Options),
            report.Period.Start.ToUniversalTime(),
            report.Period.End.ToUniversalTime(),
            report.Period.TimeZone,
            Nullable(requested.ScheduleId),
            report.RequestedAt.ToUniversalTime(),
            Nullable(Fingerprint(requested)));
    }

    /// <summary>
    /// What two requests for one and the same file have in common; null for what may run twice at once.
    /// </summary>
    internal static byte[]? Fingerprint(ReportRequested requested) => requested.Report is
        { Source: ReportSource.Manual } report
        ? SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
            new { report.Interval, report.Format, report.Layout, report.Period, report.Name }, ContractJson.Options))
        : null;

    private static object Nullable(object? value) => value ?? DBNull.Value;
}
