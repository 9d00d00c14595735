namespace Reports.Contracts.Events;

/// <summary>What of the audit was asked for.</summary>
public enum AuditSurface
{
    /// <summary>Events in store order.</summary>
    Events,

    /// <summary>The replay of a report.</summary>
    Report,

    /// <summary>The replay of a download and of the decision about it.</summary>
    Download,

    /// <summary>What a merchant's list showed at an instant.</summary>
    List,

    /// <summary>The current signed tree head, or earlier ones.</summary>
    Checkpoint,

    /// <summary>An inclusion proof.</summary>
    Proof,

    /// <summary>A consistency proof.</summary>
    Consistency,

    /// <summary>The leaves of the ledger.</summary>
    Leaves,
}

/// <summary>
/// Somebody who may read the audit asked to. A stream of its own, committed before the first byte of the answer; what is
/// refused or fails is recorded too. Who may not is recorded as <see cref="AccessRefused"/>.
/// </summary>
/// <param name="ReadId">The stream.</param>
/// <param name="Surface">What of the audit.</param>
/// <param name="MerchantId">Whose audit was asked for; none for all merchants.</param>
/// <param name="Query">The parameters of the request as they were understood, without anything secret.</param>
/// <param name="Status">The HTTP status of the answer.</param>
/// <param name="Code">The problem code of a refusal; none when the answer is given.</param>
/// <param name="Origin">Names the row that holds source address and user agent; see <c>docs/contract.md</c>.</param>
/// <param name="RequestId">The <c>X-Request-Id</c> of the answer.</param>
/// <param name="By">Who asked.</param>
/// <param name="ReadAt">When.</param>
[EventName("audit.read.v1")]
public sealed record AuditRead(
    Guid ReadId,
    AuditSurface Surface,
    Guid? MerchantId,
    string Query,
    int Status,
    string? Code,
    string? Origin,
    string RequestId,
    Actor By,
    DateTimeOffset ReadAt);

/// <summary>A part of the audit that can fail by itself.</summary>
public enum AuditPart
{
    /// <summary>The event store: attempts could not be recorded, so nothing was delivered.</summary>
    EventStore,

    /// <summary>The ledger: events were recorded and not sealed.</summary>
    Ledger,
}

/// <summary>A part of the audit had failed, and works again. A stream of its own.</summary>
/// <param name="OutageId">The stream.</param>
/// <param name="NodeId">The node that saw it.</param>
/// <param name="Part">What had failed.</param>
/// <param name="Cause">Why, in a word or two, without anything secret.</param>
/// <param name="From">When it was first seen.</param>
/// <param name="To">When it was over.</param>
/// <param name="Refused">How many downloads this node refused for it.</param>
/// <param name="By">The service.</param>
/// <param name="RecordedAt">When this was recorded.</param>
[EventName("audit.outage-recorded.v1")]
public sealed record AuditOutageRecorded(
    Guid OutageId,
    Guid NodeId,
    AuditPart Part,
    string Cause,
    DateTimeOffset From,
    DateTimeOffset To,
    int Refused,
    Actor By,
    DateTimeOffset RecordedAt);

/// <summary>A node's clock and the database's differ by more than is allowed. A stream of its own.</summary>
/// <param name="DetectionId">The stream.</param>
/// <param name="NodeId">The node.</param>
/// <param name="SkewMs">By how many milliseconds the node's clock is ahead of the database's.</param>
/// <param name="By">The service.</param>
/// <param name="DetectedAt">When, by the node's clock.</param>
[EventName("audit.clock-skew-detected.v1")]
public sealed record ClockSkewDetected(
    Guid DetectionId, Guid NodeId, long SkewMs, Actor By, DateTimeOffset DetectedAt);

/// <summary>
/// The database was restored from a backup that lacks the end of the record; an operator says so. The ledger goes on
/// from what is there. A stream of its own.
/// </summary>
/// <param name="RestoreId">The stream.</param>
/// <param name="LostSize">How many leaves the newest tree head had that was known outside.</param>
/// <param name="LostRoot">Its root, lower-case hex.</param>
/// <param name="ResumedSize">How many leaves the restored ledger has.</param>
/// <param name="Reason">Why; a reference, never a person's name.</param>
/// <param name="By">Who says so.</param>
/// <param name="DeclaredAt">When.</param>
/// <param name="Declaration">
/// The same, signed by the ledger's keys (<c>docs/ledger.md</c>). Without it nobody believes the event.
/// </param>
[EventName("audit.restored-from-backup.v1")]
public sealed record RestoredFromBackup(
    Guid RestoreId,
    long LostSize,
    string LostRoot,
    long ResumedSize,
    string Reason,
    Actor By,
    DateTimeOffset DeclaredAt,
    string? Declaration = null);

/// <summary>
/// An operator gave a command that changes or shows something without an event of its own. A stream of its own.
/// </summary>
/// <param name="ActId">The stream.</param>
/// <param name="Command">The command, for example <c>dead-letters discard</c>.</param>
/// <param name="Subject">What it was about, without anything secret; none when the command says it all.</param>
/// <param name="IsDone">Whether it was carried out.</param>
/// <param name="By">Who gave it.</param>
/// <param name="ActedAt">When it ended.</param>
[EventName("operator.acted.v1")]
public sealed record OperatorActed(
    Guid ActId, string Command, string? Subject, bool IsDone, Actor By, DateTimeOffset ActedAt);

/// <summary>What about a person was erased.</summary>
public enum ErasedSubject
{
    /// <summary>A user's name and password hash.</summary>
    User,

    /// <summary>Source addresses and user agents.</summary>
    Origin,
}

/// <summary>
/// A person's rows were erased from a side table. No event names the person any more, and every event and proof is as
/// it was. A stream of its own.
/// </summary>
/// <param name="ErasureId">The stream.</param>
/// <param name="Subject">What was erased.</param>
/// <param name="References">
/// What events name the erased rows by: a user's id, or the hashes of origins, 100 at the most; they lead nowhere now.
/// </param>
/// <param name="Rows">How many rows were erased.</param>
/// <param name="Reason">Why; a reference, never a person's name.</param>
/// <param name="By">Who asked for it.</param>
/// <param name="ErasedAt">When.</param>
[EventName("audit.subject-erased.v1")]
public sealed record SubjectErased(
    Guid ErasureId,
    ErasedSubject Subject,
    IReadOnlyList<string> References,
    int Rows,
    string Reason,
    Actor By,
    DateTimeOffset ErasedAt);
