using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Npgsql;
using Reports.Audit.Sealing;

namespace Reports.Audit;

/// <summary>
/// A stored event with its place in the ledger, as its row is. What was put in behind the ledger's back has neither
/// hash nor leaf, and what was changed there may hold anything: nothing but number, type and text is relied on.
/// </summary>
/// <remarks>
/// Exports read them by the hundred thousand. So texts are kept in UTF-8 as they come over the wire, one behind the
/// other in one array; and whoever reads one after the other may read all of them into one instance.
/// </remarks>
internal sealed class EventRow
{
    private const int Checked = 15;
    private static readonly ReadOnlyMemory<byte> Null = "null"u8.ToArray();
    private static readonly DateTime Epoch = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private byte[] _texts = new byte[2048];
    private int _length;
    private Text _type;
    private Text _tenant;
    private Text _mark;
    private Text _userName;
    private Text _correlationId;
    private Text _causationId;
    private Text _headers;
    private string? _typeName;
    private AuditFields? _fields;

    /// <summary>Its place in the order of the store.</summary>
    public long Sequence { get; private set; }

    /// <summary>Its place in the ledger; none while it is not sealed.</summary>
    public long? LeafIndex { get; private set; }

    /// <summary>Its id.</summary>
    public Guid EventId { get; private set; }

    /// <summary>The stream.</summary>
    public Guid? StreamId { get; private set; }

    /// <summary>Its place in the stream.</summary>
    public long Version { get; private set; }

    /// <summary>The stored name of its type.</summary>
    public string Type => _typeName ??= AuditFields.NameOf(TypeText) ?? Encoding.UTF8.GetString(TypeText);

    /// <summary>The same in UTF-8.</summary>
    public ReadOnlySpan<byte> TypeText => _texts.AsSpan(_type.Start, _type.Length);

    /// <summary>The merchant's id, or <c>platform</c>.</summary>
    public string? Tenant => TenantText is { } text ? Encoding.UTF8.GetString(text.Span) : null;

    /// <summary>The same in UTF-8.</summary>
    public ReadOnlyMemory<byte>? TenantText => Of(_tenant);

    /// <summary>When, by the node's clock.</summary>
    public DateTime? Timestamp { get; private set; }

    /// <summary>When, by the database's clock.</summary>
    public DateTime? RecordedAt { get; private set; }

    /// <summary>What no sealed event is: <c>archived</c>, or <c>binary</c>; none for all others.</summary>
    public ReadOnlyMemory<byte>? Mark => Of(_mark);

    /// <summary>
    /// Whether it is what was sealed: its leaf can be made from it again. None while it is not sealed, and when nobody
    /// asked.
    /// </summary>
    public bool? IsIntact { get; private set; }

    /// <summary>The principal.</summary>
    public ReadOnlyMemory<byte>? UserName => Of(_userName);

    /// <summary>What it belongs to.</summary>
    public ReadOnlyMemory<byte>? CorrelationId => Of(_correlationId);

    /// <summary>What it follows from.</summary>
    public ReadOnlyMemory<byte>? CausationId => Of(_causationId);

    /// <summary>The headers as PostgreSQL writes them.</summary>
    public ReadOnlyMemory<byte>? Headers => Of(_headers);

    /// <summary>
    /// The event as PostgreSQL writes it, with hashes for what is told to nobody, as its leaf is made from it.
    /// </summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>Who did what with what outcome.</summary>
    public AuditFields Fields => _fields ??= AuditFields.Of(Type, Headers.GetValueOrDefault().Span, Data.Span);

    /// <summary>What is read: of the event <c>e</c>, its hash <c>h</c>, its leaf <c>l</c>.</summary>
    /// <remarks>
    /// What is told to nobody is hidden here: <c>ledger.shown</c> takes the database nearly half as long as all the rest.
    /// </remarks>
    public const string Columns =
        """
        e.seq_id, l.idx, e.id, e.stream_id, e.version, e.type, e.tenant_id,
        e.timestamp, h.recorded_at,
        case when e.is_archived then 'archived' when e.bdata is not null then 'binary' end,
        e.user_name, e.correlation_id, e.causation_id, e.headers::text, e.data::text
        """;

    /// <summary>What is read besides to compare the event with its leaf, which takes the database a while.</summary>
    public const string Intact =
        """
        (select r.leaf = ledger.leaf(e, h.recorded_at) and not e.is_archived and e.bdata is null
         from ledger.leaves r where r.seq_id = e.seq_id)
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
    public static EventRow Read(NpgsqlDataReader row)
    {
        var read = new EventRow();
        read.ReadFrom(row);
        return read;
    }

    /// <summary>Reads another row into this instance: what it was before is gone, texts and data too.</summary>
    public void ReadFrom(NpgsqlDataReader row)
    {
        (_length, _typeName, _fields) = (0, null, null);
        Sequence = row.GetInt64(0);
        LeafIndex = row.IsDBNull(1) ? null : row.GetInt64(1);
        EventId = row.GetGuid(2);
        StreamId = row.IsDBNull(3) ? null : row.GetGuid(3);
        Version = row.GetInt64(4);
        _type = Take(row, 5);
        _tenant = Take(row, 6);
        Timestamp = Time(row, 7);
        RecordedAt = Time(row, 8);
        _mark = Take(row, 9);
        _userName = Take(row, 10);
        _correlationId = Take(row, 11);
        _causationId = Take(row, 12);
        _headers = Take(row, 13);
        var data = Take(row, 14);
        Data = (Of(data) is { } stored ? ShownData.Of(TypeText, stored) : null) ?? Null;
        IsIntact = row.FieldCount > Checked && !row.IsDBNull(Checked) ? row.GetBoolean(Checked) : null;
    }

    // A null alone would be taken for an array, and be empty.
    private ReadOnlyMemory<byte>? Of(Text text) =>
        text.IsNull ? default(ReadOnlyMemory<byte>?) : _texts.AsMemory(text.Start, text.Length);

    private Text Take(NpgsqlDataReader row, int column)
    {
        if (row.IsDBNull(column))
        {
            return new Text(0, -1);
        }

        var (start, length) = (_length, 0);
        while (true)
        {
            length += (int)row.GetBytes(column, length, _texts, start + length, _texts.Length - start - length);
            if (start + length < _texts.Length)
            {
                _length = start + length;
                return new Text(start, length);
            }

            // There may be more of it.
            Array.Resize(ref _texts, 2 * _texts.Length);
        }
    }

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

    private readonly record struct Text(int Start, int Length)
    {
        public bool IsNull => Length < 0;
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
        Encoder = LineWriter.Encoder,
        SkipValidation = true,
    };

    /// <summary>Writes an event as one object, for people: what its type says of it is told too.</summary>
    public static void Write(Utf8JsonWriter json, EventRow row) => Write(json, row, isPlain: false);

    /// <summary>Writes an event as one object of what its leaf is made from, as a proof has it.</summary>
    public static void WritePlain(Utf8JsonWriter json, EventRow row) => Write(json, row, isPlain: true);

    /// <summary>Writes an event as one object, for people.</summary>
    public static void Write(IBufferWriter<byte> output, EventRow row) => Write(output, row, isPlain: false);

    /// <summary>An instant to the microsecond.</summary>
    public static string? Text(DateTime? at) => at?.ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static void Write(Utf8JsonWriter json, EventRow row, bool isPlain)
    {
        var line = new ArrayBufferWriter<byte>(1024);
        Write(line, row, isPlain);
        json.WriteRawValue(line.WrittenSpan, skipInputValidation: true);
    }

    // What a Utf8JsonWriter makes of it, byte for byte; that would take longer, for it takes nothing for granted.
    private static void Write(IBufferWriter<byte> output, EventRow row, bool isPlain)
    {
        var line = new LineWriter(output);
        line.Raw("{\"sequence\":"u8);
        line.Number(row.Sequence);
        line.Raw(",\"leaf_index\":"u8);
        line.Number(row.LeafIndex);
        line.Raw(",\"event_id\":"u8);
        line.Id(row.EventId);
        line.Raw(",\"stream_id\":"u8);
        line.Id(row.StreamId);
        line.Raw(",\"version\":"u8);
        line.Number(row.Version);
        line.Raw(",\"type\":"u8);
        line.Text(row.TypeText);
        line.Raw(",\"tenant\":"u8);
        line.Text(row.TenantText);
        line.Raw(",\"timestamp\":"u8);
        line.Instant(row.Timestamp);
        line.Raw(",\"recorded_at\":"u8);
        line.Instant(row.RecordedAt);
        line.Raw(",\"user_name\":"u8);
        line.Text(row.UserName);
        line.Raw(",\"correlation_id\":"u8);
        line.Text(row.CorrelationId);
        line.Raw(",\"causation_id\":"u8);
        line.Text(row.CausationId);
        if (row.Mark is { } mark)
        {
            // The leaf says nothing of it, and no verifier takes a line that has it.
            line.Raw(",\"mark\":"u8);
            line.Text(mark);
        }

        if (!isPlain)
        {
            AuditFields.Write(ref line, row);
        }

        line.Raw(",\"headers\":"u8);
        line.Raw(row.Headers is { } headers ? headers.Span : "null"u8);
        line.Raw(",\"data\":"u8);
        line.Raw(row.Data.Span);
        line.Raw("}"u8);
        line.Flush();
    }
}

/// <summary>Writes values of JSON where they go. What is written is there when it is flushed.</summary>
internal ref struct LineWriter(IBufferWriter<byte> output)
{
    private const int Usual = 1024;
    private const int LongestNumber = 20;
    private const int LengthOfId = 36;
    private const int LengthOfInstant = 29;

    /// <summary>How texts are escaped: as little as JSON allows.</summary>
    public static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    // What the encoder leaves as it is beyond any doubt.
    private static readonly SearchValues<byte> Unescaped = SearchValues.Create(
        [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (byte)c).Except("\"\\"u8.ToArray())]);

    private Span<byte> _room = output.GetSpan(Usual);
    private int _length;

    /// <summary>Whether a text within quotation marks is what stands there.</summary>
    public static bool IsSafe(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(Unescaped);

    /// <summary>Bytes as they are.</summary>
    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    public void Number(long? number)
    {
        if (number is not { } given)
        {
            Raw("null"u8);
            return;
        }

        given.TryFormat(Ensure(LongestNumber), out var length, default, CultureInfo.InvariantCulture);
        _length += length;
    }

    public void Id(Guid? id)
    {
        if (id is not { } given)
        {
            Raw("null"u8);
            return;
        }

        var place = Take(LengthOfId + 2);
        (place[0], place[^1]) = ((byte)'"', (byte)'"');
        given.TryFormat(place[1..], out _);
    }

    public void Text(ReadOnlyMemory<byte>? text)
    {
        if (text is { } given)
        {
            Text(given.Span);
        }
        else
        {
            Raw("null"u8);
        }
    }

    public void Text(string? text)
    {
        if (text is null)
        {
            Raw("null"u8);
        }
        else
        {
            Text(Encoding.UTF8.GetBytes(text));
        }
    }

    public void Text(ReadOnlySpan<byte> text)
    {
        var escaped = IsSafe(text) ? text : JsonEncodedText.Encode(text, Encoder).EncodedUtf8Bytes;
        var place = Take(escaped.Length + 2);
        (place[0], place[^1]) = ((byte)'"', (byte)'"');
        escaped.CopyTo(place[1..]);
    }

    /// <summary>A text that is safe.</summary>
    public void Safe(ReadOnlySpan<byte> text, bool isThere)
    {
        if (isThere)
        {
            Raw("\""u8);
            Raw(text);
            Raw("\""u8);
        }
        else
        {
            Raw("null"u8);
        }
    }

    /// <summary>A kind and an id that are safe.</summary>
    public void Safe(ReadOnlySpan<byte> kind, ReadOnlySpan<byte> id, bool isThere)
    {
        if (isThere)
        {
            Raw("\""u8);
            Raw(kind);
            Raw(":"u8);
            Raw(id);
            Raw("\""u8);
        }
        else
        {
            Raw("null"u8);
        }
    }

    /// <summary>An instant to the microsecond, of UTC.</summary>
    public void Instant(DateTime? at)
    {
        if (at is not { } given)
        {
            Raw("null"u8);
            return;
        }

        var place = Take(LengthOfInstant);
        "\"0000-00-00T00:00:00.000000Z\""u8.CopyTo(place);
        var (year, month, day) = given;
        Digits(place[1..5], year);
        Digits(place[6..8], month);
        Digits(place[9..11], day);
        Digits(place[12..14], given.Hour);
        Digits(place[15..17], given.Minute);
        Digits(place[18..20], given.Second);
        Digits(place[21..27], (int)(given.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond));
    }

    public void Flush()
    {
        output.Advance(_length);
        _room = default;
        _length = 0;
    }

    private static void Digits(Span<byte> place, int number)
    {
        for (var i = place.Length - 1; i >= 0; i--)
        {
            (number, var digit) = Math.DivRem(number, 10);
            place[i] = (byte)('0' + digit);
        }
    }

    private Span<byte> Take(int length)
    {
        var place = Ensure(length)[..length];
        _length += length;
        return place;
    }

    private Span<byte> Ensure(int length)
    {
        if (_room.Length - _length < length)
        {
            output.Advance(_length);
            _room = output.GetSpan(Math.Max(length, Usual));
            _length = 0;
        }

        return _room[_length..];
    }
}
