namespace Reports.Delivery;

/// <summary>
/// Compares this node's clock with the database's. The moment at which the database read its own lies somewhere in the
/// round trip; only what is beyond all of it is certain.
/// </summary>
internal sealed class ClockWatch(DeliveryOptions options)
{
    private readonly Lock _lock = new();
    private TimeSpan _skew;
    private bool _isOff;
    private bool _isRecorded;

    /// <summary>By how much this node's clock is ahead, as of the last comparison.</summary>
    public TimeSpan Skew
    {
        get
        {
            lock (_lock)
            {
                return _skew;
            }
        }
    }

    /// <summary>A skew that is too large and not on record; null when there is none.</summary>
    public TimeSpan? Unrecorded
    {
        get
        {
            lock (_lock)
            {
                return _isOff && !_isRecorded ? _skew : null;
            }
        }
    }

    /// <summary>Compares.</summary>
    /// <param name="asked">When the database was asked, by this node's clock.</param>
    /// <param name="roundTrip">How long its answer took, by the monotonic clock.</param>
    /// <param name="database">What its clock said.</param>
    public void Compare(DateTimeOffset asked, TimeSpan roundTrip, DateTimeOffset database)
    {
        lock (_lock)
        {
            _skew = asked + (roundTrip / 2) - database;
            _isOff = _skew.Duration() - (roundTrip / 2) > options.LargestClockSkew;

            // It is told again only after it was fine.
            _isRecorded &= _isOff;
        }
    }

    /// <summary>The skew is on record.</summary>
    public void Recorded()
    {
        lock (_lock)
        {
            _isRecorded = true;
        }
    }
}
