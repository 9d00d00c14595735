using System.Text.Json;

namespace Reports.Benchmarks;

/// <summary>Whether the list stays as fast as the store grows.</summary>
internal static class GrowthRow
{
    private const int Clients = 16;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var sizes = bench.Options.Size<(int Merchants, long Reports)[]>(
            [(100, 10_000), (100, 20_000)],
            [(100, 10_000), (1000, 100_000), (1000, 1_000_000)],
            [(100, 10_000), (1000, 100_000), (1000, 1_000_000), (1000, 10_000_000)]);
        var stores = new List<Store>();
        foreach (var (merchants, reports) in sizes)
        {
            stores.Add(await bench.StoreAsync(merchants, reports));
        }

        var loads = sizes.Select(_ => new List<LoadResult>()).ToArray();
        var servers = new List<Server>();
        try
        {
            foreach (var store in stores)
            {
                servers.Add(await bench.ServiceAsync(store.Database));
            }

            var requests = stores.Select((store, i) => Bench.Lists(servers[i], store.Callers)).ToArray();
            for (var round = 1 - Comparison.WarmUps; round <= bench.Options.Rounds; round++)
            {
                for (var i = 0; i < servers.Count; i++)
                {
                    var lists = requests[i];
                    var load = await LoadGenerator.RunAsync(
                        servers[i].Address, n => lists[n % lists.Length], Clients, bench.Options.Round);
                    if (round > 0)
                    {
                        loads[i].Add(load);
                    }
                }
            }

            bench.Growth = [.. sizes.Select((size, i) => new GrowthPoint(
                size.Reports,
                Statistics.Median([.. loads[i].Select(l => l.PerSecond)]),
                Statistics.Median([.. loads[i].Select(l => l.At(99))])))];
            var comparison = new Comparison(Side(loads[^1]), Side(loads[0]));
            return
            [
                Line.Tail(
                    $"list p99, {Line.Number(sizes[^1].Reports)} against {Line.Number(sizes[0].Reports)} reports",
                    comparison,
                    1.3) with
                {
                    Remark = string.Join("; ", bench.Growth.Select(p =>
                        $"{Line.Number(p.Reports)}: {Line.Number(p.PerSecond)}/s, p99 {Line.Number(p.P99)} ms")),
                },
                .. await MerchantsAsync(bench, stores[^1].Database, servers[^1]),
            ];
        }
        finally
        {
            servers.ForEach(server => server.Dispose());
        }
    }

    private static Side Side(List<LoadResult> loads) => new([.. loads.Select(l => l.PerSecond)], loads);

    private static async Task<IReadOnlyList<Line>> MerchantsAsync(Bench bench, BenchDatabase database, Server server)
    {
        var matching = bench.Options.Size(20_000, 1_000_000, 1_000_000);
        bench.Say($"A merchant with {matching:#,0} matching reports, and one with 100 …");
        await using var host = bench.Host(database);
        var (large, small) = (await Bench.MerchantAsync(host), await Bench.MerchantAsync(host));
        await Seeds.RowsAsync(database, [large.Id], 20_000_000, matching);
        await Seeds.RowsAsync(database, [small.Id], 30_000_000, 100);
        var (ofLarge, ofSmall) = (Bench.Lists(server, [large])[0], Bench.Lists(server, [small])[0]);
        var merchants = await Comparison.OfLoadsAsync(
            () => LoadGenerator.RunAsync(server.Address, _ => ofLarge, Clients, bench.Options.Round),
            () => LoadGenerator.RunAsync(server.Address, _ => ofSmall, Clients, bench.Options.Round),
            bench.Options.Rounds,
            warmUps: 1);

        var page = bench.Options.Size(100, 10_000, 10_000);
        bench.Say($"Cursor page {page:#,0} …");
        var (first, deep) = await PagesAsync(server, large.Key, page);
        var pages = await Comparison.OfLoadsAsync(
            () => LoadGenerator.RunAsync(server.Address, _ => deep, Clients, bench.Options.Round),
            () => LoadGenerator.RunAsync(server.Address, _ => first, Clients, bench.Options.Round),
            bench.Options.Rounds,
            warmUps: 1);
        return
        [
            Line.Tail(
                $"list p99, merchant with {Line.Number(matching)} matching reports against 100", merchants, 1.5),
            Line.Tail($"list p50, cursor page {Line.Number(page)} against page 1", pages, 1.1, percentile: 50),
            Line.Tail($"list p99, cursor page {Line.Number(page)} against page 1", pages, 1.1) with
            {
                IsMet = null,
                Target = "",
            },
        ];
    }

    // Pages of four times the size lead to the same place sooner.
    private static async Task<(byte[] First, byte[] Deep)> PagesAsync(Server server, string key, int page)
    {
        using var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        var address = new Uri(server.Address, $"{Bench.ListPath}?cursor=&limit=200");
        var first = Bench.Get(server.Address, OfFifty(address), key);
        for (var i = 1; i < page / 4; i++)
        {
            using var answer = JsonDocument.Parse(await client.GetByteArrayAsync(address));
            address = new Uri(answer.RootElement.GetProperty("next").GetString()!);
        }

        return (first, Bench.Get(server.Address, OfFifty(address), key));
    }

    private static string OfFifty(Uri address) =>
        address.PathAndQuery.Replace("limit=200", "limit=50", StringComparison.Ordinal);
}
