using System.Text.Json;

namespace Reports.Audit;

/// <summary>
/// What a record of an audit must say of every event, whatever its type: who, what, when, with what outcome, from
/// where, and on what (PCI DSS 10.2.2; <c>docs/compliance.md</c>). Made from what is stored and from nothing else; a
/// member is null where the stored event does not say it.
/// </summary>
/// <param name="Principal">Who: the kind and id of the actor, for example <c>api_key:0199…</c>.</param>
/// <param name="Type">What: the stored name of the event.</param>
/// <param name="Time">When, as the event itself says it.</param>
/// <param name="Outcome"><c>success</c>, <c>failure</c>, or <c>pending</c> of what another event ends.</param>
/// <param name="Origin">From where: what names the row that holds source address and user agent.</param>
/// <param name="Resource">On what: a kind and an id, for example <c>report:0199…</c>.</param>
internal sealed record AuditFields(
    string? Principal, string Type, string? Time, string? Outcome, string? Origin, string? Resource)
{
    public const string Success = "success";
    public const string Failure = "failure";
    public const string Pending = "pending";

    private static readonly Dictionary<string, Rule> Rules = new(StringComparer.Ordinal)
    {
        ["report.requested.v1"] = Report("report.requested_at", Success),
        ["report.generation-started.v1"] = Report("started_at", Success),
        ["report.generation-attempt-failed.v1"] = Report("failed_at", Failure),
        ["report.generated.v1"] = Report("generated_at", Success),
        ["report.finished.v1"] = Report("finished_at", Success),
        ["report.generation-failed.v1"] = Report("failed_at", Failure),
        ["report.cancelled.v1"] = Report("cancelled_at", Success),
        ["report.late-result-ignored.v1"] = Report("received_at", Failure),
        ["report.file-quarantined.v1"] = Report("quarantined_at", Failure),
        ["report.legal-hold-placed.v1"] = Report("placed_at", Success),
        ["report.legal-hold-released.v1"] = Report("released_at", Success),
        ["report.expired.v1"] = Report("expired_at", Success),
        ["schedule.created.v1"] = Schedule("created_at"),
        ["schedule.changed.v1"] = Schedule("changed_at"),
        ["schedule.paused.v1"] = Schedule("paused_at"),
        ["schedule.resumed.v1"] = Schedule("resumed_at"),
        ["schedule.deleted.v1"] = Schedule("deleted_at"),
        ["generator.registered.v1"] = Generator("registered_at"),
        ["generator.secret-rotated.v1"] = Generator("rotated_at"),
        ["generator.disabled.v1"] = Generator("disabled_at"),
        ["download.attempted.v1"] = new("attempted_at", _ => Pending, Asked),
        ["download.completed.v1"] = Report("ended_at", Success),
        ["download.failed.v1"] = new("ended_at", _ => Failure, Ended),
        ["integrity.failed.v1"] = Report("found_at", Failure),
        ["audit.read.v1"] = new("read_at", OfStatus, Named("audit", "surface")),
        ["audit.outage-recorded.v1"] = new("recorded_at", _ => Failure, Named("audit", "part")),
        ["audit.clock-skew-detected.v1"] = new("detected_at", _ => Failure, Named("node", "node_id")),
        ["audit.restored-from-backup.v1"] = new("declared_at", _ => Success, _ => "audit:ledger"),
        ["audit.subject-erased.v1"] = new("erased_at", _ => Success, Named("subject", "subject")),
        ["operator.acted.v1"] = new("acted_at", OfDone, Named("command", "command")),
        ["access.refused.v1"] = new("last_at", _ => Failure, Named("endpoint", "endpoint")),
        ["merchant.registered.v1"] = Merchant("registered_at"),
        ["merchant.changed.v1"] = Merchant("changed_at"),
        ["merchant.disabled.v1"] = Merchant("disabled_at"),
        ["api-key.issued.v1"] = ApiKey("issued_at"),
        ["api-key.rotated.v1"] = ApiKey("rotated_at"),
        ["api-key.revoked.v1"] = ApiKey("revoked_at"),
        ["user.registered.v1"] = User("registered_at"),
        ["user.permission-granted.v1"] = User("granted_at"),
        ["user.permission-revoked.v1"] = User("revoked_at"),
        ["user.password-changed.v1"] = User("changed_at"),
        ["user.disabled.v1"] = User("disabled_at"),
    };

    private sealed record Rule(
        string Time, Func<JsonElement, string?> Outcome, Func<JsonElement, string?> Resource);

    /// <summary>The fields of an event. Whatever is stored, this does not throw.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="headers">Its headers as they are stored, UTF-8; none when it has none.</param>
    /// <param name="data">The event as it is stored, UTF-8.</param>
    public static AuditFields Of(string type, byte[]? headers, byte[] data)
    {
        using var document = Parse(data);
        using var head = Parse(headers ?? "{}"u8.ToArray());
        var (e, rule) = (document.RootElement, Rules.GetValueOrDefault(type));
        return new AuditFields(
            Who(e),
            type,
            rule is null ? null : Text(e, rule.Time),
            rule?.Outcome(e),
            Text(e, "origin") ?? Text(head.RootElement, "origin"),
            rule?.Resource(e));
    }

    private static Rule Report(string time, string outcome) => new(time, _ => outcome, Named("report", "report_id"));

    private static Rule Schedule(string time) => new(time, _ => Success, Named("schedule", "schedule_id"));

    private static Rule Generator(string time) => new(time, _ => Success, Named("generator", "generator_id"));

    private static Rule Merchant(string time) => new(time, _ => Success, Named("merchant", "merchant_id"));

    private static Rule ApiKey(string time) => new(time, _ => Success, Named("api_key", "credential_id"));

    private static Rule User(string time) => new(time, _ => Success, Named("user", "user_id"));

    private static Func<JsonElement, string?> Named(string kind, string member) =>
        e => Text(e, member) is { } id ? $"{kind}:{id}" : null;

    // What could not be found is named by the hash of what was asked for.
    private static string? Asked(JsonElement e) =>
        Named("report", "report_id")(e) ?? Named("locator", "locator_sha256")(e);

    private static string? Ended(JsonElement e) =>
        Named("report", "report_id")(e) ?? Named("download", "attempt_id")(e);

    private static string? OfStatus(JsonElement e) =>
        Member(e, "status") is { ValueKind: JsonValueKind.Number } status && status.TryGetInt32(out var number)
            ? number < 400 ? Success : Failure
            : null;

    private static string? OfDone(JsonElement e) => Member(e, "is_done")?.ValueKind switch
    {
        JsonValueKind.True => Success,
        JsonValueKind.False => Failure,
        _ => null,
    };

    private static string? Who(JsonElement e) =>
        (Text(e, "by.kind"), Text(e, "by.id")) is ({ } kind, { } id) ? $"{kind}:{id}" : null;

    private static string? Text(JsonElement e, string path) =>
        Member(e, path) is { ValueKind: JsonValueKind.String } member ? member.GetString() : null;

    private static JsonElement? Member(JsonElement e, string path)
    {
        foreach (var name in path.Split('.'))
        {
            if (e.ValueKind != JsonValueKind.Object || !e.TryGetProperty(name, out e))
            {
                return null;
            }
        }

        return e;
    }

    // The columns hold JSON whatever is done to them; a reader of an export may be given anything.
    private static JsonDocument Parse(byte[] json)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException)
        {
            return JsonDocument.Parse("null");
        }
    }
}
