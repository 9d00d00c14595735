namespace Reports.Benchmarks;

/// <summary>The list of a merchant with an API key, against the least program that answers the same rows.</summary>
internal static class ListRow
{
    private const int Clients = 32;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.StoreAsync(
            bench.Options.Size(100, 1000, 1000), bench.Options.Size(20_000, 1_000_000, 1_000_000));
        using var service = await bench.ServiceAsync(store.Database);
        using var yardstick = await bench.YardstickAsync(store.Database);
        var (ours, theirs) = (Bench.Lists(service, store.Callers), store.Callers
            .Select(m => Bench.Get(yardstick.Address, $"/list/{m.Id}")).ToArray());
        var (meter, other) = (new Meter(store.Database), new Meter(store.Database));
        var comparison = await Comparison.OfLoadsAsync(
            () => meter.OfAsync(() => LoadGenerator.RunAsync(
                service.Address, n => ours[n % ours.Length], Clients, bench.Options.Round)),
            () => other.OfAsync(() => LoadGenerator.RunAsync(
                yardstick.Address, n => theirs[n % theirs.Length], Clients, bench.Options.Round)),
            bench.Options.Rounds);
        return
        [
            Line.AtLeast($"list, 50 rows, {Clients} clients", comparison, 0.85, "requests/s") with
            {
                Memory = $"{Line.Number(service.PeakMiB)} MiB",
                Database = $"{meter.PerRequest}; {other.PerRequest}",
            },
            Line.Tail($"list, 50 rows, {Clients} clients: p99", comparison, 1.5),
        ];
    }
}
