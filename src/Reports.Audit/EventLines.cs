using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Npgsql;

namespace Reports.Audit;

/// <summary>
/// A stored event with its place in the ledger, as its row is. What was put in behind the ledger's back has neither
/// hash nor leaf, and what was changed there may hold anything: nothing but number, type and text is relied on.
/// </summary>
/// <param name="Sequence">Its place in the order of the store.</param>
/// <param name="LeafIndex">Its place in the ledger; none while it is not sealed.</param>
/// <param name="EventId">Its id.</param>
/// <param name="StreamId">The stream.</param>
/// <param name="Version">Its place in the stream.</param>
/// <param name="Type">The stored name of its type.</param>
/// <param name="Tenant">The merchant's id, or <c>platform</c>.</param>
/// <param name="Timestamp">When, by the node's clock.</param>
/// <param name="RecordedAt">When, by the database's clock.</param>
/// <param name="Mark">What no sealed event is: <c>archived</c>, or <c>binary</c>; none for all others.</param>
/// <param name="UserName">The principal.</param>
/// <param name="CorrelationId">What it belongs to.</param>
/// <param name="CausationId">What it follows from.</param>
/// <param name="Headers">The headers as PostgreSQL writes them, UTF-8.</param>
/// <param name="Data">
/// The event as PostgreSQL writes it, UTF-8, with hashes for what is told to nobody, as its leaf is made from it.
/// </param>
internal sealed record EventRow(
    long Sequence,
    long? LeafIndex,
    Guid EventId,
    Guid? StreamId,
    long Version,
    string Type,
    string? Tenant,
    DateTime? Timestamp,
    DateTime? RecordedAt,
    string? Mark,
    string? UserName,
    string? CorrelationId,
    string? CausationId,
    byte[]? Headers,
    byte[] Data)
{
    /// <summary>Who did what with what outcome.</summary>
    public AuditFields Fields => field ??= AuditFields.Of(Type, Headers, Data);

    /// <summary>What <see cref="Read"/> reads: of the event <c>e</c>, its hash <c>h</c>, its leaf <c>l</c>.</summary>
    public const string Columns =
        """
        e.seq_id, l.idx, e.id, e.stream_id, e.version, e.type, e.tenant_id,
        e.timestamp, h.recorded_at,
        case when e.is_archived then 'archived' when e.bdata is not null then 'binary' end,
        e.user_name, e.correlation_id, e.causation_id, e.headers::text,
        coalesce(ledger.shown(e.type, e.data)::text, 'null')
        """;

    /// <summary>
    /// Where it reads from. Hash and leaf are looked up event by event: a join that runs along them would begin at the
    /// first of all.
    /// </summary>
    public const string From =
        """
        events.mt_events e
        left join lateral (select recorded_at from ledger.row_hashes r where r.seq_id = e.seq_id offset 0) h on true
        left join lateral (select idx from ledger.leaves r where r.seq_id = e.seq_id offset 0) l on true
        """;

    /// <summary>Reads a row, each column once and in order.</summary>
    public static EventRow Read(NpgsqlDataReader row) => new(
        row.GetInt64(0),
        row.IsDBNull(1) ? null : row.GetInt64(1),
        row.GetGuid(2),
        row.IsDBNull(3) ? null : row.GetGuid(3),
        row.GetInt64(4),
        row.GetString(5),
        Text(row, 6),
        Time(row, 7),
        Time(row, 8),
        Text(row, 9),
        Text(row, 10),
        Text(row, 11),
        Text(row, 12),
        row.IsDBNull(13) ? null : row.GetFieldValue<byte[]>(13),
        row.GetFieldValue<byte[]>(14));

    private static readonly DateTime Epoch = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static string? Text(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTime? Time(NpgsqlDataReader row, int column)
    {
        if (row.IsDBNull(column))
        {
            return null;
        }

        // As PostgreSQL keeps it, in microseconds. Its calendar is longer than this one, and has both ends.
        var ticks = (Int128)row.GetInt64(column) * TimeSpan.TicksPerMicrosecond + Epoch.Ticks;
        return ticks >= DateTime.MinValue.Ticks && ticks <= DateTime.MaxValue.Ticks
            ? new DateTime((long)ticks, DateTimeKind.Utc)
            : null;
    }
}

/// <summary>
/// An event as the audit shows it, and as an export holds it line by line (<c>docs/ledger.md</c>): members in a fixed
/// order and nothing between them, and at the end headers and event as PostgreSQL writes them, so that the ledger's
/// leaf can be made from the line again.
/// </summary>
internal static class EventLines
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    /// <summary>How they are written: text as it is; several lines may follow each other.</summary>
    public static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes an event as one object, for people: what its type says of it is told too.</summary>
    public static void Write(Utf8JsonWriter json, EventRow row) => Write(json, row, isPlain: false);

    /// <summary>Writes an event as one object of what its leaf is made from, as a proof has it.</summary>
    public static void WritePlain(Utf8JsonWriter json, EventRow row) => Write(json, row, isPlain: true);

    /// <summary>An instant to the microsecond.</summary>
    public static string? Text(DateTime? at) => at?.ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static void Write(Utf8JsonWriter json, EventRow row, bool isPlain)
    {
        json.WriteStartObject();
        json.WriteNumber(Names.Sequence, row.Sequence);
        if (row.LeafIndex is { } index)
        {
            json.WriteNumber(Names.LeafIndex, index);
        }
        else
        {
            json.WriteNull(Names.LeafIndex);
        }

        json.WriteString(Names.EventId, row.EventId);
        json.WriteString(Names.StreamId, row.StreamId?.ToString("D"));
        json.WriteNumber(Names.Version, row.Version);
        json.WriteString(Names.Type, row.Type);
        json.WriteString(Names.Tenant, row.Tenant);
        json.WriteString(Names.Timestamp, Text(row.Timestamp));
        json.WriteString(Names.RecordedAt, Text(row.RecordedAt));
        json.WriteString(Names.UserName, row.UserName);
        json.WriteString(Names.CorrelationId, row.CorrelationId);
        json.WriteString(Names.CausationId, row.CausationId);
        if (row.Mark is not null)
        {
            // The leaf says nothing of it, and no verifier takes a line that has it.
            json.WriteString(Names.Mark, row.Mark);
        }

        if (!isPlain)
        {
            json.WriteString(Names.Principal, row.Fields.Principal);
            json.WriteString(Names.Outcome, row.Fields.Outcome);
            json.WriteString(Names.Resource, row.Fields.Resource);
            json.WriteString(Names.Origin, row.Fields.Origin);
        }

        json.WritePropertyName(Names.Headers);
        json.WriteRawValue(row.Headers ?? "null"u8, skipInputValidation: true);
        json.WritePropertyName(Names.Data);
        json.WriteRawValue(row.Data, skipInputValidation: true);
        json.WriteEndObject();
    }

    // Encoded once.
    private static class Names
    {
        public static readonly JsonEncodedText Sequence = JsonEncodedText.Encode("sequence");
        public static readonly JsonEncodedText LeafIndex = JsonEncodedText.Encode("leaf_index");
        public static readonly JsonEncodedText EventId = JsonEncodedText.Encode("event_id");
        public static readonly JsonEncodedText StreamId = JsonEncodedText.Encode("stream_id");
        public static readonly JsonEncodedText Version = JsonEncodedText.Encode("version");
        public static readonly JsonEncodedText Type = JsonEncodedText.Encode("type");
        public static readonly JsonEncodedText Tenant = JsonEncodedText.Encode("tenant");
        public static readonly JsonEncodedText Timestamp = JsonEncodedText.Encode("timestamp");
        public static readonly JsonEncodedText RecordedAt = JsonEncodedText.Encode("recorded_at");
        public static readonly JsonEncodedText UserName = JsonEncodedText.Encode("user_name");
        public static readonly JsonEncodedText CorrelationId = JsonEncodedText.Encode("correlation_id");
        public static readonly JsonEncodedText CausationId = JsonEncodedText.Encode("causation_id");
        public static readonly JsonEncodedText Mark = JsonEncodedText.Encode("mark");
        public static readonly JsonEncodedText Principal = JsonEncodedText.Encode("principal");
        public static readonly JsonEncodedText Outcome = JsonEncodedText.Encode("outcome");
        public static readonly JsonEncodedText Resource = JsonEncodedText.Encode("resource");
        public static readonly JsonEncodedText Origin = JsonEncodedText.Encode("origin");
        public static readonly JsonEncodedText Headers = JsonEncodedText.Encode("headers");
        public static readonly JsonEncodedText Data = JsonEncodedText.Encode("data");
    }
}
