using System.Net.Sockets;
using Npgsql;

namespace Reports.Delivery;

/// <summary>A time in which this node could not record attempts.</summary>
/// <param name="Id">The stream of its record.</param>
/// <param name="Cause">Why, in a word or two, without anything secret.</param>
/// <param name="From">When it was first seen.</param>
/// <param name="To">When it was over; until then, when it was looked at.</param>
/// <param name="Refused">How many downloads were refused for it.</param>
internal sealed record Outage(Guid Id, string Cause, DateTimeOffset From, DateTimeOffset To, int Refused);

/// <summary>
/// Notes from when to when the event store did not take what this node had to record. What refused nobody and was
/// shorter than a lease was no outage: until then attempts would have been taken. Failures that follow each other
/// without a quiet round between them are one outage, so that a store that comes and goes does not fill the record.
/// </summary>
internal sealed class OutageWatch(DeliveryOptions options, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly Queue<Outage> _ended = new();
    private Outage? _current;
    private DateTimeOffset? _worksSince;

    /// <summary>The outage that lasts; null when there is none.</summary>
    public Outage? Current
    {
        get
        {
            lock (_lock)
            {
                var now = clock.GetUtcNow();
                return _current is { } current && Counts(current with { To = now }) ? current with { To = now } : null;
            }
        }
    }

    /// <summary>The oldest outage that is over and not on record yet.</summary>
    public Outage? Ended
    {
        get
        {
            lock (_lock)
            {
                return _ended.TryPeek(out var ended) ? ended : null;
            }
        }
    }

    /// <summary>The event store did not do what it was asked to.</summary>
    public void Fail(string cause) => Fail(cause, refused: 0);

    /// <summary>An attempt was refused because it could not be recorded.</summary>
    public void Refuse(string cause) => Fail(cause, refused: 1);

    /// <summary>The event store took something, or gave the node its lease.</summary>
    public void Work()
    {
        // Nearly always there is nothing to note: this is on the way of every download.
        if (Volatile.Read(ref _current) is not null)
        {
            lock (_lock)
            {
                _worksSince ??= clock.GetUtcNow();
            }
        }
    }

    /// <summary>
    /// Called once a round: when all that waited has been taken, and nothing has failed since, the outage is over.
    /// </summary>
    /// <param name="isWhole">Whether nothing waits for the store and the node has its lease.</param>
    public void Settle(bool isWhole)
    {
        lock (_lock)
        {
            if (_current is not { } current || !isWhole || _worksSince is not { } to)
            {
                return;
            }

            // A clock that was put back must not make an outage end before it began.
            var ended = current with { To = to < current.From ? current.From : to };
            _current = null;
            if (Counts(ended))
            {
                _ended.Enqueue(ended);
            }
        }
    }

    /// <summary>The oldest outage that was over is on record.</summary>
    public void Recorded()
    {
        lock (_lock)
        {
            _ended.TryDequeue(out _);
        }
    }

    /// <summary>What an exception says of the cause: nothing that a message could hold.</summary>
    public static string Cause(Exception e) => e switch
    {
        PostgresException { SqlState: var state } => $"sql_state {state}",
        TimeoutException or { InnerException: TimeoutException } => "timeout",
        SocketException socket => $"socket {socket.SocketErrorCode}",
        { InnerException: { } inner } => Cause(inner),
        NpgsqlException or IOException => "connection",
        _ => e.GetType().Name,
    };

    private void Fail(string cause, int refused)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            _current ??= new Outage(Guid.CreateVersion7(now), cause, now, now, 0);
            _current = _current with { Refused = _current.Refused + refused };
            _worksSince = null;
        }
    }

    private bool Counts(Outage outage) => outage.Refused > 0 || outage.To - outage.From >= options.NodeLease;
}
