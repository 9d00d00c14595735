namespace Reports.ApiTests;

/// <summary>Waits for something that another thread or process brings about.</summary>
public static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task IsTrueAsync(Func<Task<bool>> probe, string what, TimeSpan? patience = null) =>
        await GetAsync(async () => await probe() ? "yes" : null, what, patience);

    /// <summary>Waits for an instant to have passed.</summary>
    public static Task IsPastAsync(DateTimeOffset instant) => IsTrueAsync(
        () => Task.FromResult(DateTimeOffset.UtcNow > instant), $"{instant} to have passed");

    /// <summary>A moment before the next try of something that another process brings about.</summary>
    public static async Task PauseAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        await timer.WaitForNextTickAsync(CancellationToken.None);
    }

    public static async Task<T> GetAsync<T>(Func<Task<T?>> probe, string what, TimeSpan? patience = null)
        where T : class
    {
        using var timeout = new CancellationTokenSource(patience ?? Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            if (await probe() is { } found)
            {
                return found;
            }

            if (timeout.IsCancellationRequested)
            {
                throw new TimeoutException($"Waited {patience ?? Patience} in vain for {what}.");
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
