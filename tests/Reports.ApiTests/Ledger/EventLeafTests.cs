using Npgsql;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>The leaf that the database makes of an event is the one that a verifier makes of it.</summary>
public sealed class EventLeafTests(ReportsApp app)
{
    private const string Odd = "\"\\ é ß 東京 🧾 \u202E \u0001\t\n ' \u00a0";

    public static TheoryData<string, string?, string?, string?, string?> Rows() => new()
    {
        { "2026-11-23T00:05:09.123456Z", "user", "correlation", "causation", """{"request_id": "a"}""" },
        { "1969-12-31T23:59:59.999999Z", null, null, null, null },
        { "1904-02-29T12:00:00.000001Z", "", "", "", "{}" },
        { "0001-01-02T00:00:00Z", Odd, Odd, Odd, """{"é": "\ud83e\uddfe", "": null}""" },
        { "9999-12-30T23:59:59.999999Z", new string('x', 10_000), "-1", "NULL", "[]" },
        { "2026-11-23T02:05:09.5+02:00", "\uFEFF", " ", "\\xff", "\"text\"" },
    };

    public static TheoryData<string> Bodies() =>
    [
        "{}",
        """{"b": 1, "a": 1.50, "aa": 1e3, "a": 2.500, "n": -0.0, "big": 123456789012345678901234567890.10}""",
        """{"text": "é \u00e9 \\ \" \/ \b\f\n\r\t \u202e \ud83e\uddfe", "": {"": [null, true, [], {}]}}""",
        $$"""{"long": "{{new string('€', 100_000)}}"}""",
        "[1, 2.00, \"1.50\"]",
        "null",
    ];

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task sql_and_verifier_agree_on_columns(
        string timestamp, string? user, string? correlation, string? causation, string? headers) =>
        await CompareAsync(DateTimeOffset.Parse(timestamp, null), user, correlation, causation, headers, "{}");

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task sql_and_verifier_agree_on_data(string data) =>
        await CompareAsync(DateTimeOffset.UnixEpoch, "u", null, null, data, data);

    [Fact]
    public async Task a_row_that_is_inserted_has_its_hash_with_it()
    {
        await app.MerchantAsync();
        await using var command = app.Database.CreateCommand(
            """
            select count(*), count(*) filter (where h.leaf = ledger.leaf(e) and h.recorded_at > now() - interval '1 hour')
            from events.mt_events e left join ledger.row_hashes h using (seq_id)
            """);
        await using var row = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        await row.ReadAsync(TestContext.Current.CancellationToken);

        row.GetInt64(0).ShouldBePositive();
        row.GetInt64(1).ShouldBe(row.GetInt64(0));
    }

    // The row is rolled back: the store is everybody's.
    private async Task CompareAsync(
        DateTimeOffset timestamp, string? user, string? correlation, string? causation, string? headers, string data)
    {
        var (id, tenant) = (Guid.CreateVersion7(), $"tenant {Odd}");
        await using var connection = await app.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var insert = new NpgsqlCommand(
            """
            with stream as (
                insert into events.mt_streams (tenant_id, id, type, version) values ($3, $2, 'x', 1) returning id)
            insert into events.mt_events as e (
                seq_id, id, stream_id, version, type, tenant_id, timestamp, user_name, correlation_id, causation_id,
                headers, data, is_archived)
            select nextval('events.mt_events_sequence'), $1, id, 1, 'odd.v1', $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, false
            from stream
            returning seq_id, headers::text, data::text, ledger.leaf(e)
            """,
            connection,
            transaction);
        insert.Parameters.AddWithValue(id);
        insert.Parameters.AddWithValue(id);
        insert.Parameters.AddWithValue(tenant);
        insert.Parameters.AddWithValue(timestamp.ToUniversalTime());
        foreach (var text in new[] { user, correlation, causation, headers, data })
        {
            insert.Parameters.AddWithValue(NpgsqlTypes.NpgsqlDbType.Text, (object?)text ?? DBNull.Value);
        }

        await using var row = await insert.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        await row.ReadAsync(TestContext.Current.CancellationToken);
        var stored = new StoredEvent(
            row.GetInt64(0), id, id, 1, "odd.v1", tenant,
            (timestamp.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond,
            user, correlation, causation, await row.IsDBNullAsync(1) ? null : row.GetString(1), row.GetString(2));

        row.GetFieldValue<byte[]>(3).ShouldBe(EventLeaf.Hash(stored));
    }
}
