using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Reports.Ledger;

/// <summary>
/// An event as it stands in a line of the audit's export: one JSON object with its members in one order and nothing
/// between them, headers and data as PostgreSQL shows them. It points into the line, so it lives no longer. What has
/// more than one way to be written has but one here; anything else is no such line.
/// </summary>
public readonly ref struct EventLine
{
    private static readonly long Epoch = DateTime.UnixEpoch.Ticks;

    /// <summary>Its place in the order of the store, from 1.</summary>
    public long Sequence { get; private init; }

    /// <summary>Which leaf it is said to be, from 0; none when it was not sealed. No part of the leaf.</summary>
    public long? LeafIndex { get; private init; }

    /// <summary>Its id.</summary>
    public ReadOnlySpan<byte> EventId { get; private init; }

    /// <summary>The stream.</summary>
    public ReadOnlySpan<byte> StreamId { get; private init; }

    /// <summary>Its place in the stream.</summary>
    public long Version { get; private init; }

    /// <summary>The stored name of its type, as JSON.</summary>
    public ReadOnlySpan<byte> Type { get; private init; }

    /// <summary>The merchant's id, or <c>platform</c>, as JSON.</summary>
    public ReadOnlySpan<byte> Tenant { get; private init; }

    /// <summary>When it was recorded by the node's clock, in microseconds since 1970.</summary>
    public long TimestampMicroseconds { get; private init; }

    /// <summary>The same by the database's clock; none when it was not inserted as events are.</summary>
    public long? RecordedMicroseconds { get; private init; }

    /// <summary>The principal, as JSON; <c>null</c> is allowed.</summary>
    public ReadOnlySpan<byte> UserName { get; private init; }

    /// <summary>What it belongs to, as JSON; <c>null</c> is allowed.</summary>
    public ReadOnlySpan<byte> CorrelationId { get; private init; }

    /// <summary>What it follows from, as JSON; <c>null</c> is allowed.</summary>
    public ReadOnlySpan<byte> CausationId { get; private init; }

    /// <summary>The headers, or <c>null</c>.</summary>
    public ReadOnlySpan<byte> Headers { get; private init; }

    /// <summary>The event.</summary>
    public ReadOnlySpan<byte> Data { get; private init; }

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="read">The event; when there is none, its sequence if at least that can be read, else 0.</param>
    /// <param name="flaw">The first member that is not as it must be.</param>
    /// <returns>True when it is such a line.</returns>
    public static bool TryRead(ReadOnlySpan<byte> line, out EventLine read, out string? flaw)
    {
        var cursor = new Cursor(line);
        cursor.Expect("{\"sequence\":"u8);
        var sequence = cursor.Number();
        cursor.Check(sequence > 0, "sequence");
        cursor.Expect(",\"leaf_index\":"u8);
        long? index = cursor.TakeNull() ? null : cursor.Number();
        cursor.Check("leaf_index");
        cursor.Expect(",\"event_id\":\""u8);
        var id = cursor.Uuid();
        cursor.Expect("\",\"stream_id\":\""u8);
        var stream = cursor.Uuid();
        cursor.Expect("\",\"version\":"u8);
        var version = cursor.Number();
        cursor.Expect(",\"type\":"u8);
        cursor.Check("version");
        var type = cursor.String(mayBeNull: false);
        cursor.Expect(",\"tenant\":"u8);
        cursor.Check("type");
        var tenant = cursor.String(mayBeNull: false);
        cursor.Expect(",\"timestamp\":"u8);
        cursor.Check("tenant");
        var timestamp = cursor.Instant();
        cursor.Expect(",\"recorded_at\":"u8);
        cursor.Check("timestamp");
        long? recorded = cursor.TakeNull() ? null : cursor.Instant();
        cursor.Expect(",\"user_name\":"u8);
        cursor.Check("recorded_at");
        var userName = cursor.String(mayBeNull: true);
        cursor.Expect(",\"correlation_id\":"u8);
        cursor.Check("user_name");
        var correlationId = cursor.String(mayBeNull: true);
        cursor.Expect(",\"causation_id\":"u8);
        cursor.Check("correlation_id");
        var causationId = cursor.String(mayBeNull: true);
        cursor.Check("causation_id");
        cursor.Expect(",\"headers\":"u8);
        var headers = cursor.Headers();
        cursor.Check("headers");
        var data = cursor.Data();
        cursor.Check("data");

        flaw = cursor.Flaw;
        read = flaw is not null ? new EventLine { Sequence = flaw == "sequence" ? 0 : sequence } : new EventLine
        {
            Sequence = sequence,
            LeafIndex = index,
            EventId = id,
            StreamId = stream,
            Version = version,
            Type = type,
            Tenant = tenant,
            TimestampMicroseconds = timestamp,
            RecordedMicroseconds = recorded,
            UserName = userName,
            CorrelationId = correlationId,
            CausationId = causationId,
            Headers = headers,
            Data = data,
        };
        return flaw is null;
    }

    /// <summary>The leaf of the event.</summary>
    /// <param name="leaf">Where its 32 bytes go.</param>
    public void Hash(Span<byte> leaf) => Hash(leaf, Sequence, RecordedMicroseconds);

    /// <summary>The leaf that the event would have at another place.</summary>
    /// <param name="leaf">Where its 32 bytes go.</param>
    /// <param name="sequence">The place.</param>
    /// <param name="recorded">When what belongs there was recorded by the database's clock.</param>
    public void Hash(Span<byte> leaf, long sequence, long? recorded)
    {
        var content = LeafContent.Begin();
        content.Append(sequence);
        content.Append(EventId);
        content.Append(StreamId);
        content.Append(Version);
        Append(content, Type);
        Append(content, Tenant);
        content.Append(TimestampMicroseconds);
        content.Append(recorded);
        Append(content, UserName);
        Append(content, CorrelationId);
        Append(content, CausationId);
        Append(content, Headers is [(byte)'n', ..] ? default : Headers, isJson: false);
        Append(content, Data, isJson: false);
        content.Hash(leaf);
    }

    /// <summary>The text of a string or of <c>null</c> in the line.</summary>
    /// <param name="json">The value.</param>
    /// <returns>The text.</returns>
    public static string? Text(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        return reader.GetString();
    }

    private static void Append(LeafContent content, ReadOnlySpan<byte> value, bool isJson = true)
    {
        if (value.IsEmpty || (isJson && value[0] == 'n'))
        {
            content.AppendNull();
        }
        else if (!isJson)
        {
            content.Append(value);
        }
        else if (!value.Contains((byte)'\\'))
        {
            content.Append(value[1..^1]);
        }
        else
        {
            var reader = new Utf8JsonReader(value);
            reader.Read();
            content.Append(reader.GetString());
        }
    }

    /// <summary>Goes through a line. After the first flaw it stands still.</summary>
    private ref struct Cursor(ReadOnlySpan<byte> line)
    {
        private const int UuidLength = 36;

        private static readonly SearchValues<byte> Hex = SearchValues.Create("0123456789abcdef"u8);

        private static ReadOnlySpan<byte> InstantPattern => "\"0000-00-00T00:00:00.000000Z\""u8;

        private ReadOnlySpan<byte> _rest = line;
        private bool _isBroken;

        public string? Flaw { get; private set; }

        public void Check(string member)
        {
            if (_isBroken)
            {
                Flaw ??= member;
            }
        }

        public void Check(bool isGood, string member)
        {
            _isBroken |= !isGood;
            Check(member);
        }

        public void Expect(ReadOnlySpan<byte> text)
        {
            if (!Take(text))
            {
                _isBroken = true;
            }
        }

        public bool TakeNull() => Take("null"u8);

        public long Number()
        {
            // Neither a sign nor a leading zero: one number is written in one way.
            var isGood = Utf8Parser.TryParse(_rest, out long number, out var length)
                && char.IsAsciiDigit((char)_rest[0]) && (_rest[0] != '0' || length == 1);
            _isBroken |= !isGood;
            Skip(isGood ? length : 0);
            return number;
        }

        public ReadOnlySpan<byte> Uuid()
        {
            var uuid = _rest[..Math.Min(UuidLength, _rest.Length)];
            var isGood = uuid.Length == UuidLength
                && uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-'
                && !uuid[..8].ContainsAnyExcept(Hex) && !uuid[9..13].ContainsAnyExcept(Hex)
                && !uuid[14..18].ContainsAnyExcept(Hex) && !uuid[19..23].ContainsAnyExcept(Hex)
                && !uuid[24..].ContainsAnyExcept(Hex);
            Check(isGood, "id");
            Skip(uuid.Length);
            return uuid;
        }

        public ReadOnlySpan<byte> String(bool mayBeNull)
        {
            if (mayBeNull && TakeNull())
            {
                return "null"u8;
            }

            var end = 1;
            while (_rest.Length > end && _rest[0] == '"')
            {
                var step = _rest[end..].IndexOfAny((byte)'"', (byte)'\\');
                if (step < 0)
                {
                    break;
                }

                end += step;
                if (_rest[end] == '"')
                {
                    return Checked(Skip(end + 1));
                }

                end += 2; // what follows a backslash ends no string
            }

            _isBroken = true;
            return default;
        }

        // Escapes that JSON does not know make no text.
        private ReadOnlySpan<byte> Checked(ReadOnlySpan<byte> text)
        {
            if (text.Contains((byte)'\\'))
            {
                try
                {
                    _ = Text(text);
                }
                catch (Exception e) when (e is JsonException or InvalidOperationException)
                {
                    _isBroken = true;
                }
            }

            return text;
        }

        public long Instant()
        {
            var json = Skip(Math.Min(InstantPattern.Length, _rest.Length));
            var isGood = json.Length == InstantPattern.Length;
            for (var i = 0; isGood && i < json.Length; i++)
            {
                isGood = InstantPattern[i] == '0' ? char.IsAsciiDigit((char)json[i]) : json[i] == InstantPattern[i];
            }

            if (!isGood)
            {
                _isBroken = true;
                return 0;
            }

            var (year, month, day) = (Digits(json[1..5]), Digits(json[6..8]), Digits(json[9..11]));
            var (hour, minute, second) = (Digits(json[12..14]), Digits(json[15..17]), Digits(json[18..20]));
            if (year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month)
                || hour > 23 || minute > 59 || second > 59)
            {
                _isBroken = true;
                return 0;
            }

            var whole = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).Ticks - Epoch;
            return (whole / TimeSpan.TicksPerMicrosecond) + Digits(json[21..27]);
        }

        /// <summary>Up to the member after it: within PostgreSQL's text a colon is followed by a space.</summary>
        public ReadOnlySpan<byte> Headers()
        {
            var length = _rest.IndexOf(",\"data\":"u8);
            _isBroken |= length <= 0 || !IsNullOrObject(_rest[..length]);
            var headers = Skip(Math.Max(length, 0));
            Expect(",\"data\":"u8);
            return headers;
        }

        public ReadOnlySpan<byte> Data()
        {
            _isBroken |= _rest.Length < 2 || _rest[^1] != '}';
            return _isBroken ? default : _rest[..^1];
        }

        private static int Digits(ReadOnlySpan<byte> digits)
        {
            var number = 0;
            foreach (var digit in digits)
            {
                number = (number * 10) + (digit - '0');
            }

            return number;
        }

        private static bool IsNullOrObject(ReadOnlySpan<byte> text) =>
            text.SequenceEqual("null"u8) || text is [(byte)'{', .., (byte)'}'];

        private bool Take(ReadOnlySpan<byte> text)
        {
            if (_isBroken || !_rest.StartsWith(text))
            {
                return false;
            }

            Skip(text.Length);
            return true;
        }

        private ReadOnlySpan<byte> Skip(int length)
        {
            var skipped = _rest[..length];
            _rest = _rest[length..];
            return skipped;
        }
    }
}
