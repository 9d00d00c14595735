using System.Diagnostics;
using Npgsql;

namespace Reports.Benchmarks;

/// <summary>Small downloads, two commits each, against two plain inserts of the same durability.</summary>
internal static class SmallDownloadRow
{
    private const int Merchants = 200;
    private const int Keys = 64;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.MerchantsAsync(Merchants);
        await using var host = bench.Host(store.Database);
        using var service = await bench.ServiceAsync(store.Database);
        bench.Say($"A report of each of {Merchants} merchants, and {Merchants} of one …");
        var many = await Task.WhenAll(store.Callers.Select(async caller => Bench.Get(
            service.Address,
            Bench.DownloadPath(host, caller.Id, await Seeds.ReportAsync(host, caller.Id, 10_000)),
            caller.Key)));
        var merchant = store.Callers[0];
        var paths = new List<string>();
        var keys = new List<string>();
        for (var i = 0; i < Merchants; i++)
        {
            var report = await Seeds.ReportAsync(host, merchant.Id, 10_000);
            paths.Add(Bench.DownloadPath(host, merchant.Id, report));
        }

        for (var key = 0; key < Keys; key++)
        {
            keys.Add(await Bench.KeyAsync(host, merchant.Id));
        }

        await store.Database.ExecuteAsync(
            "create table public.raw_inserts (id bigserial primary key, stream uuid not null, data jsonb not null)");
        await using var raw = NpgsqlDataSource.Create(store.Database.Superuser);
        var lines = new List<Line>();
        foreach (var (clients, target) in new[] { (32, 0.8), (1, 0.4) })
        {
            var meter = new Meter(store.Database);
            var comparison = await Comparison.OfLoadsAsync(
                () => meter.OfAsync(() => LoadAsync(n => many[n % many.Length], clients)),
                () => PairsAsync(raw, clients, bench.Options.Round),
                bench.Options.Rounds,
                lines.Count == 0 ? Comparison.WarmUps : 1);
            lines.Add(Line.AtLeast(
                $"download 10 kB, {Many(clients)}, {Merchants} principals", comparison, target, "a second") with
            {
                Memory = $"{Line.Number(service.PeakMiB)} MiB",
                Database = meter.PerRequest,
            });
        }

        // One principal takes from one quota, whose lock is held from its count to its commit.
        var alone = paths.Select(path => Bench.Get(service.Address, path, keys[0])).ToArray();
        var comparisonAlone = await Comparison.OfLoadsAsync(
            () => LoadAsync(n => alone[n % alone.Length], 32),
            () => PairsAsync(raw, 32, bench.Options.Round),
            bench.Options.Rounds,
            warmUps: 1);
        lines.Add(Line.AtLeast("download 10 kB, 32 clients, one principal", comparisonAlone, 0.8, "a second"));

        var same = keys.Select(key => Bench.Get(service.Address, paths[0], key)).ToArray();
        var different = keys.Select((key, n) => Bench.Get(service.Address, paths[n], key)).ToArray();
        var comparisonSame = await Comparison.OfLoadsAsync(
            () => LoadAsync(n => same[n % same.Length], 32),
            () => LoadAsync(n => different[n % different.Length], 32),
            bench.Options.Rounds,
            warmUps: 1);
        lines.Add(Line.AtLeast(
            $"download 10 kB, 32 clients, one report against {Keys}", comparisonSame, 0.95, "a second"));
        return lines;

        // The quota counts what a principal was given in the last hour. That is 25 downloads unless a merchant has a
        // quota of its own, and not the thousands of the rounds before.
        async Task<LoadResult> LoadAsync(Func<int, byte[]> request, int clients)
        {
            await store.Database.ExecuteAsync("truncate reports.download_quota_uses");
            return await LoadGenerator.RunAsync(service.Address, request, clients, bench.Options.Round);
        }
    }

    private static string Many(int clients) => clients == 1 ? "1 client" : $"{clients} clients";

    private static async Task<LoadResult> PairsAsync(NpgsqlDataSource database, int clients, TimeSpan duration)
    {
        var start = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            var mine = new List<double>();
            await using var connection = await database.OpenConnectionAsync();
            await using var command = new NpgsqlCommand(
                "insert into public.raw_inserts (stream, data) values ($1, $2::jsonb)", connection);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.CreateVersion7() });
            command.Parameters.Add(new NpgsqlParameter<string>
            {
                TypedValue = $$"""{"attempt": "{{new string('x', 600)}}"}""",
            });
            await command.PrepareAsync();
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                var begun = Stopwatch.GetTimestamp();
                await command.ExecuteNonQueryAsync();
                await command.ExecuteNonQueryAsync();
                mine.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            return mine;
        })));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new LoadResult(seconds, 0, [.. times.SelectMany(t => t).Order()]);
    }
}
