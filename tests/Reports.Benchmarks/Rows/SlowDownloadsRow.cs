using System.Net.Sockets;

namespace Reports.Benchmarks;

/// <summary>A thousand clients that take a large file slowly, all at once.</summary>
internal static class SlowDownloadsRow
{
    private const int Clients = 1000;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var store = await bench.StoreAsync(100, bench.Options.Size(20_000, 100_000, 100_000));
        await using var host = bench.Host(store.Database);
        using var service = await bench.ServiceAsync(store.Database);
        var merchant = store.Callers[0];
        var report = await Seeds.ReportAsync(host, merchant.Id, 1_000_000_000, isSparse: true);
        var download = Bench.Get(service.Address, Bench.DownloadPath(host, merchant.Id, report), merchant.Key);
        var lists = Bench.Lists(service, store.Callers);
        Task<LoadResult> ListsAsync() => LoadGenerator.RunAsync(
            service.Address, n => lists[n % lists.Length], 8, bench.Options.Round);
        await ListsAsync();
        var idle = new List<LoadResult>();
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            idle.Add(await ListsAsync());
        }

        bench.Say($"{Clients:#,0} slow downloads …");
        using var done = new CancellationTokenSource();
        using var begun = new CountdownEvent(Clients);
        var clients = Enumerable.Range(0, Clients)
            .Select(_ => Task.Run(() => TakeSlowlyAsync(service.Address, download, () => begun.Signal(), done.Token)))
            .ToArray();
        begun.Wait(TimeSpan.FromMinutes(1));

        // At first the answers run into the sockets' buffers, a few megabytes each, as fast as they can be checked.
        await service.CalmsAsync();
        var busy = new List<LoadResult>();
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            busy.Add(await ListsAsync());
        }

        var held = await HeldSessionsAsync(store.Database);
        var (resident, answered) = (service.ResidentMiB, Clients - begun.CurrentCount);
        await done.CancelAsync();
        var kept = (await Task.WhenAll(clients)).Count(isOpen => isOpen);
        var line = Line.Most($"{Clients:#,0} slow downloads of a sparse 1 GB file: memory", [resident], 400, "MiB");
        return
        [
            line with
            {
                IsMet = line.IsMet is true && kept == Clients && held == 0,
                Remark = $"{answered} answered, {kept} open at the end; {held} database sessions held by them",
            },
            Line.Tail(
                "list p99 meanwhile against its idle p99",
                new Comparison(new Side([], busy), new Side([], idle)),
                3),
        ];
    }

    // Nobody asks for anything now but the downloads: a session that one of them held would be in a transaction, and
    // longer than the moment that a round of the node's own work takes.
    private static Task<long> HeldSessionsAsync(BenchDatabase database) => database.ScalarAsync<long>(
        """
        select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and usename = 'reports_bench_app'
            and state like 'idle in transaction%' and xact_start < clock_timestamp() - interval '1 second'
        """);

    // One read of 8 KiB each half second; whether the connection was still open when the measuring was over.
    private static async Task<bool> TakeSlowlyAsync(Uri address, byte[] request, Action begins, CancellationToken done)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await socket.ConnectAsync(address.Host, address.Port);
        await socket.SendAsync(request);
        var buffer = new byte[8 * 1024];
        try
        {
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
            for (var isFirst = true; ; isFirst = false)
            {
                if (await socket.ReceiveAsync(buffer, done) == 0)
                {
                    return false;
                }

                if (isFirst)
                {
                    begins();
                }

                await pause.WaitForNextTickAsync(done);
            }
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }
}
