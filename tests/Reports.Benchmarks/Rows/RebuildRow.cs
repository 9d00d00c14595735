using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Delivery;

namespace Reports.Benchmarks;

/// <summary>A rebuild of the list's read model while the service answers.</summary>
internal static class RebuildRow
{
    private const int Clients = 4;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var history = await bench.HistoryAsync();
        var database = await bench.CopyAsync(history.Database);
        using var service = await bench.ServiceAsync(database, ("Reports:Ledger:Seals", "false"));
        var list = Bench.Lists(service, [history.Merchant])[0];
        Task<LoadResult> ListsAsync() =>
            LoadGenerator.RunAsync(service.Address, _ => list, Clients, bench.Options.Round);
        await ListsAsync();
        var (idle, busy) = (await ListsAsync(), new List<LoadResult>());

        bench.Say($"Rebuilding from {history.Events:#,0} events …");
        await using var owner = bench.Owner(database);
        var start = Stopwatch.GetTimestamp();
        var rebuild = Task.Run(async () =>
        {
            await DeliveryModule.RebuildListAsync(
                owner.Services.GetRequiredService<NpgsqlDataSource>(), TimeProvider.System, CancellationToken.None);
            return Stopwatch.GetElapsedTime(start);
        });
        while (!rebuild.IsCompleted)
        {
            busy.Add(await ListsAsync());
        }

        var seconds = (await rebuild).TotalSeconds;
        var rows = await database.ScalarAsync<long>("select count(*) from reports.finished_reports");
        if (rows != history.Finished)
        {
            throw new InvalidOperationException($"The rebuild left {rows} rows of {history.Finished} reports.");
        }

        return
        [
            Line.Least(
                "rebuild of finished_reports, lists answered", [history.Events / seconds], 30_000, "events/s") with
            {
                Remark = $"{Line.Number(seconds)} s for {Line.Number(history.Events)} events, of which "
                    + $"{Line.Number(rows)} finish a report: {Line.Number(rows / seconds)} rows/s; {Clients} clients "
                    + $"listing, p99 {Line.Number(Statistics.Median([.. busy.Select(b => b.At(99))]))} ms, idle "
                    + $"{Line.Number(idle.At(99))} ms; they see the old tables until the new ones are there",
            },
        ];
    }
}
