namespace Reports.Benchmarks;

/// <summary>Waits for what another process brings about and tells nobody.</summary>
internal static class Until
{
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(20);

    /// <param name="probe">Looks whether it has come about.</param>
    /// <param name="interval">How long to wait between two looks.</param>
    public static async Task TrueAsync(Func<Task<bool>> probe, TimeSpan? interval = null)
    {
        using var timer = new PeriodicTimer(interval ?? Usual);
        while (!await probe())
        {
            await timer.WaitForNextTickAsync();
        }
    }
}
