using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Marten;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Lifecycle.Requests;

/// <summary>One key of one principal, with what it was sent for.</summary>
/// <param name="Merchant">The principal's merchant.</param>
/// <param name="Principal">The principal's number.</param>
/// <param name="KeyHash">The SHA-256 of the key; the key itself is kept nowhere.</param>
/// <param name="BodyHash">The SHA-256 of what the body says.</param>
internal sealed record IdempotencyKey(Guid Merchant, int Principal, byte[] KeyHash, byte[] BodyHash)
{
    private const int LongestKey = 255;

    /// <summary>The key in the field of a request; none without the field.</summary>
    /// <remarks>
    /// The draft on the header has it as a string of RFC 8941 (<c>"…"</c>); most clients send it bare. Both are taken
    /// for the same key.
    /// </remarks>
    /// <exception cref="ProblemException">There are two, or it is malformed.</exception>
    public static string? Parse(StringValues field)
    {
        if (field.Count == 0)
        {
            return null;
        }

        var text = field.Count == 1 ? field[0]!.Trim(' ', '\t') : throw Invalid("must be given once");
        return (text.StartsWith('"') ? Unquoted(text) : text) is { Length: > 0 and <= LongestKey } key
            && key.All(c => c is > ' ' and < '\x7f')
            && (text.StartsWith('"') || !key.AsSpan().ContainsAny("\",;\\"))
            ? key
            : throw Invalid($"must be one text of 1 to {LongestKey} visible ASCII characters");
    }

    public static byte[] Hash(string key) => SHA256.HashData(Encoding.ASCII.GetBytes(key));

    /// <summary>What tells the transaction that holds the key from all others.</summary>
    public long Lock
    {
        get
        {
            var bytes = new byte[16 + sizeof(int) + SHA256.HashSizeInBytes];
            Merchant.TryWriteBytes(bytes);
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), Principal);
            KeyHash.CopyTo(bytes, 20);
            return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(bytes));
        }
    }

    // A backslash may stand only before a quotation mark or another backslash. Null when it is no quoted text.
    private static string? Unquoted(string text)
    {
        var key = new StringBuilder(text.Length);
        for (var i = 1; i < text.Length - 1; i++)
        {
            if (text[i] == '"' || (text[i] == '\\' && (++i == text.Length - 1 || text[i] is not ('"' or '\\'))))
            {
                return null;
            }

            key.Append(text[i]);
        }

        return text.Length > 1 && text[^1] == '"' ? key.ToString() : null;
    }

    private static ProblemException Invalid(string finding) => Parameters.Invalid("Idempotency-Key", finding);
}

/// <summary>
/// What was answered to which key, for a day. A row is written by the commit that appends the report, so that there is
/// no report without its answer and no answer without its report; nothing is kept of a request that was refused.
/// </summary>
internal static class IdempotencyKeys
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public static ISchemaObject Table()
    {
        var table = new Table("reports.idempotency_keys");
        table.AddColumn("merchant_id", "uuid").AsPrimaryKey();
        table.AddColumn("principal", "integer").AsPrimaryKey();
        table.AddColumn("key_hash", "bytea").AsPrimaryKey();
        table.AddColumn("body_hash", "bytea").NotNull();
        table.AddColumn("report_id", "uuid").NotNull();
        table.AddColumn("answer", "bytea").NotNull();
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.Indexes.Add(new IndexDefinition("idempotency_keys_by_age") { Columns = ["created_at"] });
        return table;
    }

    /// <summary>
    /// Takes the key for the transaction of a session, which must be open, and gives what was answered to it before.
    /// </summary>
    /// <exception cref="ProblemException">It is in use at this moment, or was used for something else.</exception>
    public static async Task<(Guid Report, byte[] Answer)?> TakeAsync(
        IDocumentSession session, IdempotencyKey key, DateTimeOffset now, CancellationToken cancellation)
    {
        // Two statements: the second must see what was committed before the lock was free.
        await using var command = new NpgsqlCommand(
            """
            select pg_try_advisory_xact_lock(@lock);
            select body_hash, report_id, answer from reports.idempotency_keys
            where merchant_id = @merchant and principal = @principal and key_hash = @key and created_at > @since
            """);
        command.Parameters.AddWithValue("lock", key.Lock);
        command.Parameters.AddWithValue("merchant", key.Merchant);
        command.Parameters.AddWithValue("principal", key.Principal);
        command.Parameters.AddWithValue("key", key.KeyHash);
        command.Parameters.AddWithValue("since", (now - Lifetime).UtcDateTime);
        await using var row = await session.ExecuteReaderAsync(command, cancellation);
        await row.ReadAsync(cancellation);
        if (!row.GetBoolean(0))
        {
            throw new ProblemException(Problem.Conflict with
            {
                Detail = "A request with this Idempotency-Key is being answered at this moment",
                RetryAfter = 1,
            });
        }

        await row.NextResultAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
        {
            return null;
        }

        return row.GetFieldValue<byte[]>(0).AsSpan().SequenceEqual(key.BodyHash)
            ? (row.GetGuid(1), row.GetFieldValue<byte[]>(2))
            : throw new ProblemException(Problem.Unprocessable with
            {
                Detail = "This Idempotency-Key was used for another request within the last 24 hours",
            });
    }

    /// <summary>Keeps an answer, if the commit succeeds.</summary>
    public static void Keep(
        IDocumentSession session, IdempotencyKey key, Guid report, byte[] answer, DateTimeOffset now) =>
        session.QueueSqlCommand(
            """
            insert into reports.idempotency_keys
                (merchant_id, principal, key_hash, body_hash, report_id, answer, created_at)
            values (?, ?, ?, ?, ?, ?, ?)
            on conflict (merchant_id, principal, key_hash) do update set body_hash = excluded.body_hash,
                report_id = excluded.report_id, answer = excluded.answer, created_at = excluded.created_at
            """,
            key.Merchant, key.Principal, key.KeyHash, key.BodyHash, report, answer, now.ToUniversalTime());

    /// <summary>Removes what is too old to count.</summary>
    public static async Task<int> PurgeAsync(
        NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            delete from reports.idempotency_keys where ctid in (
                select ctid from reports.idempotency_keys where created_at <= $1
                order by created_at limit 5000 for update skip locked)
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - Lifetime).UtcDateTime });
        return await command.ExecuteNonQueryAsync(cancellation);
    }
}

/// <summary>Removes the idempotency keys whose day is over.</summary>
internal sealed class IdempotencyPurge(NpgsqlDataSource database, TimeProvider clock, ILogger<IdempotencyPurge> log)
    : RecurringWork(TimeSpan.FromMinutes(10), clock, log)
{
    protected override async Task TurnAsync(CancellationToken cancellation)
    {
        while (await IdempotencyKeys.PurgeAsync(database, Clock.GetUtcNow(), cancellation) > 0)
        {
        }
    }
}
