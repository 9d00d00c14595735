using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Npgsql;

namespace Reports.Audit;

/// <summary>
/// An event as the audit shows it, and as an export holds it line by line (<c>docs/ledger.md</c>): members in a fixed
/// order, and at the end headers and event as PostgreSQL writes them, so that the ledger's leaf can be made from the
/// line again.
/// </summary>
internal static class EventLines
{
    /// <summary>
    /// What <see cref="Write"/> reads, in this order: of the event <c>e</c>, its hash <c>h</c> and its leaf <c>l</c>.
    /// </summary>
    public const string Columns =
        """
        e.seq_id, l.idx, e.id, e.stream_id, e.version, e.type, e.tenant_id,
        (extract(epoch from e.timestamp) * 1000000)::bigint, (extract(epoch from h.recorded_at) * 1000000)::bigint,
        e.user_name, e.correlation_id, e.causation_id, e.headers::text, e.data::text
        """;

    /// <summary>Where it reads from. What was put in behind the ledger's back has neither hash nor leaf.</summary>
    public const string From =
        """
        events.mt_events e
        left join ledger.row_hashes h on h.seq_id = e.seq_id
        left join ledger.leaves l on l.seq_id = e.seq_id
        """;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    /// <summary>How the lines are written: text as it is, nothing between members.</summary>
    public static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes the event of a row as one object; the row may be read in sequence only.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="row">The row, at <see cref="Columns"/>.</param>
    /// <returns>The event's sequence.</returns>
    public static long Write(Utf8JsonWriter json, NpgsqlDataReader row)
    {
        var sequence = row.GetInt64(0);
        json.WriteStartObject();
        json.WriteNumber("sequence", sequence);
        if (row.IsDBNull(1))
        {
            json.WriteNull("leaf_index");
        }
        else
        {
            json.WriteNumber("leaf_index", row.GetInt64(1));
        }

        json.WriteString("event_id", row.GetGuid(2));
        json.WriteString("stream_id", row.GetGuid(3));
        json.WriteNumber("version", row.GetInt64(4));
        json.WriteString("type", row.GetString(5));
        json.WriteString("tenant", row.GetString(6));
        json.WriteString("timestamp", Time(row.GetInt64(7)));
        json.WriteString("recorded_at", row.IsDBNull(8) ? null : Time(row.GetInt64(8)));
        json.WriteString("user_name", Text(row, 9));
        json.WriteString("correlation_id", Text(row, 10));
        json.WriteString("causation_id", Text(row, 11));
        var headers = row.IsDBNull(12) ? null : row.GetFieldValue<byte[]>(12);
        var data = row.GetFieldValue<byte[]>(13);
        foreach (var derived in (ReadOnlySpan<string>)["principal", "outcome", "resource", "origin"])
        {
            json.WriteNull(derived);
        }

        json.WritePropertyName("headers");
        json.WriteRawValue(headers ?? "null"u8, skipInputValidation: true);
        json.WritePropertyName("data");
        json.WriteRawValue(data, skipInputValidation: true);
        json.WriteEndObject();
        return sequence;
    }

    private static string Time(long microseconds) =>
        DateTime.UnixEpoch.AddMicroseconds(microseconds).ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static string? Text(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);
}
