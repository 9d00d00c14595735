namespace Reports.Benchmarks;

/// <summary>Waits for what another process brings about and tells nobody.</summary>
internal static class Until
{
    public static async Task TrueAsync(Func<Task<bool>> probe)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await probe())
        {
            await timer.WaitForNextTickAsync();
        }
    }
}
