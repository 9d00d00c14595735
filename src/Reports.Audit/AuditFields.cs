using System.Text;
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
        ["download.attempted.v1"] = new(
            "attempted_at", _ => Pending, ("report", "report_id"), ("locator", "locator_sha256")),
        ["download.completed.v1"] = Report("ended_at", Success),
        ["download.failed.v1"] = new(
            "ended_at", _ => Failure, ("report", "report_id"), ("download", "attempt_id")),
        ["integrity.failed.v1"] = Report("found_at", Failure),
        ["audit.read.v1"] = new("read_at", OfStatus, ("audit", "surface")),
        ["audit.outage-recorded.v1"] = new("recorded_at", _ => Failure, ("audit", "part")),
        ["audit.clock-skew-detected.v1"] = new("detected_at", _ => Failure, ("node", "node_id")),
        ["audit.restored-from-backup.v1"] = new("declared_at", _ => Success, ("audit", null)),
        ["audit.subject-erased.v1"] = new("erased_at", _ => Success, ("subject", "subject")),
        ["operator.acted.v1"] = new("acted_at", OfDone, ("command", "command")),
        ["access.refused.v1"] = new("last_at", _ => Failure, ("endpoint", "endpoint")),
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

    /// <summary>The fields of an event. Whatever is stored, this does not throw.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="headers">Its headers as they are stored, UTF-8; none when it has none.</param>
    /// <param name="data">The event as it is stored, UTF-8.</param>
    public static AuditFields Of(string type, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> data)
    {
        var rule = Rules.GetValueOrDefault(type);
        var e = Members.Read(data, rule);
        return new AuditFields(
            e.Principal,
            type,
            e.Time,
            rule?.Outcome(e),
            e.Origin ?? (headers.IsEmpty ? null : Members.Read(headers, null).Origin),
            rule?.Resource(e));
    }

    private static Rule Report(string time, string outcome) => new(time, _ => outcome, ("report", "report_id"));

    private static Rule Schedule(string time) => new(time, _ => Success, ("schedule", "schedule_id"));

    private static Rule Generator(string time) => new(time, _ => Success, ("generator", "generator_id"));

    private static Rule Merchant(string time) => new(time, _ => Success, ("merchant", "merchant_id"));

    private static Rule ApiKey(string time) => new(time, _ => Success, ("api_key", "credential_id"));

    private static Rule User(string time) => new(time, _ => Success, ("user", "user_id"));

    private static string? OfStatus(Members e) => e.Status is { } status ? status < 400 ? Success : Failure : null;

    private static string? OfDone(Members e) => e.IsDone is { } isDone ? isDone ? Success : Failure : null;

    /// <summary>Where a type of event says what.</summary>
    private sealed class Rule
    {
        private readonly (string Kind, string? Member)[] _resources;

        /// <param name="time">The member that says when, or the one within another: <c>report.requested_at</c>.</param>
        /// <param name="outcome">Tells the outcome.</param>
        /// <param name="resources">
        /// Kinds, and members that have the id; the first that is there counts. What could not be found is named by the
        /// hash of what was asked for. One without a member is the ledger.
        /// </param>
        public Rule(string time, Func<Members, string?> outcome, params (string Kind, string? Member)[] resources)
        {
            _resources = resources;
            Outcome = outcome;
            Time = [.. time.Split('.').Select(Encoding.UTF8.GetBytes)];
            Named = [.. resources.Select(r => Encoding.UTF8.GetBytes(r.Member ?? ""))];
        }

        public Func<Members, string?> Outcome { get; }

        public byte[][] Time { get; }

        public byte[][] Named { get; }

        public string? Resource(Members e)
        {
            for (var i = 0; i < _resources.Length; i++)
            {
                if (_resources[i] is var (kind, member) && (member is null ? "ledger" : e.Named(i)) is { } id)
                {
                    return $"{kind}:{id}";
                }
            }

            return null;
        }
    }

    /// <summary>The members of an event that are told, found in one go and without a tree of all.</summary>
    private struct Members
    {
        private string? _byKind;
        private string? _byId;
        private string? _first;
        private string? _second;

        public string? Time { get; private set; }

        public string? Origin { get; private set; }

        public int? Status { get; private set; }

        public bool? IsDone { get; private set; }

        public readonly string? Named(int index) => index == 0 ? _first : _second;

        public readonly string? Principal => (_byKind, _byId) is ({ } kind, { } id) ? $"{kind}:{id}" : null;

        // The columns hold JSON whatever is done to them; a reader of an export may be given anything.
        public static Members Read(ReadOnlySpan<byte> json, Rule? rule)
        {
            try
            {
                return ReadObject(json, rule);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return default;
            }
        }

        private static Members ReadObject(ReadOnlySpan<byte> json, Rule? rule)
        {
            var reader = new Utf8JsonReader(json);
            var members = default(Members);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return members;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                members.Take(ref reader, rule);
            }

            // There must be nothing after it.
            reader.Read();
            return members;
        }

        private void Take(ref Utf8JsonReader reader, Rule? rule)
        {
            if (reader.ValueTextEquals("by"u8))
            {
                reader.Read();
                _byKind = Within(reader, "kind"u8);
                _byId = Within(reader, "id"u8);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("origin"u8))
            {
                Origin = Text(ref reader);
            }
            else if (rule is null)
            {
                reader.Skip();
            }
            else if (reader.ValueTextEquals("status"u8))
            {
                reader.Read();
                Status = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var status) ? status : null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("is_done"u8))
            {
                reader.Read();
                IsDone = reader.TokenType switch
                {
                    JsonTokenType.True => true,
                    JsonTokenType.False => false,
                    _ => null,
                };
                reader.Skip();
            }
            else if (reader.ValueTextEquals(rule.Named[0]))
            {
                _first = Text(ref reader);
            }
            else if (rule.Named.Length > 1 && reader.ValueTextEquals(rule.Named[1]))
            {
                _second = Text(ref reader);
            }
            else if (reader.ValueTextEquals(rule.Time[0]))
            {
                reader.Read();
                Time = rule.Time is [_, var within] ? Within(reader, within)
                    : reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        private static string? Text(ref Utf8JsonReader reader)
        {
            reader.Read();
            var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
            return text;
        }

        // The reader is a copy: the caller's stays where it is.
        private static string? Within(Utf8JsonReader reader, ReadOnlySpan<byte> name)
        {
            string? found = null;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return found;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isMeant = reader.ValueTextEquals(name);
                reader.Read();
                found = !isMeant ? found : reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }

            return found;
        }
    }
}
