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

    private const int LongestType = 64;

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

    private static readonly Dictionary<string, Rule>.AlternateLookup<ReadOnlySpan<char>> RulesByText =
        Rules.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The name of a type that is given in UTF-8, if it is one that something is known of.</summary>
    public static string? NameOf(ReadOnlySpan<byte> type) => Find(type).Name;

    /// <summary>The fields of an event. Whatever is stored, this does not throw.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="headers">Its headers as they are stored, UTF-8; none when it has none.</param>
    /// <param name="data">The event as it is stored, UTF-8.</param>
    public static AuditFields Of(string type, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> data)
    {
        var rule = Rules.GetValueOrDefault(type);
        var (e, texts) = Read(data, rule);
        var resource = rule?.ResourceOf(e);
        return new AuditFields(
            (texts.Kind, texts.Id) is ({ } kind, { } id) ? $"{kind}:{id}" : null,
            type,
            texts.Time,
            rule?.Outcome(e),
            texts.Origin ?? Read(headers, null).Texts.Origin,
            resource is null ? null : $"{resource.Kind}:{texts.Of(resource)}");
    }

    /// <summary>Writes them as members of the event's line.</summary>
    public static void Write(ref LineWriter line, EventRow row)
    {
        if (!TryWrite(ref line, row))
        {
            var fields = row.Fields;
            line.Raw(",\"principal\":"u8);
            line.Text(fields.Principal);
            line.Raw(",\"outcome\":"u8);
            line.Text(fields.Outcome);
            line.Raw(",\"resource\":"u8);
            line.Text(fields.Resource);
            line.Raw(",\"origin\":"u8);
            line.Text(fields.Origin);
        }
    }

    // Nearly always every text is written as it stands there, so that none needs to be made.
    private static bool TryWrite(ref LineWriter line, EventRow row)
    {
        var data = row.Data.Span;
        var headers = row.Headers.GetValueOrDefault().Span;
        var rule = Find(row.TypeText).Rule;
        Members e, ofHeaders = default;
        try
        {
            e = Members.Read(data, rule);
            if (!e.Origin.IsThere && (headers.IndexOf("\"origin\""u8) >= 0 || headers.Contains((byte)'\\')))
            {
                ofHeaders = Members.Read(headers, null);
            }
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return false;
        }

        var resource = rule?.ResourceOf(e);
        var named = resource is null ? default : resource.Member is null ? Ledger : e.Named(resource.Index).In(data);
        var kind = e.Kind.In(data);
        var id = e.Id.In(data);
        var origin = e.Origin.IsThere ? e.Origin.In(data) : ofHeaders.Origin.In(headers);
        if (!LineWriter.IsSafe(kind) || !LineWriter.IsSafe(id)
            || !LineWriter.IsSafe(named) || !LineWriter.IsSafe(origin))
        {
            return false;
        }

        line.Raw(",\"principal\":"u8);
        line.Safe(kind, id, e.Kind.IsThere && e.Id.IsThere);
        line.Raw(",\"outcome\":"u8);
        line.Text(rule?.Outcome(e));
        line.Raw(",\"resource\":"u8);
        line.Safe(resource is null ? default : resource.KindText, named, resource is not null);
        line.Raw(",\"origin\":"u8);
        line.Safe(origin, e.Origin.IsThere || ofHeaders.Origin.IsThere);
        return true;
    }

    private static ReadOnlySpan<byte> Ledger => "ledger"u8;

    private static (string? Name, Rule? Rule) Find(ReadOnlySpan<byte> type)
    {
        Span<char> text = stackalloc char[LongestType];
        return type.Length <= LongestType && Encoding.UTF8.TryGetChars(type, text, out var length)
            && RulesByText.TryGetValue(text[..length], out var name, out var rule)
                ? (name, rule)
                : default;
    }

    // The columns hold JSON whatever is done to them; a reader of an export may be given anything.
    private static (Members Members, Texts Texts) Read(ReadOnlySpan<byte> json, Rule? rule)
    {
        try
        {
            var e = Members.Read(json, rule);
            return (e, new Texts(
                e.Kind.Text(json), e.Id.Text(json), e.First.Text(json), e.Second.Text(json), e.Time.Text(json),
                e.Origin.Text(json)));
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    private static Rule Report(string time, string outcome) => new(time, _ => outcome, ("report", "report_id"));

    private static Rule Schedule(string time) => new(time, _ => Success, ("schedule", "schedule_id"));

    private static Rule Generator(string time) => new(time, _ => Success, ("generator", "generator_id"));

    private static Rule Merchant(string time) => new(time, _ => Success, ("merchant", "merchant_id"));

    private static Rule ApiKey(string time) => new(time, _ => Success, ("api_key", "credential_id"));

    private static Rule User(string time) => new(time, _ => Success, ("user", "user_id"));

    private static string? OfStatus(Members e) => e.Status is { } status ? status < 400 ? Success : Failure : null;

    private static string? OfDone(Members e) => e.IsDone is { } isDone ? isDone ? Success : Failure : null;

    /// <summary>A kind of resource, and the member that has the id; one without a member is the ledger.</summary>
    private sealed record ResourceKind(int Index, string Kind, byte[]? Member)
    {
        public byte[] KindText { get; } = Encoding.UTF8.GetBytes(Kind);
    }

    /// <summary>Where a type of event says what.</summary>
    private sealed class Rule
    {
        private readonly ResourceKind[] _resources;
        private readonly ulong _lengths;

        /// <param name="time">The member that says when, or the one within another: <c>report.requested_at</c>.</param>
        /// <param name="outcome">Tells the outcome.</param>
        /// <param name="resources">
        /// Kinds, and members that have the id; the first that is there counts. What could not be found is named by the
        /// hash of what was asked for. One without a member is the ledger.
        /// </param>
        public Rule(string time, Func<Members, string?> outcome, params (string Kind, string? Member)[] resources)
        {
            _resources = [.. resources.Select((r, i) =>
                new ResourceKind(i, r.Kind, r.Member is null ? null : Encoding.UTF8.GetBytes(r.Member)))];
            Outcome = outcome;
            Time = [.. time.Split('.').Select(Encoding.UTF8.GetBytes)];
            IEnumerable<string?> names =
                ["by", "origin", "status", "is_done", time.Split('.')[0], .. resources.Select(r => r.Member)];
            _lengths = names.OfType<string>().Aggregate(0UL, (all, name) => all | 1UL << name.Length);
        }

        public Func<Members, string?> Outcome { get; }

        public byte[][] Time { get; }

        /// <summary>The name of the member that has the id of a resource.</summary>
        public ReadOnlySpan<byte> Named(int index) =>
            index < _resources.Length && _resources[index].Member is { } member ? member : default;

        /// <summary>Whether a member whose name is so long may be one that is asked for.</summary>
        public bool MayAsk(int length) => length < 64 && (_lengths >> length & 1) != 0;

        /// <summary>The first resource that is there.</summary>
        public ResourceKind? ResourceOf(in Members e)
        {
            foreach (var resource in _resources)
            {
                if (resource.Member is null || e.Named(resource.Index).IsThere)
                {
                    return resource;
                }
            }

            return null;
        }
    }

    /// <summary>The texts that are told of an event.</summary>
    private readonly record struct Texts(
        string? Kind, string? Id, string? First, string? Second, string? Time, string? Origin)
    {
        public string? Of(ResourceKind resource) =>
            resource.Member is null ? "ledger" : resource.Index == 0 ? First : Second;
    }

    /// <summary>A text in JSON: what stands between its quotation marks.</summary>
    private readonly record struct Token(int Start, int Length)
    {
        public bool IsThere => Start > 0; // before it is a quotation mark

        public ReadOnlySpan<byte> In(ReadOnlySpan<byte> json) => IsThere ? json.Slice(Start, Length) : default;

        public string? Text(ReadOnlySpan<byte> json)
        {
            if (!IsThere)
            {
                return null;
            }

            var reader = new Utf8JsonReader(json.Slice(Start - 1, Length + 2));
            reader.Read();
            return reader.GetString();
        }
    }

    /// <summary>The members of an event that are told, found in one go and without a tree of all.</summary>
    private struct Members
    {
        public Token Kind { get; private set; }

        public Token Id { get; private set; }

        public Token First { get; private set; }

        public Token Second { get; private set; }

        public Token Time { get; private set; }

        public Token Origin { get; private set; }

        public int? Status { get; private set; }

        public bool? IsDone { get; private set; }

        public readonly Token Named(int index) => index == 0 ? First : Second;

        public static Members Read(ReadOnlySpan<byte> json, Rule? rule)
        {
            var reader = new Utf8JsonReader(json);
            var members = default(Members);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return members;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                // Of most members the length of the name shows that they are not meant.
                if (rule is null || reader.ValueIsEscaped || rule.MayAsk(reader.ValueSpan.Length))
                {
                    members.Take(ref reader, rule);
                }
                else
                {
                    reader.Skip();
                }
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
                Kind = Within(reader, "kind"u8);
                Id = Within(reader, "id"u8);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("origin"u8))
            {
                Origin = Value(ref reader);
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
            else if (reader.ValueTextEquals(rule.Named(0)))
            {
                First = Value(ref reader);
            }
            else if (reader.ValueTextEquals(rule.Named(1)))
            {
                Second = Value(ref reader);
            }
            else if (reader.ValueTextEquals(rule.Time[0]))
            {
                reader.Read();
                Time = rule.Time is [_, var within] ? Within(reader, within) : Text(reader);
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        private static Token Value(ref Utf8JsonReader reader)
        {
            reader.Read();
            var text = Text(reader);
            reader.Skip();
            return text;
        }

        private static Token Text(in Utf8JsonReader reader) => reader.TokenType == JsonTokenType.String
            ? new Token((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length)
            : default;

        // The reader is a copy: the caller's stays where it is.
        private static Token Within(Utf8JsonReader reader, ReadOnlySpan<byte> name)
        {
            Token found = default;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return found;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isMeant = reader.ValueTextEquals(name);
                reader.Read();
                found = isMeant ? Text(reader) : found;
                reader.Skip();
            }

            return found;
        }
    }
}
