using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace Reports.Audit;

// The shapes of answers for the OpenAPI document. The answers are written elsewhere, and compared with it by tests.

/// <summary>A page of events; written by <see cref="ReadEvents"/>.</summary>
[Description("A page of events.")]
internal sealed record AuditEventPage(
    [property: Description("Events in the order of the store. There may be fewer than `limit`, or none, on any page.")]
    IReadOnlyList<AuditEvent> Results,
    [property: Description("The absolute URL of the next page; null on the last one."), Url]
    string? Next,
    [property: Description(
        "The sequence up to which the ledger has sealed. Every event up to it is shown; what is recorded later is "
        + "shown when it is sealed. Null before the first seal.")]
    long? SealedThrough);

/// <summary>An event; written by <see cref="EventLines"/>.</summary>
[Description("An event as it is stored.")]
internal sealed record AuditEvent(
    [property: Description("Its place in the order of the store. There may be gaps.")]
    long Sequence,
    [property: Description("Its place in the ledger, from 0, without gaps; null when it is not sealed.")]
    long? LeafIndex,
    [property: Description("Its id.")]
    Guid EventId,
    [property: Description("The stream it belongs to.")]
    Guid? StreamId,
    [property: Description("Its place in the stream, from 1.")]
    long Version,
    [property: Description("The name of its type.")]
    string Type,
    [property: Description("The merchant's id, or `platform`.")]
    string? Tenant,
    [property: Description("When, by the clock of the node.")]
    DateTime? Timestamp,
    [property: Description("When, by the clock of the database.")]
    DateTime? RecordedAt,
    [property: Description("The principal on whose behalf it was recorded.")]
    string? UserName,
    [property: Description("What it belongs to.")]
    string? CorrelationId,
    [property: Description("What it follows from.")]
    string? CausationId,
    [property: Description("Who did it: a kind and an id. From `data`.")]
    string? Principal,
    [property: Description("`success`, `failure`, or `pending` of what another event ends. From `type` and `data`.")]
    string? Outcome,
    [property: Description("What it was done to: a kind and an id. From `type` and `data`.")]
    string? Resource,
    [property: Description("What names the source address, which stands in no event. From `data` or `headers`.")]
    string? Origin,
    [property: Description("What was recorded with it, for example `request_id`.")]
    JsonElement? Headers,
    [property: Description(
        "The event itself; its members are those of its type, with hashes for where files are kept "
        + "(`storage_key_sha256` for `storage_key`).")]
    JsonElement Data);

/// <summary>A report's story; written by <see cref="ReplayReport"/>.</summary>
[Description("A report's story.")]
internal sealed record AuditReportReplay(
    [property: Description("The report.")]
    Guid ReportId,
    [property: Description("The id by which its merchant knows it.")]
    string? EncryptedId,
    [property: Description("The merchant's id.")]
    string Merchant,
    [property: Description("The instant or sequence that nothing is later than; null for now.")]
    string? AsOf,
    [property: Description("The state at `as_of`.")]
    AuditReportState? State,
    [property: Description("The events in the order of the store.")]
    IReadOnlyList<AuditReportStep> Steps,
    [property: Description("The downloads whose attempts are among the steps.")]
    IReadOnlyList<AuditDownload> Downloads,
    [property: Description("The absolute URL of the next page; null on the last one."), Url]
    string? Next);

/// <summary>The state of a report.</summary>
[Description("The state of a report.")]
internal sealed record AuditReportState(
    [property: Description("How far it has come.")]
    string Status,
    [property: Description("Whether the merchant's list showed it.")]
    bool IsListed,
    [property: Description("The try that was waited for or was the last, from 1.")]
    int Attempt,
    [property: Description("The file name that a download proposes.")]
    string ReportName,
    [property: Description("The kind of period.")]
    string Interval,
    [property: Description("What caused it.")]
    string Source,
    [property: Description("The format of its file.")]
    string FileFormat,
    [property: Description("The first instant of its period.")]
    DateTimeOffset PeriodStart,
    [property: Description("The first instant after its period.")]
    DateTimeOffset PeriodEnd,
    [property: Description("The zone in which its days are counted.")]
    string TimeZone,
    [property: Description("The length of the file, as claimed and, once it is finished, as found.")]
    long? FileSize,
    [property: Description("The digest of the file, likewise.")]
    string? Sha256,
    [property: Description("The rows of the file, likewise.")]
    long? Records,
    [property: Description("Until when the file is kept.")]
    DateTimeOffset? ExpiresAt,
    [property: Description("Whether it is kept beyond that.")]
    bool IsHeld);

/// <summary>A step of a story.</summary>
[Description("A step of a story: an event.")]
internal sealed record AuditStep(
    [property: Description("Its place in the order of the store.")]
    long Sequence,
    [property: Description("Whether the ledger has sealed it.")]
    bool Sealed,
    [property: Description(
        "Whether it is what was sealed: `false` when anything of it was altered in the database since; null while it is "
        + "not sealed.")]
    bool? Intact,
    [property: Description("When, by the clock of the database.")]
    DateTime? RecordedAt,
    [property: Description("The name of its type.")]
    string Type,
    [property: Description("Who did it: a kind and an id.")]
    string? Principal,
    [property: Description("`success`, `failure` or `pending`.")]
    string? Outcome,
    [property: Description("What happened, for people. The words may change.")]
    string Story);

/// <summary>A step of a report's story.</summary>
[Description("A step of a report's story: an event, and the state after it.")]
internal sealed record AuditReportStep(
    [property: Description("Its place in the order of the store.")]
    long Sequence,
    [property: Description("Whether the ledger has sealed it.")]
    bool Sealed,
    [property: Description(
        "Whether it is what was sealed: `false` when anything of it was altered in the database since; null while it is "
        + "not sealed.")]
    bool? Intact,
    [property: Description("When, by the clock of the database.")]
    DateTime? RecordedAt,
    [property: Description("The name of its type.")]
    string Type,
    [property: Description("Who did it: a kind and an id.")]
    string? Principal,
    [property: Description("`success`, `failure` or `pending`.")]
    string? Outcome,
    [property: Description("What happened, for people. The words may change.")]
    string Story,
    [property: Description("The download it belongs to; null for the report's own events.")]
    Guid? DownloadId,
    [property: Description("The state of the report after it.")]
    AuditReportState? State);

/// <summary>A download in a report's story.</summary>
[Description("A download in a report's story.")]
internal sealed record AuditDownload(
    [property: Description("The `Download-Id` of the answer.")]
    Guid DownloadId,
    [property: Description("The sequence of the attempt.")]
    long Sequence,
    [property: Description("When, by the clock of the database.")]
    DateTime? AttemptedAt,
    [property: Description("When it ended; null when it has not.")]
    DateTime? EndedAt,
    [property: Description("Who asked: a kind and an id.")]
    string? Principal,
    [property: Description("How it ended, for people. The words may change.")]
    string Story,
    [property: Description("The decision about it.")]
    AuditDecision Decision);

/// <summary>A download's story; written by <see cref="ReplayDownload"/>.</summary>
[Description("A download's story.")]
internal sealed record AuditDownloadReplay(
    [property: Description("The `Download-Id` of the answer.")]
    Guid DownloadId,
    [property: Description("The merchant's id, or `platform` when nobody was known who asked.")]
    string Merchant,
    [property: Description("The report; null when none was found.")]
    Guid? ReportId,
    [property: Description("The `X-Request-Id` of the answer.")]
    string RequestId,
    [property: Description("The attempt and its end.")]
    IReadOnlyList<AuditStep> Steps,
    [property: Description("The decision about it.")]
    AuditDecision Decision);

/// <summary>A decision made again; written by <see cref="Replays.Decision"/>.</summary>
[Description("A decision made again from what is recorded.")]
internal sealed record AuditDecision(
    [property: Description("The version of the rules it was made by.")]
    int PolicyVersion,
    [property: Description("The ruling in a word; null when it cannot be made again.")]
    string? Ruling,
    [property: Description("The answer on record; null when there is none.")]
    AuditAnswer? Recorded,
    [property: Description("The answer that follows from what is recorded.")]
    AuditAnswer? Recomputed,
    [property: Description("Whether the two are the same; null when one is missing.")]
    bool? Agrees,
    [property: Description("The answer that follows when the report's own events say what the report was.")]
    AuditAnswer? ByEvents,
    [property: Description(
        "Whether they say the same. An event of the report that was committed at the same moment can make a difference.")]
    bool? AgreesByEvents,
    [property: Description("What was not recorded yet when it was made, and is needed to make it again.")]
    IReadOnlyList<string> Lacks,
    [property: Description("What it was made from; what was not asked is absent.")]
    JsonElement Inputs);

/// <summary>A status with its code.</summary>
[Description("An answer.")]
internal sealed record AuditAnswer(
    [property: Description("The HTTP status.")]
    int Status,
    [property: Description("The code of its problem; null without one.")]
    string? Code);

/// <summary>A list as it was; written by the module that lists.</summary>
[Description("A page of a merchant's list as it was.")]
internal sealed record AuditedList(
    [property: Description("How many reports matched, on all pages together.")]
    long Count,
    [property: Description("The URL of the next page that the list gave then; null on the last one."), Url]
    string? Next,
    [property: Description("The URL of the previous page that the list gave then; null on the first one."), Url]
    string? Previous,
    [property: Description("The reports of this page.")]
    IReadOnlyList<AuditedReport> Results);

/// <summary>A report as a list showed it.</summary>
[Description("A report as the list showed it, without what leads to its download.")]
internal sealed record AuditedReport(
    [property: Description("As in the list.")]
    string EncryptedId,
    [property: Description("As in the list.")]
    string ReportName,
    [property: Description("As in the list.")]
    string Interval,
    [property: Description("As in the list.")]
    string Source,
    [property: Description("As in the list.")]
    string FileFormat,
    [property: Description("As in the list.")]
    long RecordsAmount,
    [property: Description("As in the list.")]
    string Status,
    [property: Description("As in the list.")]
    DateTime CreatedAt,
    [property: Description("As in the list.")]
    DateTime GeneratedAt,
    [property: Description("As in the list.")]
    DateTime FinishedAt,
    [property: Description("As in the list.")]
    DateTimeOffset PeriodStart,
    [property: Description("As in the list.")]
    DateTimeOffset PeriodEnd,
    [property: Description("As in the list.")]
    string TimeZone,
    [property: Description("As in the list.")]
    long FileSize,
    [property: Description("As in the list.")]
    string Sha256,
    [property: Description("As in the list.")]
    DateTime ExpiresAt);
