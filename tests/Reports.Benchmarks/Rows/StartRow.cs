using System.Diagnostics;

namespace Reports.Benchmarks;

/// <summary>From the start of the process to the first answer, against an empty ASP.NET Core program.</summary>
internal static class StartRow
{
    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.MerchantsAsync(1);
        var (memory, empty) = (new List<double>(), new List<double>());
        var comparison = await Comparison.OfRatesAsync(
            async () =>
            {
                using var service = await bench.ServiceAsync(store.Database);
                var seconds = await AnswerAsync(service, Bench.Lists(service, store.Callers)[0]);
                memory.Add(service.ResidentMiB);
                return seconds;
            },
            async () =>
            {
                using var yardstick = await bench.EmptyAsync();
                var seconds = await AnswerAsync(yardstick, Bench.Get(yardstick.Address, "/"));
                empty.Add(yardstick.ResidentMiB);
                return seconds;
            },
            bench.Options.Rounds);
        return
        [
            Line.Most("start to the first list answer", comparison.Ours.Rates, 1.5, "s") with
            {
                Yardstick = $"{Line.Number(comparison.Yardstick.Median)} s",
                Remark = "against an empty ASP.NET Core program",
            },
            Line.Most("memory after it", memory, 150, "MiB") with
            {
                Yardstick = $"{Line.Number(Statistics.Median(empty))} MiB",
            },
        ];
    }

    private static async Task<double> AnswerAsync(Server server, byte[] request)
    {
        var start = Stopwatch.GetTimestamp();
        using var connection = await HttpConnection.OpenAsync(server.Address);
        var status = await connection.SendAsync(request);
        return status == 200
            ? (server.Start + Stopwatch.GetElapsedTime(start)).TotalSeconds
            : throw new InvalidOperationException($"The first answer was {status}.");
    }
}
