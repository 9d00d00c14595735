using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Reports.Audit.Sealing;
using Reports.Contracts;
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
        "\"storage_key\"",
        "[\"storage_key\"]",
        """{"storage_key": 1, "quarantine_key": null, "subject": "s"}""",
        """{"a": {"storage_key": "m/x"}, "storage_key": "m/é\\n", "quarantine_key": "q/m/x", "subject": "s"}""",
    ];

    /// <summary>What is stored, of which type, and what of it is shown.</summary>
    public static TheoryData<string, string, string?> Hidden() => new()
    {
        {
            "report.finished.v1",
            """{"storage_key": "k", "n": 1.50}""",
            $$"""{"n": 1.50, "storage_key_sha256": "{{Sha256("k")}}"}"""
        },
        {
            "report.file-quarantined.v1",
            """{"storage_key": "k", "quarantine_key": "é"}""",
            $$"""{"storage_key_sha256": "{{Sha256("k")}}", "quarantine_key_sha256": "{{Sha256("é")}}"}"""
        },
        {
            "report.late-result-ignored.v1",
            """{"answer": "completed", "subject": "k"}""",
            $$"""{"answer": "completed", "subject_sha256": "{{Sha256("k")}}"}"""
        },
        {
            "report.late-result-ignored.v1",
            """{"answer": "failed", "subject": "source_unavailable"}""",
            """{"answer": "failed", "subject": "source_unavailable"}"""
        },
        {
            "report.generated.v1",
            """{"answer": "completed", "subject": "k"}""",
            """{"answer": "completed", "subject": "k"}"""
        },
        { "x", """{"storage_key_sha256": "00"}""", null },
        { "x", """{"storage_key": "k", "quarantine_key_sha256": "00"}""", null },
        { "report.late-result-ignored.v1", """{"answer": "completed", "subject_sha256": "00"}""", null },
        { "report.late-result-ignored.v1", "\"subject\"", "\"subject\"" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task sql_and_verifier_agree_on_columns(
        string timestamp, string? user, string? correlation, string? causation, string? headers) =>
        await CompareAsync(DateTimeOffset.Parse(timestamp, null), user, correlation, causation, headers, "{}");

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task sql_and_verifier_agree_on_data(string data) =>
        await CompareAsync(DateTimeOffset.UnixEpoch, "u", null, null, data, data);

    [Theory]
    [MemberData(nameof(Hidden))]
    public async Task what_is_told_to_nobody_is_shown_by_its_hash(string type, string stored, string? shown)
    {
        await using var command = app.Database.CreateCommand(
            "select ledger.shown($1, $2::jsonb) is not distinct from $3::jsonb, ledger.shown($1, $2::jsonb)::text, $2::jsonb::text");
        command.Parameters.AddWithValue(type);
        command.Parameters.AddWithValue(stored);
        command.Parameters.AddWithValue(NpgsqlDbType.Text, (object?)shown ?? DBNull.Value);
        await using var row = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        await row.ReadAsync(TestContext.Current.CancellationToken);

        row.GetBoolean(0).ShouldBeTrue(row.GetValue(1).ToString());
        ShownData.Of(type, row.GetString(2)).ShouldBe(row.IsDBNull(1) ? null : row.GetString(1));
    }

    [Fact]
    public async Task no_two_events_are_shown_alike()
    {
        string[] stored =
        [
            """{"storage_key": "k"}""", """{"storage_key": "K"}""", """{"storage_key": ""}""",
            """{"storage_key": null}""", """{"storage_key": 1}""", """{"storage_key": "1"}""",
            """{"storage_key": ["k"]}""", """{"quarantine_key": "k"}""", "{}",
            """{"storage_key": "k", "quarantine_key": "k"}""", """["storage_key"]""", "\"storage_key\"", "null",
        ];
        await using var command = app.Database.CreateCommand(
            "select count(distinct ledger.shown('x', d::jsonb)) from unnest($1) d");
        command.Parameters.AddWithValue(stored);

        (await command.ExecuteScalarAsync(TestContext.Current.CancellationToken)).ShouldBe((long)stored.Length);
    }

    // Otherwise a key could be replaced by its hash, and no leaf would tell.
    [Fact]
    public async Task no_event_comes_in_that_has_a_hash_where_a_key_is_hidden() =>
        (await Should.ThrowAsync<PostgresException>(() => CompareAsync(
            DateTimeOffset.UnixEpoch, null, null, null, null, """{"storage_key_sha256": "00"}""")))
            .SqlState.ShouldBe(PostgresErrorCodes.CheckViolation);

    [Fact]
    public async Task every_type_of_event_is_shown_and_none_with_a_storage_key()
    {
        foreach (var (name, example) in EventExamples.All(Guid.CreateVersion7())
            .Where(e => ContractNames.Events.ContainsKey(e.Key)))
        {
            var stored = JsonSerializer.Serialize(example, example.GetType(), ContractJson.Options);
            await using var command = app.Database.CreateCommand("select ledger.shown($1, $2::jsonb)::text");
            command.Parameters.AddWithValue(name);
            command.Parameters.AddWithValue(stored);
            var shown = (await command.ExecuteScalarAsync(TestContext.Current.CancellationToken)).ShouldBeOfType<string>(name);

            shown.ShouldNotContain("m/r/1/", customMessage: name);
            shown.Contains("_key_sha256", StringComparison.Ordinal)
                .ShouldBe(stored.Contains("storage_key", StringComparison.Ordinal), name);
        }
    }

    [Fact]
    public async Task a_row_that_is_inserted_has_its_hash_with_it()
    {
        await app.MerchantAsync();
        await using var command = app.Database.CreateCommand(
            """
            select count(*), count(*) filter (where h.leaf = ledger.leaf(e, h.recorded_at) and h.recorded_at > now() - interval '1 hour')
            from events.mt_events e left join ledger.row_hashes h using (seq_id)
            """);
        command.CommandTimeout = 300;
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
            returning seq_id, headers::text, ledger.shown(type, data)::text, ledger.leaf(e, $10)
            """,
            connection,
            transaction);
        insert.Parameters.AddWithValue(id);
        insert.Parameters.AddWithValue(id);
        insert.Parameters.AddWithValue(tenant);
        insert.Parameters.AddWithValue(timestamp.ToUniversalTime());
        foreach (var text in new[] { user, correlation, causation, headers, data })
        {
            insert.Parameters.AddWithValue(NpgsqlDbType.Text, (object?)text ?? DBNull.Value);
        }

        insert.Parameters.AddWithValue(timestamp.ToUniversalTime().AddHours(-1));
        await using var row = await insert.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        await row.ReadAsync(TestContext.Current.CancellationToken);
        var stored = new StoredEvent(
            row.GetInt64(0), id, id, 1, "odd.v1", tenant,
            Microseconds(timestamp), Microseconds(timestamp.AddHours(-1)),
            user, correlation, causation, await row.IsDBNullAsync(1) ? null : row.GetString(1), row.GetString(2));

        row.GetFieldValue<byte[]>(3).ShouldBe(EventLeaf.Hash(stored));
    }

    private static long Microseconds(DateTimeOffset at) =>
        (at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static string Sha256(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
