using System.Collections.Concurrent;
using System.Data;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>
/// Makes the tables of the list anew beside those that are being read, and puts them in their place at the end: a
/// request sees the old ones or the new ones, never half. Whoever finishes a report meanwhile goes on doing so; only
/// while the last few events are taken over do they wait.
/// </summary>
/// <remarks>
/// The first pass reads what all tables are made from by type, in bulk, and copies it in before there is an index. What
/// is recorded meanwhile follows event by event with the very statements of the projection. A pass goes as far as
/// nothing can be committed any more; the last one behind a lock that whoever changes the list holds to the end of its
/// transaction.
/// </remarks>
internal sealed class FinishedReportsRebuild(NpgsqlDataSource database, TimeProvider clock)
{
    private const long RebuildLock = 0x5265_706F_7274_0011;
    private const string Place = "reports_rebuilt";
    private const int LongestBatch = 500;

    // What is left may take a moment under the lock.
    private const long FewEvents = 2000;
    private const int MostPasses = 10;
    private const int MostTries = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Tables = ["finished_reports", "expired_reports", "finished_report_days"];
    private static readonly string[] Words = [.. new[]
    {
        typeof(ReportFinished), typeof(ReportExpired), typeof(LegalHoldPlaced), typeof(LegalHoldReleased),
    }.Select(Word)];

    // What has expired since goes where it is kept then. Each is said so that the database can join them by hash.
    private static string Finished(bool isExpired, bool isRepeated) =>
        $"""
        select f.data from events.mt_events f
        where f.type = '{Word(typeof(ReportFinished))}' and f.seq_id <= $1 and {(isExpired ? "" : "not ")}exists (
            select from events.mt_events x
            where x.type = '{Word(typeof(ReportExpired))}' and x.seq_id <= $1
              and x.tenant_id = f.tenant_id and x.stream_id = f.stream_id and x.seq_id > f.seq_id)
        """ + (isRepeated ? First : "");

    private static readonly string First =
        $"""
         and not exists (
            select from events.mt_events b
            where b.type = '{Word(typeof(ReportFinished))}' and b.tenant_id = f.tenant_id and b.stream_id = f.stream_id
              and b.seq_id < f.seq_id)
        """;

    // Holds are few. One of a report that is not finished yet changes nothing.
    private static readonly string Holds =
        $"""
        select h.data, h.type from events.mt_events h
        where h.type = any($2) and h.seq_id <= $1 and exists (
            select from events.mt_events f
            where f.tenant_id = h.tenant_id and f.stream_id = h.stream_id
              and f.type = '{Word(typeof(ReportFinished))}' and f.seq_id < h.seq_id)
        order by h.seq_id
        """;

    private const string Since =
        """
        select data, type from events.mt_events where type = any($3) and seq_id > $1 and seq_id <= $2 order by seq_id
        """;

    private static readonly ConcurrentDictionary<string, string> Statements = new(StringComparer.Ordinal);

    /// <summary>Makes the tables anew.</summary>
    /// <returns>How many reports are listed.</returns>
    public async Task<long> RunAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await ExecuteAsync(connection, $"select pg_advisory_lock({RebuildLock})", cancellation);
        try
        {
            await ExecuteAsync(connection, $"drop schema if exists {Place} cascade", cancellation);
            var reached = await FillAsync(connection, cancellation);
            await ExecuteAsync(
                connection, $"vacuum (analyze) {string.Join(", ", Tables.Select(t => $"{Place}.{t}"))}", cancellation);
            for (var tries = 1; ; tries++)
            {
                reached = await CatchUpAsync(connection, reached, cancellation);
                if (await TryPutInPlaceAsync(connection, reached, tries == MostTries, cancellation))
                {
                    break;
                }

                await Task.Delay(Pause * Math.Min(tries, 20), clock, cancellation);
            }

            await using var count = new NpgsqlCommand("select count(*) from reports.finished_reports", connection);
            count.CommandTimeout = 0;
            return (long)(await count.ExecuteScalarAsync(cancellation))!;
        }
        finally
        {
            // A connection that goes back to its pool keeps its locks until it is used again.
            if (connection.State == ConnectionState.Open)
            {
                await ExecuteAsync(connection, "select pg_advisory_unlock_all()", CancellationToken.None);
            }
        }
    }

    // An event that was repeated counts once. To look for such takes as long as all else, and there are none, so it is
    // done only when the indexes say that there are.
    private async Task<long> FillAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        try
        {
            return await FillAsync(connection, isRepeated: false, cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return await FillAsync(connection, isRepeated: true, cancellation);
        }
    }

    private async Task<long> FillAsync(NpgsqlConnection connection, bool isRepeated, CancellationToken cancellation)
    {
        var last = await DecidedAsync(connection, cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await ExecuteAsync(connection, $"create schema {Place}", cancellation);
        foreach (var table in Tables)
        {
            await ExecuteAsync(
                connection, $"create table {Place}.{table} (like reports.{table} including all excluding indexes)",
                cancellation);
        }

        await CopyAsync(connection, "finished_reports", last, Finished(isExpired: false, isRepeated), cancellation);
        await CopyAsync(connection, "expired_reports", last, Finished(isExpired: true, isRepeated), cancellation);
        await ExecuteAsync(
            connection,
            $"""
            insert into {Place}.finished_report_days (merchant_id, day, interval, source, n)
            select merchant_id, (created_at at time zone 'UTC')::date, interval, source, sum(n) from (
                select merchant_id, created_at, interval, source, 1 as n from {Place}.finished_reports
                union all
                select merchant_id, created_at, interval, source, 0 from {Place}.expired_reports) r
            group by 1, 2, 3, 4
            """,
            cancellation);
        foreach (var table in Tables)
        {
            await FinishTableAsync(connection, table, cancellation);
        }

        await ApplyAsync(
            connection,
            Holds,
            [last, new[] { Word(typeof(LegalHoldPlaced)), Word(typeof(LegalHoldReleased)) }],
            cancellation);
        await transaction.CommitAsync(cancellation);
        return last;
    }

    private async Task CopyAsync(
        NpgsqlConnection connection, string table, long last, string sql, CancellationToken cancellation)
    {
        await using var reading = await database.OpenConnectionAsync(cancellation);

        // As old as the statistics may be, nothing is looked up report by report; compiling takes longer than reading.
        await ExecuteAsync(reading, "set enable_nestloop = off; set jit = off", cancellation);
        await using var command = Command(reading, sql, [last]);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await using var copy = await connection.BeginBinaryImportAsync(
            $"copy {Place}.{table} ({FinishedReportsProjection.Columns}) from stdin (format binary, freeze true)",
            cancellation);
        copy.Timeout = TimeSpan.Zero;
        while (await row.ReadAsync(cancellation))
        {
            await copy.WriteRowAsync(
                cancellation, FinishedReportsProjection.Row((ReportFinished)Event(row, typeof(ReportFinished))));
        }

        await copy.CompleteAsync(cancellation);
    }

    // As the table that is in place has them: indexes, constraints and rights.
    private static async Task FinishTableAsync(
        NpgsqlConnection connection, string table, CancellationToken cancellation)
    {
        var statements = new StringBuilder();
        await using (var command = Command(
            connection,
            $"""
            select case
                when c.oid is null then replace(
                    pg_get_indexdef(i.indexrelid), ' ON reports.{table} ', ' ON {Place}.{table} ')
                else format(
                    'alter table {Place}.{table} add constraint %I %s', c.conname, pg_get_constraintdef(c.oid)) end
            from pg_index i
            left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
            where i.indrelid = 'reports.{table}'::regclass
            union all
            select format(
                'grant %s on {Place}.{table} to %s', a.privilege_type,
                case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
            from pg_class t, aclexplode(t.relacl) a
            where t.oid = 'reports.{table}'::regclass and a.grantee <> t.relowner
            """,
            []))
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                statements.Append(row.GetString(0)).AppendLine(";");
            }
        }

        await ExecuteAsync(connection, statements.ToString(), cancellation);
    }

    private async Task<long> CatchUpAsync(NpgsqlConnection connection, long reached, CancellationToken cancellation)
    {
        for (var pass = 0; pass < MostPasses; pass++)
        {
            var (before, last) = (reached, await DecidedAsync(connection, cancellation));
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await ApplyAsync(connection, Since, [before, last, Words], cancellation);
            await transaction.CommitAsync(cancellation);
            reached = last;
            if (last - before < FewEvents)
            {
                break;
            }
        }

        return reached;
    }

    // A reader that is at work, or a transaction that read and now wants to write, is not waited for long: others
    // would wait behind.
    private async Task<bool> TryPutInPlaceAsync(
        NpgsqlConnection connection, long reached, bool isLast, CancellationToken cancellation)
    {
        var tables = string.Join(", ", Tables.Select(t => $"reports.{t}"));
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await ExecuteAsync(
                connection,
                $"set local lock_timeout = '500ms'; lock table {tables} in share row exclusive mode", cancellation);
            await ApplyAsync(connection, Since, [reached, long.MaxValue, Words], cancellation);
            var moves = Tables.Select(t => $"alter table {Place}.{t} set schema reports;");
            await ExecuteAsync(
                connection,
                $"""
                lock table {tables} in access exclusive mode;
                drop table {tables};
                {string.Join(' ', moves)}
                drop schema {Place}
                """,
                cancellation);
            await transaction.CommitAsync(cancellation);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable && !isLast)
        {
            return false;
        }
    }

    // Whoever draws a number holds the sequence to the end of its transaction. So when all have ended who held it after
    // the last number was read, nothing up to that number can be committed any more.
    private async Task<long> DecidedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = Command(
            connection,
            "select case when is_called then last_value else 0 end from events.mt_events_sequence",
            []);
        var last = (long)(await command.ExecuteScalarAsync(cancellation))!;
        string[]? waited = null;
        while (true)
        {
            await using var holders = Command(
                connection,
                """
                select coalesce(array_agg(virtualtransaction), '{}') from pg_locks
                where locktype = 'relation' and relation = 'events.mt_events_sequence'::regclass and granted
                  and database = (select oid from pg_database where datname = current_database())
                  and mode <> 'AccessShareLock' and pid is distinct from pg_backend_pid()
                """,
                []);
            var now = (string[])(await holders.ExecuteScalarAsync(cancellation))!;

            // One that is prepared is called by another name than before.
            var hasPrepared = now.Any(h => h.StartsWith("-1/", StringComparison.Ordinal));
            waited = waited is null || hasPrepared ? waited ?? now : [.. waited.Intersect(now)];
            if (waited.Length == 0)
            {
                return last;
            }

            await Task.Delay(Pause, clock, cancellation);
        }
    }

    private async Task ApplyAsync(
        NpgsqlConnection connection, string sql, object[] parameters, CancellationToken cancellation)
    {
        await using var reading = await database.OpenConnectionAsync(cancellation);
        await using var command = Command(reading, sql, parameters);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        while (await row.ReadAsync(cancellation))
        {
            var type = ContractNames.Events[row.GetString(1)];
            if (FinishedReportsProjection.Change(Event(row, type)) is not var (change, values))
            {
                continue;
            }

            var statement = new NpgsqlBatchCommand(Statements.GetOrAdd(change, Elsewhere));
            foreach (var value in values)
            {
                statement.Parameters.AddWithValue(value);
            }

            batch.BatchCommands.Add(statement);
            if (batch.BatchCommands.Count == LongestBatch)
            {
                await batch.ExecuteNonQueryAsync(cancellation);
                batch.BatchCommands.Clear();
            }
        }

        if (batch.BatchCommands.Count > 0)
        {
            await batch.ExecuteNonQueryAsync(cancellation);
        }
    }

    // Marten's question marks as numbered parameters, and the tables that are being made.
    private static string Elsewhere(string sql)
    {
        var (text, number) = (new StringBuilder(), 0);
        foreach (var letter in sql.Replace("reports.", $"{Place}.", StringComparison.Ordinal))
        {
            _ = letter == '?' ? text.Append(CultureInfo.InvariantCulture, $"${++number}") : text.Append(letter);
        }

        return text.ToString();
    }

    private static object Event(NpgsqlDataReader row, Type type) =>
        JsonSerializer.Deserialize(row.GetFieldValue<byte[]>(0), type, ContractJson.Options)!;

    private static string Word(Type type) => ContractNames.Events.Single(e => e.Value == type).Key;

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        foreach (var parameter in parameters)
        {
            command.Parameters.AddWithValue(parameter);
        }

        return command;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = Command(connection, sql);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
