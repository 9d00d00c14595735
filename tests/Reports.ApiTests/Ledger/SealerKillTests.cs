using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Reports.Ledger;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// The sealer as a process of its own, killed again and again while events are appended. How often is
/// <c>REPORTS_TEST_SEALER_KILLS</c>: half by kill -9, half by ending its session in the database.
/// </summary>
public sealed class SealerKillTests(LedgerTemplate template, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Processes = 2;

    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task a_sealer_that_is_killed_leaves_a_whole_ledger()
    {
        var kills = LedgerScale.Of("REPORTS_TEST_SEALER_KILLS", 20);
        var sealers = Enumerable.Range(0, Processes).Select(i => new SupervisedProcess($"sealer {i}", () => Start(i))).ToList();
        try
        {
            sealers.ForEach(s => s.Start());
            using var ending = new CancellationTokenSource();
            var appending = Task.Run(async () =>
            {
                var random = new Random(1);
                while (!ending.IsCancellationRequested)
                {
                    await _store.AppendAsync(random.Next(1, 200));
                }
            });
            var random = new Random(2);
            var (cuts, waited) = (0, Stopwatch.StartNew());
            while (sealers.Sum(s => s.Kills) + cuts < kills)
            {
                // Somebody has sealed something before each, and one who waits takes over after it.
                await SealsAsync();
                var (at, session) = await AtWorkAsync();
                await WorkForAsync(random.Next(0, 60));
                if ((sealers.Sum(s => s.Kills) + cuts) % 2 == 0)
                {
                    sealers[at].KillAndStart();
                }
                else
                {
                    await _store.ExecuteAsync($"select pg_terminate_backend({session})");
                    cuts++;
                }
            }

            await ending.CancelAsync();
            await appending;
            await _store.IsSealedAsync(TimeSpan.FromMinutes(2));
            var leaves = await _store.AskAsync<long>("select count(*) from ledger.leaves");
            var checkpoints = await _store.AskAsync<long>("select count(*) from ledger.checkpoints");
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{sealers.Sum(s => s.Kills)} kills and {cuts} cuts in {waited.Elapsed.TotalSeconds:0.0} s, "
                + $"{leaves} leaves in {checkpoints} checkpoints"));
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            sealers.ForEach(s => output.WriteLine(s.Said));
            throw;
        }
        finally
        {
            sealers.ForEach(s => s.Dispose());
        }

        using var signer = new CheckpointSigner(_key);
        await _store.IsWholeAsync(signer.Key);
    }

    private ProcessStartInfo Start(int i)
    {
        var start = new ProcessStartInfo("dotnet", [Checkout.Host, "seal"])
        {
            WorkingDirectory = Path.GetDirectoryName(Checkout.Host),
        };
        start.Environment["REPORTS__DATABASE"] =
            new NpgsqlConnectionStringBuilder(_store.Sealer) { ApplicationName = $"killed {i}" }.ConnectionString;
        start.Environment["REPORTS__LEDGER__KEYS__1"] = Convert.ToBase64String(_key);
        start.Environment["DOTNET_TieredPGO"] = "0";
        return start;
    }

    // Which process holds the lock, and in which session.
    private async Task<(int Process, int Session)> AtWorkAsync()
    {
        var session = await Eventually.GetAsync(
            async () =>
            {
                await using var command = _store.Database.CreateCommand(
                    """
                    select a.application_name || ' ' || a.pid from pg_locks l join pg_stat_activity a using (pid)
                    where l.locktype = 'advisory' and l.granted and a.datname = current_database()
                      and a.application_name like 'killed %'
                    """);
                return (string?)await command.ExecuteScalarAsync();
            },
            "a sealer to be at work");
        var parts = session.Split(' ');
        return (int.Parse(parts[1], CultureInfo.InvariantCulture), int.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    private async Task SealsAsync()
    {
        const string Size = "select coalesce(max(size), 0) from ledger.checkpoints";
        var before = await _store.AskAsync<long>(Size);
        await Eventually.IsTrueAsync(
            async () => await _store.AskAsync<long>(Size) > before, "something to be sealed");
    }

    // So that it is killed anywhere in its work.
    private async Task WorkForAsync(int milliseconds)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromMilliseconds(milliseconds))
        {
            await _store.AskAsync<int>("select 1");
        }
    }
}
