namespace Reports.Host;

/// <summary>
/// Who may do what in the database: for each role the least that its work needs. What is not named here, nobody but
/// the owner may touch; a new table is granted by a line here, or not at all.
/// </summary>
internal static class DatabaseGrants
{
    /// <summary>The everyday role of the service: appends events, and never changes one.</summary>
    public const string App = "reports_app";

    /// <summary>The role of the sealer: reads events and alone writes the ledger.</summary>
    public const string Sealer = "reports_sealer";

    /// <summary>The role of what answers auditors: reads, but neither secrets nor personal data.</summary>
    public const string Auditor = "reports_auditor";

    // A stream's version grows with its events; nothing else of it changes.
    private const string Events = $"""
        grant usage on schema events to {App}, {Sealer}, {Auditor};
        grant select, insert on events.mt_events to {App};
        grant select, insert, update (version, timestamp) on events.mt_streams to {App};
        grant usage, select on sequence events.mt_events_sequence to {App};
        grant select, insert, update on events.mt_event_progression, events.mt_event_projection_floors,
            events.mt_high_water_skips to {App};
        grant select, insert on events.mt_doc_deadletterevent to {App};
        grant select on all tables in schema events to {Sealer}, {Auditor};
        grant select on sequence events.mt_events_sequence to {Sealer}, {Auditor};
        """;

    // The hashes of rows come from a trigger, which has its owner's rights.
    private const string Ledger = $"""
        grant usage on schema ledger to {App}, {Sealer}, {Auditor};
        grant select on all tables in schema ledger to {App}, {Sealer}, {Auditor};
        grant insert on ledger.leaves, ledger.nodes, ledger.checkpoints, ledger.keys, ledger.faults,
            ledger.outages to {Sealer};
        """;

    // Where a request came from is written and never read back by the service; names and hashes of secrets are erased
    // by an operator, who has the owner's rights.
    private const string Reports = $"""
        grant usage on schema reports to {App}, {Auditor};
        grant usage on sequence reports.principal_number, reports.report_number to {App};
        grant select, insert, update on reports.access_credentials, reports.access_epoch, reports.access_merchants,
            reports.access_secrets, reports.audit_quota_uses, reports.finished_report_days, reports.generators,
            reports.lifecycle_merchants, reports.quota_overrides, reports.report_requests, reports.schedules to {App};
        grant select, insert on reports.expired_reports to {App};
        grant select, insert, delete on reports.download_quota_uses to {App};
        grant select, insert, update, delete on reports.download_nodes, reports.finished_reports,
            reports.generation_watch, reports.idempotency_keys, reports.request_quota_uses to {App};
        grant insert, select (origin) on reports.origins to {App};
        grant select on reports.access_credentials, reports.access_merchants, reports.expired_reports,
            reports.finished_report_days, reports.finished_reports, reports.lifecycle_merchants, reports.quota_overrides,
            reports.report_requests, reports.schedules to {Auditor};
        """;

    private const string Transactions = $"""
        grant usage on schema transactions to {App};
        grant select, insert on transactions.transactions to {App};
        """;

    /// <summary>Where messages come and go, of which no record is kept.</summary>
    private static readonly string[] Messages = ["wolverine", "queues", "ingress"];

    /// <summary>Takes every right away and grants those that are named; of a schema that is there.</summary>
    public static string Script { get; } = string.Join(
        '\n',
        [
            .. ((string[])["events", "ledger", "reports", "transactions", .. Messages]).Select(Revoke),
            Events, Ledger, Reports, Transactions,
            .. Messages.Select(Work),
        ]);

    private static string Revoke(string schema) => IfThere(schema, $"""
        revoke all on schema {schema} from public, {App}, {Sealer}, {Auditor};
        revoke all on all tables in schema {schema} from public, {App}, {Sealer}, {Auditor};
        revoke all on all sequences in schema {schema} from public, {App}, {Sealer}, {Auditor};
        """);

    // The framework's tables may grow with its versions, so those to come are granted too.
    private static string Work(string schema) => IfThere(schema, $"""
        grant usage on schema {schema} to {App};
        grant select, insert, update, delete on all tables in schema {schema} to {App};
        grant usage, select on all sequences in schema {schema} to {App};
        alter default privileges in schema {schema} grant select, insert, update, delete on tables to {App};
        alter default privileges in schema {schema} grant usage, select on sequences to {App};
        """);

    private static string IfThere(string schema, string statements) =>
        $"do $$ begin if to_regnamespace('{schema}') is not null then {statements} end if; end $$;";
}
