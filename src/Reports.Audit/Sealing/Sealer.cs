using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>
/// Seals events: adds a leaf for each to the tree, and signs the tree's new head, all in one transaction. One sealer
/// works at a time, the one that holds the lock; its connection is the lock's, so that whoever has lost the one has
/// lost the other.
/// </summary>
internal sealed class Sealer : IAsyncDisposable
{
    private const long SealerLock = 0x5265_706F_7274_0020;

    // A second sealer would break the leaves' primary key. The last statement tells that the head is still the one
    // that these leaves were added to.
    private const string Write =
        """
        insert into ledger.leaves (idx, seq_id, leaf, is_late)
        select $1 + r.n - 1, r.seq_id, r.leaf, r.n <= $4
        from unnest($2::bigint[], $3::bytea[]) with ordinality r (seq_id, leaf, n)
        """;

    private const string WriteNodes =
        "insert into ledger.nodes (level, idx, hash) select * from unnest($1::int[], $2::bigint[], $3::bytea[])";

    private const string WriteCheckpoint =
        """
        insert into ledger.checkpoints (size, root, last_seq, edge, note, oldest)
        select $1, $2, $3, $4, $5, $7
        where $6 is not distinct from (select note from ledger.checkpoints where size < $1 order by size desc limit 1)
          and not exists (select from ledger.checkpoints where size >= $1)
        returning size
        """;

    // An outage is a run of checkpoints that came too late for what they seal. It is over with one that did not, or when
    // nothing more waits; and it is known whoever made them. What was there before the first sealer waits since that.
    private static readonly string WriteOutage =
        $"""
        insert into ledger.outages (id, size, began, ended, cause)
        select $2, run.size, run.began, run.ended, coalesce(
            (select f.verdict from ledger.faults f
             where f.ends is null and f.kind = '{LedgerFaults.Stopped}' and f.at <= run.ended
               and not exists (select from ledger.faults e where e.ends = f.id and e.at < run.began)
             order by f.at desc limit 1), 'delayed')
        from (
            select max(c.size) as size, max(c.made_at) as ended,
                greatest(min(c.oldest), (select min(k.first_used) from ledger.keys k)) as began
            from ledger.checkpoints c
            where c.size <= $1 and c.made_at - c.oldest > $4 and c.size > (
                select coalesce(max(before.size), 0) from (
                    (select p.size from ledger.checkpoints p
                     where p.size < $1 and p.made_at - p.oldest <= $4 order by p.size desc limit 1)
                    union all select max(o.size) from ledger.outages o) before)) run
        where run.ended - run.began > $4 and ($3 or run.size < $1)
        """;

    private readonly NpgsqlConnection _connection;
    private readonly LedgerOptions _options;
    private readonly LedgerKeys _keys;
    private readonly LedgerMemory _memory;
    private readonly TimeProvider _clock;
    private readonly Frontier _frontier;
    private LedgerHead? _head;
    private IReadOnlyCollection<long> _late = [];
    private IReadOnlyCollection<long>? _found;

    private Sealer(
        NpgsqlConnection connection, LedgerOptions options, LedgerKeys keys, LedgerMemory memory, TimeProvider clock)
    {
        (_connection, _options, _keys, _memory, _clock) = (connection, options, keys, memory, clock);
        _frontier = new Frontier(connection);
    }

    /// <summary>The end of the ledger; none before the first round, and after a failed one.</summary>
    public LedgerHead? Head => _head;

    /// <summary>Whether a transaction that may still bring an event is waited for.</summary>
    public bool IsWaiting => _frontier.IsWaiting;

    /// <summary>Becomes the sealer, if nobody else is.</summary>
    /// <returns>The sealer; null when another is at work.</returns>
    public static async Task<Sealer?> TryBeginAsync(
        NpgsqlDataSource database, LedgerOptions options, LedgerKeys keys, LedgerMemory memory, TimeProvider clock,
        CancellationToken cancellation)
    {
        var connection = await database.OpenConnectionAsync(cancellation);
        try
        {
            await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({SealerLock})", connection);
            if (await command.ExecuteScalarAsync(cancellation) is true)
            {
                return new Sealer(connection, options, keys, memory, clock);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        await connection.DisposeAsync();
        return null;
    }

    /// <summary>Whether somebody holds the lock.</summary>
    public static async Task<bool> IsAnyAtWorkAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select exists (
                select from pg_locks
                where locktype = 'advisory' and granted and objsubid = 1
                  and database = (select oid from pg_database where datname = current_database())
                  and (classid::bigint << 32) + objid::bigint = {SealerLock})
            """,
            connection);
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    /// <summary>Seals what can be sealed, up to a batch.</summary>
    /// <returns>What was done.</returns>
    /// <exception cref="LedgerFaultException">
    /// Something is wrong; what comes before it is sealed. The next round looks again.
    /// </exception>
    public async Task<SealRound> SealAsync(CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        _head ??= await BeginAsync(cancellation);
        _late = Interlocked.Exchange(ref _found, null) ?? _late;
        var frontier = await _frontier.AdvanceAsync(cancellation);
        if (frontier <= _head.LastSequence && _late.Count == 0)
        {
            await LookAtEndAsync(_head, cancellation);
            return new SealRound(0, 0, false, Stopwatch.GetElapsedTime(began));
        }

        var batch = await LedgerBatch.ReadAsync(
            _connection, _late, _head.LastSequence, frontier, _options.LargestBatch, cancellation);
        if (batch.Count > 0)
        {
            await WriteAsync(batch, batch.LastSequence == frontier, cancellation);
        }

        if (batch.Fault is { } fault)
        {
            throw fault;
        }

        _late = [];
        return new SealRound(
            batch.Count, batch.Late, batch.LastSequence < frontier, Stopwatch.GetElapsedTime(began));
    }

    /// <summary>Has events sealed that came late, in the next round. May be called while it seals.</summary>
    /// <param name="sequences">Their sequences.</param>
    public void Add(IReadOnlyCollection<long> sequences) => Interlocked.Exchange(ref _found, sequences);

    /// <summary>Gives the lock back.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            // A connection that goes back to its pool keeps its locks until it is used again.
            await using var command = new NpgsqlCommand("select pg_advisory_unlock_all()", _connection);
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // It is broken, and the lock went with it.
        }

        await _connection.DisposeAsync();
    }

    // What is written goes on from the head that is known. Where nothing is written, that the end of the ledger is gone,
    // and its numbers are drawn again, shows in nothing else.
    private async Task LookAtEndAsync(LedgerHead head, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "select note from ledger.checkpoints order by size desc limit 1", _connection);
        if (await command.ExecuteScalarAsync(cancellation) as string != head.Note)
        {
            _head = null;
            _head = await BeginAsync(cancellation);
        }
    }

    // Before anything is added, the ledger must be the one that was known.
    private async Task<LedgerHead> BeginAsync(CancellationToken cancellation)
    {
        var head = await LedgerHead.LoadAsync(_connection, _options.Origin, _keys.Believed, cancellation);
        await _memory.CheckAsync(_connection, head, cancellation);
        _memory.Note(head.Note is null ? null : SignedCheckpoint.Parse(head.Note));
        await using var command = new NpgsqlCommand(
            "insert into ledger.keys (id, pem) select * from unnest($1::text[], $2::text[]) on conflict do nothing",
            _connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. _keys.Signers.Select(s => s.Key.Id)] });
        command.Parameters.Add(
            new NpgsqlParameter<string[]> { TypedValue = [.. _keys.Signers.Select(s => s.Key.ToPem())] });
        await command.ExecuteNonQueryAsync(cancellation);
        return head;
    }

    private async Task WriteAsync(LedgerBatch batch, bool isAll, CancellationToken cancellation)
    {
        // Until the commit is known, nothing is: a round that fails begins anew from what is there.
        var before = _head!;
        _head = null;
        var (sequences, leaves) = (batch.Sequences, batch.Leaves);
        var nodes = new List<(int Level, long Index, byte[] Hash)>();
        foreach (var leaf in leaves)
        {
            before.Edge.Append(leaf, (level, index, hash) =>
            {
                if (level % LedgerTree.LevelStep == 0)
                {
                    nodes.Add((level, index, hash));
                }
            });
        }

        var (size, root, now) = (before.Edge.Count, before.Edge.Root(), _clock.GetUtcNow());
        var note = SignedCheckpoint.Sign(
            new Checkpoint(_options.Origin, size, root, batch.LastSequence, now, []),
            _keys.Signers);
        var text = note.Note();
        await using var transaction = await _connection.BeginTransactionAsync(cancellation);
        await using var writes = new NpgsqlBatch(_connection, transaction);
        writes.BatchCommands.Add(Command(
            Write, Long(before.Size), Value(sequences), Value(leaves), new NpgsqlParameter<int> { TypedValue = batch.Late }));
        writes.BatchCommands.Add(Command(
            WriteNodes, Value(nodes.Select(n => n.Level).ToArray()), Value(nodes.Select(n => n.Index).ToArray()),
            Value(nodes.Select(n => n.Hash).ToArray())));
        writes.BatchCommands.Add(Command(
            WriteCheckpoint, Long(size), Value(root), Long(batch.LastSequence), Value(before.Edge.ToBytes()),
            Text(text), Text(before.Note), Value(batch.Oldest)));
        writes.BatchCommands.Add(Command(
            WriteOutage, Long(size), Value(Guid.CreateVersion7(now)), Value(isAll), Value(_options.LongestWait)));
        if (await writes.ExecuteScalarAsync(cancellation) is null)
        {
            throw new LedgerFaultException(
                LedgerVerdict.Fork, before.LastSequence,
                $"the newest checkpoint is no longer the one of size {before.Size} that was read before");
        }

        await transaction.CommitAsync(cancellation);
        _head = new LedgerHead(text, size, root, batch.LastSequence, before.Edge);
        _memory.Note(note);
    }

    private static NpgsqlBatchCommand Command(string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    private static NpgsqlParameter<long> Long(long value) => new() { TypedValue = value };

    private static NpgsqlParameter Text(string? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)value ?? DBNull.Value };
}

/// <summary>What a round did.</summary>
/// <param name="Sealed">How many events were sealed.</param>
/// <param name="Late">How many of them came late.</param>
/// <param name="HasMore">Whether there are more that could be.</param>
/// <param name="Took">How long it took.</param>
internal sealed record SealRound(int Sealed, int Late, bool HasMore, TimeSpan Took);
