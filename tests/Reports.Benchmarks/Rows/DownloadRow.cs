namespace Reports.Benchmarks;

/// <summary>Large downloads against the framework's own file result.</summary>
internal static class DownloadRow
{
    private const int Clients = 4;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.MerchantsAsync(1);
        var (database, merchant) = (store.Database, store.Callers[0]);
        await using var host = bench.Host(database);
        using var service = await bench.ServiceAsync(database);
        using var yardstick = await bench.YardstickAsync(database);
        var lines = new List<Line>();
        foreach (var megabytes in new[] { 10, 100 })
        {
            bench.Say($"A file of {megabytes} MB …");
            var report = await Seeds.ReportAsync(host, merchant.Id, megabytes * 1_000_000L);
            Plain(bench, merchant.Id, report, $"{megabytes}.csv");
            var ours = Bench.Get(service.Address, Bench.DownloadPath(host, merchant.Id, report), merchant.Key);
            var theirs = Bench.Get(yardstick.Address, $"/file/{megabytes}.csv");
            var comparison = await Comparison.OfLoadsAsync(
                () => LoadGenerator.RunAsync(service.Address, _ => ours, Clients, bench.Options.Round),
                () => LoadGenerator.RunAsync(yardstick.Address, _ => theirs, Clients, bench.Options.Round),
                bench.Options.Rounds);
            var rate = Statistics.Median([.. comparison.Ours.Loads.Select(l => l.MegabytesPerSecond)]);
            lines.Add(Line.AtLeast($"download {megabytes} MB, {Clients} clients", comparison, 0.9, "files/s") with
            {
                Memory = $"{Line.Number(service.PeakMiB)} MiB",
                Remark = $"{Line.Number(rate)} MB/s; the check of blocks cannot be switched off",
            });
        }

        return lines;
    }

    // The same bytes for the yardstick, in a directory without any order.
    private static void Plain(Bench bench, Guid merchant, Guid report, string name)
    {
        var directory = Directory.CreateDirectory(Path.Combine(bench.Directory, "plain"));
        var stored = Path.Combine(bench.FilesRoot, $"{merchant:N}/{report:N}/1/report.csv");
        File.Copy(stored, Path.Combine(directory.FullName, name), overwrite: true);
    }
}
