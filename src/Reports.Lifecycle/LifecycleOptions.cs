namespace Reports.Lifecycle;

/// <summary>
/// How long generators are waited for, how often they are asked, and how many schedules may ask.
/// </summary>
public sealed record LifecycleOptions
{
    /// <summary>How often a report is tried before it has failed; from 1.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>How long a generator may take to begin. Orders that wait in a queue count too.</summary>
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a generator that has begun may be silent.</summary>
    public TimeSpan HeartbeatWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long after a failed try the next one is ordered; it doubles with each.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>After how long a file that nobody has read again is read again.</summary>
    public TimeSpan VerifyWithin { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How many schedules a merchant may have.</summary>
    public int MostSchedules { get; init; } = 100;

    /// <summary>How often deadlines and schedules are looked at.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many requested reports of a merchant may be on their way at once.</summary>
    public int MostRunning { get; init; } = 100;

    /// <summary>Whether orders are rows of <c>ingress.orders</c>, for generators that speak SQL, and not messages.</summary>
    public bool OrdersInTable { get; init; }

    /// <summary>
    /// The address that generators know the service by. None for the one it listens on, if that is of this machine only;
    /// otherwise they cannot upload over HTTP.
    /// </summary>
    public string? PublicUrl { get; init; }

    /// <summary>The largest file that a generator may upload over HTTP, in bytes.</summary>
    public long LargestFile { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>How often reports are looked for whose files need not be kept any longer.</summary>
    public TimeSpan RetentionInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long after a failed try the next one is ordered.</summary>
    /// <param name="attempt">The try that has failed, from 1.</param>
    /// <returns>The time.</returns>
    internal TimeSpan DelayAfter(int attempt) => RetryDelay * Math.Pow(2, Math.Min(attempt - 1, 16));
}
