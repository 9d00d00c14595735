using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Reports.Audit;

/// <summary>Which events are meant.</summary>
/// <param name="Tenant">Whose; none for all.</param>
/// <param name="Report">Those that name this report.</param>
/// <param name="Principal">Those that this principal did: its id, or kind and id as events are shown.</param>
/// <param name="Types">Those of these types; none given stands for all.</param>
/// <param name="Outcome">Those with this outcome.</param>
/// <param name="From">Recorded at this instant or later, by the database's clock.</param>
/// <param name="To">Recorded before this instant.</param>
/// <param name="After">With a higher sequence.</param>
/// <param name="Through">With no higher sequence than this.</param>
/// <param name="IsUnsealedToo">Those too that are not sealed yet.</param>
internal sealed record EventFilter(
    string? Tenant,
    Guid? Report,
    string? Principal,
    IReadOnlyList<string> Types,
    string? Outcome,
    DateTimeOffset? From,
    DateTimeOffset? To,
    long After,
    long? Through,
    bool IsUnsealedToo = false)
{
    /// <summary>Whether few events may be meant, and an index tells which; none tells what is recorded when.</summary>
    public bool IsSparse =>
        (From, To) is (null, null)
        && (Tenant is not null || Report is not null || Principal is not null || Types.Count > 0);
}

/// <summary>
/// A way through the events in the order of the store. It goes on by sequence, one stretch of sequences after the
/// other, so that no statement takes long or holds much, however few events a filter lets through; stretches get longer
/// as long as they are read quickly.
/// </summary>
internal sealed class EventWalk(EventFilter filter, long position, long end)
{
    private const long FirstStretch = 20_000;

    // Outcomes are told from the event, not by the database: more is read than is meant.
    private const int LeastRows = 500;
    private static readonly TimeSpan Quickly = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private const string Sparse =
        $"select {EventRow.Columns} from {EventRow.From} where e.seq_id > $1 and e.seq_id <= $2";

    // Twice as fast where nearly all is meant: events, hashes and leaves are read alongside. The stretch must bound all
    // three, or the join begins at the first of all.
    private const string Dense =
        $"""
        select {EventRow.Columns} from events.mt_events e
        left join ledger.row_hashes h on h.seq_id = e.seq_id and h.seq_id > $1 and h.seq_id <= $2
        left join ledger.leaves l on l.seq_id = e.seq_id and l.seq_id > $1 and l.seq_id <= $2
        where e.seq_id > $1 and e.seq_id <= $2
        """;

    private long _stretch = FirstStretch;

    /// <summary>Every event that is meant up to this sequence has been read.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Where the walk ends.</summary>
    public long End => end;

    /// <summary>Whether there is nothing more to read.</summary>
    public bool IsOver => Position >= end;

    /// <summary>Begins a walk, and tells how far the ledger has sealed.</summary>
    /// <remarks>
    /// No walk goes further than that: below it, nothing can be committed any more, so that whoever goes on by sequence
    /// misses nothing. Instants are narrowed to sequences by the ledger's heads: what is sealed by an instant was recorded
    /// before it, except what was sealed late. Whoever asks for what is not sealed yet gets what there is, among which
    /// more may be committed afterwards.
    /// </remarks>
    public static async Task<(EventWalk Walk, long? SealedThrough)> BeginAsync(
        NpgsqlDataSource database, EventFilter filter, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select (select last_seq from ledger.checkpoints order by size desc limit 1),
                   least(
                       coalesce((
                           select last_seq from ledger.checkpoints
                           where made_at <= $1 order by made_at desc limit 1), 0),
                       (select min(seq_id) - 1 from ledger.leaves join ledger.row_hashes using (seq_id)
                        where is_late and recorded_at >= $1)),
                   (select last_seq from ledger.checkpoints where made_at <= $2 order by made_at desc limit 1),
                   (select max(seq_id) from events.mt_events)
            """);
        Add(command, filter.From?.UtcDateTime, NpgsqlDbType.TimestampTz);
        Add(command, filter.To?.UtcDateTime, NpgsqlDbType.TimestampTz);
        long? sealedThrough;
        long from, to, last;
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            await row.ReadAsync(cancellation);
            long? Sequence(int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
            (sealedThrough, from, to) = (Sequence(0), Sequence(1) ?? 0, Sequence(2) ?? 0);
            last = Math.Max(sealedThrough ?? 0, filter.IsUnsealedToo ? Sequence(3) ?? 0 : 0);
        }

        to = filter.To is { } instant ? await LastBeforeAsync(database, instant, to, cancellation) : long.MaxValue;
        var end = Math.Min(last, Math.Min(filter.Through ?? long.MaxValue, to));
        return (new EventWalk(filter, Math.Max(filter.After, from), end), sealedThrough);
    }

    // As far as the ledger may be behind, the last event before an instant may stand beyond the head of the instant. It
    // is a sum, or the database would go down to it from the newest of all, row by row; so it looks at an index that
    // knows for stretches of the table what they hold, and reads the few that may have an event on either side.
    private static async Task<long> LastBeforeAsync(
        NpgsqlDataSource database, DateTimeOffset instant, long head, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select max(seq_id + 0) from ledger.row_hashes where seq_id > $1 and recorded_at < $2");
        Add(command, head, NpgsqlDbType.Bigint);
        Add(command, instant.UtcDateTime, NpgsqlDbType.TimestampTz);
        return await command.ExecuteScalarAsync(cancellation) is long last ? last : head;
    }

    /// <summary>Reads on, until there are so many events, enough is enough, or a second has passed.</summary>
    /// <param name="database">Where from.</param>
    /// <param name="most">How many events to read at most.</param>
    /// <param name="read">
    /// Takes an event, which is the next one as soon as it returns; false when it wants no more just now.
    /// </param>
    /// <param name="cancellation">Stops it.</param>
    public async Task ReadAsync(
        NpgsqlDataSource database, int most, Func<EventRow, bool> read, CancellationToken cancellation)
    {
        var (begun, left, isWanted, found) = (Stopwatch.GetTimestamp(), most, true, new EventRow());
        while (!IsOver && left > 0 && isWanted && Stopwatch.GetElapsedTime(begun) < Patience)
        {
            var (until, began) = (Math.Min(end, Position + _stretch), Stopwatch.GetTimestamp());
            var (asked, got) = (filter.Outcome is null ? left : Math.Max(left, LeastRows), 0);
            await using var command = Command(database, until, asked);
            await using (var row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellation))
            {
                while (isWanted && left > 0 && await row.ReadAsync(cancellation))
                {
                    found.ReadFrom(row);
                    (Position, got) = (found.Sequence, got + 1);
                    if (filter.Outcome is null || filter.Outcome == found.Fields.Outcome)
                    {
                        (left, isWanted) = (left - 1, read(found));
                    }
                }
            }

            if (isWanted && left > 0 && got < asked)
            {
                Position = until;
                _stretch = Stopwatch.GetElapsedTime(began) < Quickly ? _stretch * 4 : FirstStretch;
            }
        }
    }

    private NpgsqlCommand Command(NpgsqlDataSource database, long until, int most)
    {
        var command = database.CreateCommand();
        var sql = new StringBuilder(filter.IsSparse ? Sparse : Dense);
        Add(command, Position, NpgsqlDbType.Bigint);
        Add(command, until, NpgsqlDbType.Bigint);
        void Where(string condition, object? value, NpgsqlDbType type)
        {
            if (value is not null)
            {
                Add(command, value, type);
                sql.Append(CultureInfo.InvariantCulture, $" and {condition} ${command.Parameters.Count}");
            }
        }

        Where("e.tenant_id =", filter.Tenant, NpgsqlDbType.Varchar);
        Where("e.data ->> 'report_id' =", filter.Report?.ToString("D"), NpgsqlDbType.Text);
        var principal = filter.Principal?.Split(':', 2);
        Where("e.data -> 'by' ->> 'id' =", principal?[^1], NpgsqlDbType.Text);
        Where("e.data -> 'by' ->> 'kind' =", principal is [var kind, _] ? kind : null, NpgsqlDbType.Text);
        Where("h.recorded_at >=", filter.From?.UtcDateTime, NpgsqlDbType.TimestampTz);
        Where("h.recorded_at <", filter.To?.UtcDateTime, NpgsqlDbType.TimestampTz);
        if (filter.Types.Count > 0)
        {
            Add(command, filter.Types.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Varchar);
            sql.Append(CultureInfo.InvariantCulture, $" and e.type = any(${command.Parameters.Count})");
        }

        Add(command, most, NpgsqlDbType.Integer);
        sql.Append(CultureInfo.InvariantCulture, $" order by e.seq_id limit ${command.Parameters.Count}");
        command.CommandText = sql.ToString();
        return command;
    }

    private static void Add(NpgsqlCommand command, object? value, NpgsqlDbType type) =>
        command.Parameters.AddWithValue(type, value ?? DBNull.Value);
}
