using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>The requests of one principal today, as far as this node knows.</summary>
internal sealed class RequestCount
{
    private readonly Lock _lock = new();
    private RateLimitPolicy _policy;
    private DateOnly _day;
    private long _own;
    private long _written;
    private long _others;
    private DateTimeOffset _askedAt;
    private bool _isRetired;

    public RequestCount(
        int principal, Guid merchant, long quota, DateTimeOffset now, Func<RequestCount, Task> load)
    {
        (Principal, Merchant, _day, _askedAt) = (principal, merchant, DayOf(now), now);
        _policy = new RateLimitPolicy(RequestQuota.Policy, quota, TimeSpan.FromDays(1));
        Loaded = new Lazy<Task>(() => load(this));
    }

    public int Principal { get; }

    /// <summary>Whose quota it is; the empty id for a principal of the platform.</summary>
    public Guid Merchant { get; }

    /// <summary>Completed when the count is the one that the database knew.</summary>
    public Lazy<Task> Loaded { get; }

    /// <summary>How many this node has counted, and on which day.</summary>
    public (DateOnly Day, long Count) Own
    {
        get
        {
            lock (_lock)
            {
                return (_day, _own);
            }
        }
    }

    public static DateOnly DayOf(DateTimeOffset now) => DateOnly.FromDateTime(now.UtcDateTime);

    /// <summary>Whether one is left, which is taken if it is to be. Null when this count is no longer the one.</summary>
    public (bool IsAllowed, RateLimit Left)? Ask(DateTimeOffset now, bool isCosting)
    {
        lock (_lock)
        {
            if (_isRetired)
            {
                return null;
            }

            _askedAt = now;
            if (DayOf(now) is var today && today > _day)
            {
                // Nobody can have counted on a day that begins; a clock that is put back does not begin one again.
                (_day, _own, _written, _others) = (today, 0, 0, 0);
            }

            var left = _policy.Quota - _others - _own;
            var isAllowed = left > 0;
            if (isAllowed && isCosting)
            {
                _own++;
                left--;
            }

            var tomorrow = new DateTimeOffset(_day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero);
            return (isAllowed, new RateLimit(_policy, Math.Max(left, 0), tomorrow - now));
        }
    }

    /// <summary>Goes on from what this node had counted before it forgot the principal.</summary>
    public void Start(long own)
    {
        lock (_lock)
        {
            _own = own;
        }
    }

    /// <summary>Takes over what the database said when it had been told this node's count.</summary>
    public void Correct(DateOnly day, long written, long others, long quota)
    {
        lock (_lock)
        {
            if (quota != _policy.Quota)
            {
                _policy = _policy with { Quota = quota };
            }

            if (day == _day)
            {
                (_written, _others) = (Math.Max(_written, written), others);
            }
        }
    }

    /// <summary>Ends this count if nobody has asked since an instant and nothing is left to write.</summary>
    public bool TryRetire(DateTimeOffset unaskedSince)
    {
        lock (_lock)
        {
            _isRetired = _askedAt < unaskedSince && _own == _written;
            return _isRetired;
        }
    }
}
