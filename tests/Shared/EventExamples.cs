using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using GenerationStartedEvent = Reports.Contracts.Events.GenerationStarted;
using GenerationStarted = Reports.Contracts.Messages.GenerationStarted;

namespace Reports;

/// <summary>
/// One example of each stored event and each message: what golden files and the store are tested with.
/// </summary>
internal static class EventExamples
{
    private static readonly Guid Report = new("01980000-0000-7000-8000-000000000001");
    private static readonly Guid Attempt = new("01980000-0000-7000-8000-000000000002");
    private static readonly Guid Node = new("01980000-0000-7000-8000-000000000003");
    private static readonly Guid User = new("01980000-0000-7000-8000-000000000004");
    private static readonly DateTimeOffset At = new(2026, 11, 23, 0, 5, 9, 123, 456, TimeSpan.Zero);
    private static readonly Actor Key = new(ActorKind.ApiKey, "01980000-0000-7000-8000-000000000005", "01980000-0000-7000-8000-000000000006");
    private static readonly ReportPeriod Day = new(
        new(2026, 11, 22, 0, 0, 0, TimeSpan.FromHours(3)), new(2026, 11, 23, 0, 0, 0, TimeSpan.FromHours(3)), "Asia/Kuwait");

    private static readonly Actor Generator = new(ActorKind.Generator, "reports-generator/0.1.0");
    private static readonly ScheduleDefinition Schedule = new(
        new(ReportInterval.Yearly, new(0, 0), "Asia/Kuwait", Day: 31, Month: 12),
        ReportFormat.Xlsx,
        new ReportLayout(RightToLeft: true, Locale: ReportLocale.Ar, Columns: ["transaction_id", "net_amount"]),
        "settlement");

    private static readonly string Digest = new('a', 64);

    private static readonly ReportDescription Description = new(
        42, "settlement-2026-11-22.csv", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv,
        new ReportLayout(ByteOrderMark: true), Day, At);

    private static readonly ControlTotal[] Totals = [new("KWD", 2, 10.000m, -0.105m, 9.895m)];

    /// <summary>Every event by its stored name.</summary>
    public static IReadOnlyDictionary<string, object> All(Guid merchant) => new Dictionary<string, object>
    {
        ["report.requested.v1"] = new ReportRequested(Report, merchant, Description, Actor.Operator),
        ["report.generated.v1"] = new ReportGenerated(
            Report, 1, "m/r/1/report.csv", 1234, Digest, 2, Totals, new(ActorKind.Generator, "reports-generator/0.1.0"), At),
        ["report.finished.v1"] = new ReportFinished(
            Report, merchant, Description, "m/r/1/report.csv", 1234, Digest, new(262144, [1, 2, 3]), 2, At, At, At.AddDays(365),
            Actor.Service),
        ["report.generation-failed.v1"] = new ReportGenerationFailed(
            Report, 1, "verification", "The file has 3 bytes, not 4.", true, Actor.Service, At),
        ["report.generation-started.v1"] = new GenerationStartedEvent(Report, 1, Generator, At),
        ["report.generation-attempt-failed.v1"] = new GenerationAttemptFailed(
            Report, 1, "timeout", "Nothing was heard of the generator for 300 s.", Actor.Service, At, At.AddSeconds(30)),
        ["report.cancelled.v1"] = new ReportCancelled(Report, "Asked for by mistake.", Key, At),
        ["report.late-result-ignored.v1"] = new LateResultIgnored(
            Report, 1, GeneratorAnswer.Completed, "m/r/1/report.csv", Generator, At),
        ["report.file-quarantined.v1"] = new FileQuarantined(
            Report, 1, "m/r/1/report.csv", "quarantine/m/r/1/report.csv", "The file has 3 bytes, not 4.", Actor.Service, At),
        ["report.legal-hold-placed.v1"] = new LegalHoldPlaced(Report, "case 2026-117", Actor.Operator, At),
        ["report.legal-hold-released.v1"] = new LegalHoldReleased(Report, "case 2026-117 is closed", Actor.Operator, At),
        ["schedule.created.v1"] = new ScheduleCreated(Node, merchant, Schedule, Key, At),
        ["schedule.changed.v1"] = new ScheduleChanged(
            Node,
            Schedule with { Rule = new(ReportInterval.Weekly, new(17, 30), "Europe/Berlin", Weekday.Friday) },
            Key,
            At),
        ["schedule.paused.v1"] = new SchedulePaused(Node, Key, At),
        ["schedule.resumed.v1"] = new ScheduleResumed(Node, Key, At),
        ["schedule.deleted.v1"] = new ScheduleDeleted(Node, Key, At),
        ["generator.registered.v1"] = new GeneratorRegistered(Node, "ledger", merchant, 1, Actor.Operator, At),
        ["generator.secret-rotated.v1"] = new GeneratorSecretRotated(Node, 2, 1, Actor.Operator, At),
        ["generator.disabled.v1"] = new GeneratorDisabled(Node, Actor.Operator, At),
        ["report.expired.v1"] = new ReportExpired(Report, merchant, Actor.Service, At),
        ["download.attempted.v1"] = new DownloadAttempted(
            Attempt, Node, "GET", LocatorKind.EncryptedId, Digest, Report,
            new(4, At, 7, 7, At, DownloadSelection.Partial, 89_999, 24, IsNotFoundOnly: true, IsHeld: true, UnfitRequest.Method,
                CredentialRefusal.TooManyFailures, IsPermitted: true, AreRequestsLeft: true, At, IsReportExpired: true, "altered",
                AreDownloadsLeft: false, DownloadObstacle.LookUp),
            Digest, "request", Key, At),
        ["download.completed.v1"] = new ReportDownloaded(Attempt, Report, DownloadOutcome.Partial, 206, 234, 15, Key, At, new ContentRange(1000, 1233, 1234)),
        ["download.failed.v1"] = new ReportDownloadFailed(
            Attempt, null, DownloadFailure.Refused, 404, "not_found", 0, 3, Actor.Anonymous, At, Obstacle: DownloadObstacle.EventStore),
        ["integrity.failed.v1"] = new IntegrityFailed(Node, Report, Attempt, "altered", 262144, Actor.Service, At),
        ["audit.read.v1"] = new AuditRead(
            Attempt, AuditSurface.Events, merchant, "type=report.finished.v1", 200, null, Digest, "0HN:1", Key, At),
        ["audit.outage-recorded.v1"] = new AuditOutageRecorded(
            Attempt, Node, AuditPart.EventStore, "The database does not answer.", At, At.AddSeconds(30), 3, Actor.Service, At),
        ["audit.clock-skew-detected.v1"] = new ClockSkewDetected(Attempt, Node, -7_500, Actor.Service, At),
        ["audit.restored-from-backup.v1"] = new RestoredFromBackup(
            Attempt, 1_000, Digest, 900, "incident 2026-42", Actor.Operator, At, "reports/ledger/restored\n"),
        ["audit.subject-erased.v1"] = new SubjectErased(
            Attempt, ErasedSubject.User, [User.ToString()], 1, "request 2026-7", Actor.Operator, At),
        ["operator.acted.v1"] = new OperatorActed(
            Attempt, "dead-letters discard", Report.ToString(), true, Actor.Operator, At),
        ["access.refused.v1"] = new AccessRefused(
            Attempt, "GET /b/api/v1/reports/files/", 401, "unauthorized", Key, Digest, "request", 3, Actor.Anonymous, At,
            At.AddSeconds(60)),
        ["merchant.registered.v1"] = new MerchantRegistered(merchant, "متجر العطور", "Asia/Kuwait", 365, Actor.Operator, At),
        ["merchant.changed.v1"] = new MerchantChanged(
            merchant, "متجر العطور", "Asia/Riyadh", 730, new MerchantQuotas(null, 100), Actor.Operator, At),
        ["merchant.disabled.v1"] = new MerchantDisabled(merchant, Actor.Operator, At),
        ["api-key.issued.v1"] = new ApiKeyIssued(
            Node, User, 7, merchant, "AbCdEf0123", ["reports"], At.AddDays(90), Actor.Operator, At),
        ["api-key.rotated.v1"] = new ApiKeyRotated(Node, Attempt, At.AddDays(1), Actor.Operator, At),
        ["api-key.revoked.v1"] = new ApiKeyRevoked(Node, Actor.Operator, At),
        ["user.registered.v1"] = new UserRegistered(User, 8, merchant, false, Actor.Operator, At),
        ["user.permission-granted.v1"] = new PermissionGranted(User, "report.can_view_report", Actor.Operator, At),
        ["user.permission-revoked.v1"] = new PermissionRevoked(User, "report.can_view_report", Actor.Operator, At),
        ["user.password-changed.v1"] = new PasswordChanged(User, Actor.Operator, At),
        ["user.disabled.v1"] = new UserDisabled(User, Actor.Operator, At),
    };

    /// <summary>Every message by its name on the wire.</summary>
    public static IReadOnlyDictionary<string, object> Messages(Guid merchant) => new Dictionary<string, object>
    {
        ["reports.generate-report.v1"] = new GenerateReport(
            Report, merchant, 1, "grant", "m/r/1/", ReportInterval.Daily, ReportFormat.Csv, new(), Day),
        ["reports.generation-started.v1"] = new GenerationStarted(Report, 1, "grant", "reports-generator/0.1.0"),
        ["reports.generation-heartbeat.v1"] = new GenerationHeartbeat(
            Report, 1, "grant", "reports-generator/0.1.0", 100_000, 250_000),
        ["reports.report-submitted.v1"] = new ReportSubmitted(Node, "eyJ9", Digest),
        ["reports.generation-completed.v1"] = new GenerationCompleted(
            Report, 1, "grant", "reports-generator/0.1.0", "report.csv", 1234, Digest, 2, Totals),
        ["reports.generation-failed.v1"] = new GenerationFailed(
            Report, 1, "grant", "reports-generator/0.1.0", "unknown_time_zone", "There is no zone Mars/Olympus.", false),
    };
}
