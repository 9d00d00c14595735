using Npgsql;
using NpgsqlTypes;
using Wolverine;
using Wolverine.RDBMS;
using Wolverine.Runtime;

namespace Reports.Host.Roads;

/// <summary>
/// Takes what generators insert into <c>ingress.messages</c> into the durable inbox, a batch in one transaction. The
/// framework's own listener for tables would do, but for one row: where an id comes a second time it stops for good.
/// </summary>
internal sealed partial class IngressTable(
    IWolverineRuntime runtime,
    NpgsqlDataSource database,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<IngressTable> logger) : BackgroundService
{
    /// <summary>The local queue whose inbox the rows go to.</summary>
    public const string Queue = "ingress";

    private const int Batch = 100;
    private const long Lock = 0x5265_706F_7274_0002;
    private static readonly Uri Destination = new($"local://{Queue}/");
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!await HasStartedAsync(stoppingToken))
        {
            return;
        }

        var isAway = false;
        using var timer = new PeriodicTimer(Pause, clock);
        do
        {
            try
            {
                int rows, taken = 0;
                do
                {
                    rows = await TakeAsync(stoppingToken);
                    taken += rows;
                }
                while (rows == Batch);

                timer.Period = Next(timer.Period, hasTaken: taken > 0);
                isAway = false;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Said once: the next second is another try.
                LogAway(isAway ? LogLevel.Debug : LogLevel.Warning, e);
                isAway = true;
                timer.Period = Pause;
            }
        }
        while (await WaitAsync(timer, stoppingToken));
    }

    /// <summary>Takes a batch; says how many rows there were.</summary>
    internal async Task<int> TakeAsync(CancellationToken cancellation)
    {
        if (!await AnyAsync(cancellation))
        {
            return 0;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var rows = await DeleteAsync(connection, cancellation);
        var fresh = await WithoutKnownAsync(connection, rows, cancellation);
        if (fresh.Length > 0)
        {
            await ((IMessageDatabase)runtime.Storage).StoreIncomingAsync(transaction, fresh);
        }

        await transaction.CommitAsync(cancellation);

        // From here on they are in the inbox: should this process die, another takes them from there.
        await runtime.EnqueueDirectlyAsync(fresh);
        return rows.Count;
    }

    // Idle, this is all that a second costs: one statement and no transaction.
    private async Task<bool> AnyAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("select exists (select from ingress.messages)");
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    }

    // One node at a time, for the order and so that no two look for the same duplicate.
    private async Task<List<Envelope>> DeleteAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            with next as materialized (
                select id from ingress.messages
                where pg_try_advisory_xact_lock($1)
                order by received_at, id limit $2
                for update skip locked)
            delete from ingress.messages m using next where m.id = next.id
            returning m.id, m.body::text, m.message_type, m.received_at
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = Lock });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Batch });
        var rows = new List<(DateTime At, Envelope Envelope)>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            var at = row.GetDateTime(3);
            var message = IncomingMessage.Read(
                await row.GetFieldValueAsync<byte[]>(1, cancellation), contentType: null,
                await row.IsDBNullAsync(2, cancellation) ? null : row.GetString(2), row.GetGuid(0).ToString(), Queue);
            rows.Add((at, ToEnvelope(message, at)));
        }

        return [.. rows.OrderBy(r => r.At).Select(r => r.Envelope)];
    }

    private Envelope ToEnvelope(IncomingMessage message, DateTime at) => new()
    {
        Id = message.Id,
        MessageType = message.Type,
        Data = message.Data,
        ContentType = "application/json",
        Source = "ingress.messages",
        SentAt = at,
        Destination = Destination,
        Status = EnvelopeStatus.Incoming,
        OwnerId = runtime.DurabilitySettings.AssignedNodeNumber,
    };

    private static async Task<Envelope[]> WithoutKnownAsync(
        NpgsqlConnection connection, List<Envelope> rows, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "select id from wolverine.wolverine_incoming_envelopes where received_at = $1 and id = any($2)",
            connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Destination.ToString() });
        command.Parameters.Add(new NpgsqlParameter
        {
            Value = rows.Select(r => r.Id).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid,
        });
        var known = new HashSet<Guid>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            known.Add(row.GetGuid(0));
        }

        return [.. rows.Where(r => known.Add(r.Id))];
    }

    // Where rows have come, more will: the pauses grow again from a short one.
    private static TimeSpan Next(TimeSpan pause, bool hasTaken) =>
        hasTaken ? ShortestPause : pause * 2 < Pause ? pause * 2 : Pause;

    private async Task<bool> HasStartedAsync(CancellationToken stopping)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var onStart = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await using var onStop = stopping.Register(() => started.TrySetResult());
        await started.Task;
        return !stopping.IsCancellationRequested;
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(Message = "The table ingress.messages cannot be read; it is tried again each second")]
    private partial void LogAway(LogLevel level, Exception e);
}
