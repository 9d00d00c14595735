using System.Buffers;
using System.Data;
using System.Text.Encodings.Web;
using System.Text.Json;
using NpgsqlTypes;
using Reports.Audit;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>A line of an event is what a writer of JSON makes of it, byte for byte.</summary>
public sealed class EventLinesTests(ReportsApp app)
{
    private const string Odd =
        "\"\\/<>&'+ é ß 東京 🧾 \u202E \u2028 \u00ad \ufeff \ue000 \uffff \u0378 \u0001\t\r\n\b\f \u007f\u00a0";

    private static readonly Guid Id = Guid.Parse("0199f3a0-0000-7000-8000-00000000abcd");

    public static TheoryData<string, string?, string?, string> Rows() => new()
    {
        { "report.expired.v1", "user", """{"origin": "here", "x": "a"}""", """{"by": {"id": "x", "kind": "y"}}""" },
        { "report.expired.v1", null, null, """{"by": {"id": "é\"", "kind": "\\"}, "report_id": "\u0001 🧾"}""" },
        { "download.attempted.v1", "", "{}", """{"origin": "\n", "locator_sha256": "abc", "by": {"kind": "k"}}""" },
        { "report.finished.v1", Odd, """{"origin": "é"}""", """{"by": 1, "storage_key": "m/r/1", "report_id": "r"}""" },
        { "audit.restored-from-backup.v1", "u", "[]", """{"by": {"id": "x", "kind": "operator", "more": [{}]}}""" },
        { "audit.read.v1", "u", "1", """{"status": 404, "surface": "events"}""" },
        { "operator.acted.v1", "u", """{"o": "\\u006f"}""", """{"is_done": false, "command": ""}""" },
        { "report.late-result-ignored.v1", "u", null, """{"answer": "completed", "subject": "k", "report_id": "r"}""" },
        { Odd, Odd, $$"""{"origin": {{JsonSerializer.Serialize(Odd)}}}""", "null" },
        { "x", new string('€', 5000), null, $$"""{"a": "{{new string('x', 100_000)}}"}""" },
        { "x", new string('x', 2047), null, "[1, 2.00]" },
        { "report.expired.v1", "u", null, """{"report_id": 7, "origin": null, "expired_at": "2026"}""" },
        { "x", "u", null, """{"storage_key_sha256": "00"}""" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task a_line_is_what_a_writer_of_json_makes_of_it(
        string type, string? user, string? headers, string data)
    {
        foreach (var (index, at, mark) in new (long?, string?, string?)[]
        {
            (null, null, "archived"), (0, "2026-11-26T07:08:09.000001Z", null),
            (long.MaxValue, "0001-01-01T00:00:00Z", null),
            (7, "9999-12-31T23:59:59.999999Z", null), (7, "infinity", "binary"),
        })
        {
            await using var command = app.Database.CreateCommand(
                """
                select 9::bigint, $1::bigint, $2::uuid, case when $1 > 0 then $2::uuid end, -1::bigint, $3::text,
                    $4::text, $5::timestamptz, $5::timestamptz, $6::text, $4::text, $4::text, null::text,
                    $7::jsonb::text, $8::jsonb::text
                """);
            command.Parameters.AddWithValue(NpgsqlDbType.Bigint, (object?)index ?? DBNull.Value);
            command.Parameters.AddWithValue(Id);
            foreach (var text in new[] { type, user, at, mark, headers, data })
            {
                command.Parameters.AddWithValue(NpgsqlDbType.Unknown, (object?)text ?? DBNull.Value);
            }

            await using var row = await command.ExecuteReaderAsync(
                CommandBehavior.SequentialAccess, TestContext.Current.CancellationToken);
            await row.ReadAsync(TestContext.Current.CancellationToken);
            var read = EventRow.Read(row);
            var (line, plain) = (new ArrayBufferWriter<byte>(1), new ArrayBufferWriter<byte>(1));
            EventLines.Write(line, read);
            using (var json = new Utf8JsonWriter(plain, EventLines.Options))
            {
                EventLines.WritePlain(json, read);
            }

            line.WrittenSpan.SequenceEqual(Written(read, isPlain: false)).ShouldBeTrue(Text(line));
            plain.WrittenSpan.SequenceEqual(Written(read, isPlain: true)).ShouldBeTrue(Text(plain));
            using var parsed = JsonDocument.Parse(line.WrittenMemory);
            parsed.RootElement.GetProperty("user_name").GetString().ShouldBe(user);
        }
    }

    private static string Text(ArrayBufferWriter<byte> line) => System.Text.Encoding.UTF8.GetString(line.WrittenSpan);

    private static byte[] Written(EventRow row, bool isPlain)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            SkipValidation = true,
        }))
        {
            Write(json, row, isPlain);
        }

        return output.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, EventRow row, bool isPlain)
    {
        static string? Text(ReadOnlyMemory<byte>? text) =>
            text is { } given ? System.Text.Encoding.UTF8.GetString(given.Span) : null;

        json.WriteStartObject();
        json.WriteNumber("sequence", row.Sequence);
        json.WritePropertyName("leaf_index");
        JsonSerializer.Serialize(json, row.LeafIndex);
        json.WriteString("event_id", row.EventId);
        json.WriteString("stream_id", row.StreamId?.ToString("D"));
        json.WriteNumber("version", row.Version);
        json.WriteString("type", row.Type);
        json.WriteString("tenant", row.Tenant);
        json.WriteString("timestamp", EventLines.Text(row.Timestamp));
        json.WriteString("recorded_at", EventLines.Text(row.RecordedAt));
        json.WriteString("user_name", Text(row.UserName));
        json.WriteString("correlation_id", Text(row.CorrelationId));
        json.WriteString("causation_id", Text(row.CausationId));
        if (row.Mark is { } mark)
        {
            json.WriteString("mark", mark.Span);
        }

        if (!isPlain)
        {
            json.WriteString("principal", row.Fields.Principal);
            json.WriteString("outcome", row.Fields.Outcome);
            json.WriteString("resource", row.Fields.Resource);
            json.WriteString("origin", row.Fields.Origin);
        }

        json.WritePropertyName("headers");
        json.WriteRawValue(Text(row.Headers) ?? "null", skipInputValidation: true);
        json.WritePropertyName("data");
        json.WriteRawValue(row.Data.Span, skipInputValidation: true);
        json.WriteEndObject();
    }
}
