namespace Reports.Benchmarks;

/// <summary>Large downloads against the framework's own file result, and what the check of blocks takes of them.</summary>
internal static class DownloadRow
{
    private const int Clients = 4;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.MerchantsAsync(1);
        var (database, merchant) = (store.Database, store.Callers[0]);
        var plain = Directory.CreateDirectory(Path.Combine(bench.Directory, "plain")).FullName;
        await using var host = bench.Host(database);
        using var service = await bench.ServiceAsync(database);
        using var withoutCheck = await bench.UncheckedAsync(database);
        using var yardstick = await bench.YardstickAsync(database);
        using var nginx = await Nginx.StartAsync(plain, bench.Directory);
        var lines = new List<Line>();
        foreach (var megabytes in new[] { 10, 100 })
        {
            bench.Say($"A file of {megabytes} MB …");
            var report = await Seeds.ReportAsync(host, merchant.Id, megabytes * 1_000_000L);
            var stored = Path.Combine(bench.FilesRoot, $"{merchant.Id:N}/{report:N}/1/report.csv");
            File.Copy(stored, Path.Combine(plain, $"{megabytes}.csv")); // The same bytes, in a directory without any order.
            var path = Bench.DownloadPath(host, merchant.Id, report);
            List<Func<Task<LoadResult>>> sides =
            [
                Load(service.Address, path, merchant.Key),
                Load(yardstick.Address, $"/file/{megabytes}.csv"),
                Load(withoutCheck.Address, path, merchant.Key),
            ];
            if (nginx is not null)
            {
                sides.Add(Load(nginx.Address, $"/{megabytes}.csv"));
            }

            var loads = await Comparison.OfLoadsAsync(
                sides, bench.Options.Rounds, lines.Count == 0 ? Comparison.WarmUps : 1);
            var name = $"download {megabytes} MB, {Clients} clients";
            lines.Add(Line.AtLeast(name, new Comparison(loads[0], loads[1]), 0.9, "files/s") with
            {
                Memory = $"{Line.Number(service.PeakMiB)} MiB",
                Remark = $"{Rate(loads[0])} MB/s",
            });
            lines.Add(Line.AtLeast($"{name}: blocks not checked", new Comparison(loads[2], loads[1]), 1.2, "files/s") with
            {
                Remark = $"{Rate(loads[2])} MB/s; a program of the benchmarks: the service has no such setting",
            });
            if (nginx is not null)
            {
                lines.Add(Line.AtLeast($"{name}: nginx, sendfile", new Comparison(loads[3], loads[1]), 1, "files/s") with
                {
                    Target = "",
                    IsMet = null,
                    Remark = $"{Rate(loads[3])} MB/s; for orientation",
                });
            }
        }

        return lines;

        Func<Task<LoadResult>> Load(Uri server, string path, string? key = null)
        {
            var request = Bench.Get(server, path, key);
            return () => LoadGenerator.RunAsync(server, _ => request, Clients, bench.Options.Round);
        }
    }

    private static string Rate(Side side) =>
        Line.Number(Statistics.Median([.. side.Loads.Select(l => l.MegabytesPerSecond)]));
}
