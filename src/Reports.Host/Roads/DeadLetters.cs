using Npgsql;
using NpgsqlTypes;
using Wolverine.Persistence.Durability;
using Wolverine.Runtime.Serialization;

namespace Reports.Host.Roads;

/// <summary>A dead letter as a list shows it.</summary>
internal sealed record DeadLetterLine(
    Guid Id, string Type, string CameBy, int Attempts, DateTimeOffset DiedAt, string ExceptionType, string Exception);

/// <summary>What became of a replay.</summary>
internal sealed record Replayed(int Again, int Superseded);

/// <summary>
/// Messages that no handler could make use of, kept for an operator. The framework's own operations list in no order,
/// say nothing of ids that are not there, and stop for good at a replay of what has come again by itself meanwhile.
/// </summary>
internal sealed class DeadLetters(NpgsqlDataSource database, IMessageStore store)
{
    /// <summary>The newest, and how many there are in all.</summary>
    public async Task<(IReadOnlyList<DeadLetterLine> Lines, long Total)> ListAsync(
        string? type, int limit, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select id, message_type, received_at, body, coalesce(failed_at, sent_at), exception_type, exception_message,
                count(*) over ()
            from wolverine.wolverine_dead_letters
            where archived_at is null and ($1::text is null or message_type = $1)
            order by 5 desc, id desc limit $2
            """);
        command.Parameters.Add(Text(type));
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var (lines, total) = (new List<DeadLetterLine>(), 0L);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            total = row.GetInt64(7);
            lines.Add(new DeadLetterLine(
                row.GetGuid(0), row.GetString(1), row.GetString(2),
                EnvelopeSerializer.Deserialize(await row.GetFieldValueAsync<byte[]>(3, cancellation)).Attempts,
                await row.GetFieldValueAsync<DateTimeOffset>(4, cancellation),
                await row.IsDBNullAsync(5, cancellation) ? "" : row.GetString(5),
                await row.IsDBNullAsync(6, cancellation) ? "" : row.GetString(6)));
        }

        return (lines, total);
    }

    /// <summary>One of them, whole; null when there is no such.</summary>
    public Task<DeadLetterEnvelope?> FindAsync(Guid id) => store.DeadLetters.DeadLetterEnvelopeByIdAsync(id);

    /// <summary>Those of some ids that are no dead letters.</summary>
    public async Task<IReadOnlyList<Guid>> UnknownAsync(Guid[] ids, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select id from unnest($1) as id
            where not exists (select from wolverine.wolverine_dead_letters d where d.id = id.id and archived_at is null)
            """);
        command.Parameters.Add(Ids(ids));
        var unknown = new List<Guid>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            unknown.Add(row.GetGuid(0));
        }

        return unknown;
    }

    /// <summary>
    /// Puts dead letters back into the inbox, whence a running node takes them. What came again by itself since it died
    /// is there already, or was handled, and is only taken off the list.
    /// </summary>
    /// <param name="ids">Which; null for all.</param>
    /// <param name="type">Of which type; null for all.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<Replayed> ReplayAsync(
        Guid[]? ids, string? type, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with chosen as (
                delete from wolverine.wolverine_dead_letters
                where archived_at is null and ($1::uuid[] is null or id = any($1))
                    and ($2::text is null or message_type = $2)
                returning id, body, message_type, received_at, coalesce(replay_count, 0) as replays,
                    coalesce(first_failed_at, failed_at, sent_at) as first_failed_at),
            again as (
                insert into wolverine.wolverine_incoming_envelopes
                    (body, id, status, owner_id, execution_time, attempts, message_type, received_at, keep_until)
                select body, id, 'Incoming', 0, null, 0, message_type, received_at, null from chosen
                on conflict do nothing
                returning id),
            history as (
                insert into wolverine.wolverine_dead_letter_history
                    (id, replay_count, last_replayed_at, first_failed_at)
                select id, max(replays) + 1, $3, min(first_failed_at) from chosen group by id
                on conflict (id) do update set replay_count = excluded.replay_count,
                    last_replayed_at = excluded.last_replayed_at)
            select (select count(*) from again)::int, (select count(*) from chosen)::int
            """);
        command.Parameters.Add(Ids(ids));
        command.Parameters.Add(Text(type));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        return new Replayed(row.GetInt32(0), row.GetInt32(1) - row.GetInt32(0));
    }

    /// <summary>Removes dead letters for good.</summary>
    public async Task<int> DiscardAsync(Guid[] ids, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "delete from wolverine.wolverine_dead_letters where id = any($1) and archived_at is null");
        command.Parameters.Add(Ids(ids));
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    private static NpgsqlParameter Text(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Ids(Guid[]? ids) =>
        new() { Value = (object?)ids ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid };
}
