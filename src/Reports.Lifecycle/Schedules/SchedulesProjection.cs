using System.Text.Json;
using JasperFx.Events;
using Marten;
using Marten.Events.Projections;
using Reports.Contracts;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Lifecycle.Schedules;

/// <summary>
/// Every schedule, and how far it has come in asking for reports. Written in the transaction of the event.
/// <c>look_at</c> alone is no projection of events: when to look at the schedule again, which the runner notes to spare
/// itself the work; whatever happens to the schedule takes it away.
/// </summary>
internal sealed partial class SchedulesProjection : EventProjection
{
    public SchedulesProjection()
    {
        Name = "schedules";
        IncludeType<ScheduleCreated>();
        IncludeType<ScheduleChanged>();
        IncludeType<SchedulePaused>();
        IncludeType<ScheduleResumed>();
        IncludeType<ScheduleDeleted>();
        IncludeType<ReportRequested>();

        var table = new Table("reports.schedules");
        table.AddColumn("schedule_id", "uuid").AsPrimaryKey();
        table.AddColumn("merchant_id", "uuid").NotNull();
        table.AddColumn("definition", "jsonb").NotNull();
        table.AddColumn("status", "text").NotNull();
        table.AddColumn("version", "integer").NotNull();
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.AddColumn("changed_at", "timestamptz").NotNull();
        table.AddColumn("since", "timestamptz").NotNull();
        table.AddColumn("last_end", "timestamptz");
        table.AddColumn("look_at", "timestamptz");
        table.Indexes.Add(new IndexDefinition("schedules_by_merchant") { Columns = ["merchant_id", "schedule_id"] });
        table.Indexes.Add(new IndexDefinition("schedules_to_look_at")
        {
            Columns = ["look_at"],
            Predicate = "status = 'active'",
        });
        SchemaObjects.Add(table);
        Options.DeleteDataInTableOnTeardown(table.Identifier.QualifiedName);
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        switch (e.Data)
        {
            case ScheduleCreated s:
                var at = s.CreatedAt.ToUniversalTime();
                operations.QueueSqlCommand(
                    """
                    insert into reports.schedules
                        (schedule_id, merchant_id, definition, status, version, created_at, changed_at, since)
                    values (?, ?, ?::jsonb, 'active', 1, ?, ?, ?)
                    on conflict (schedule_id) do nothing
                    """,
                    s.ScheduleId, s.MerchantId, Json(s.Definition), at, at, at);
                break;
            case ScheduleChanged s:
                operations.QueueSqlCommand(
                    """
                    update reports.schedules set definition = ?::jsonb, changed_at = ?, since = ?, version = version + 1,
                        look_at = null
                    where schedule_id = ?
                    """,
                    Json(s.Definition), s.ChangedAt.ToUniversalTime(), s.ChangedAt.ToUniversalTime(), s.ScheduleId);
                break;
            case SchedulePaused s:
                Become(operations, s.ScheduleId, ScheduleStatus.Paused, s.PausedAt);
                break;
            case ScheduleResumed s:
                Become(operations, s.ScheduleId, ScheduleStatus.Active, s.ResumedAt);
                operations.QueueSqlCommand(
                    "update reports.schedules set since = ? where schedule_id = ?",
                    s.ResumedAt.ToUniversalTime(), s.ScheduleId);
                break;
            case ScheduleDeleted s:
                Become(operations, s.ScheduleId, ScheduleStatus.Deleted, s.DeletedAt);
                break;
            case ReportRequested { ScheduleId: { } schedule, Report.Period.End: var end }:
                Ask(operations, schedule, end);
                break;
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Notes that a schedule has asked for a period.</summary>
    public static void Ask(IDocumentOperations operations, Guid schedule, DateTimeOffset end) =>
        operations.QueueSqlCommand(
            "update reports.schedules set last_end = greatest(last_end, ?), look_at = null where schedule_id = ?",
            end.ToUniversalTime(), schedule);

    private static void Become(
        IDocumentOperations operations, Guid schedule, ScheduleStatus status, DateTimeOffset at) =>
        operations.QueueSqlCommand(
            """
            update reports.schedules set status = ?, changed_at = ?, version = version + 1, look_at = null
            where schedule_id = ?
            """,
            status.Word(), at.ToUniversalTime(), schedule);

    private static string Json(ScheduleDefinition definition) =>
        JsonSerializer.Serialize(definition, ContractJson.Options);
}
