using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Host;
using Reports.Host.Commands;
using Reports.Ledger;

namespace Reports.Benchmarks;

/// <summary>A merchant that a load calls for.</summary>
internal sealed record Caller(Guid Id, string Key);

/// <summary>A database with merchants and reports.</summary>
internal sealed record Store(BenchDatabase Database, IReadOnlyList<Caller> Callers);

/// <summary>
/// What rows measure with: databases on the cluster of this run, the service and the yardsticks as processes of their
/// own.
/// </summary>
internal sealed class Bench(Options options, Action<string> say) : IAsyncDisposable
{
    public const string ListPath = "/b/api/v1/reports/files/";

    private const string MasterKey = "YmVuY2htYXJrcyBvbmx5OiBub3RoaW5nIGlzIHNlYWxlZCBieSBpdA==";
    private static readonly string LedgerKey = Convert.ToBase64String(CheckpointSigner.Generate());

    private readonly string _cluster = Environment.GetEnvironmentVariable("REPORTS_BENCH_DATABASE")
        ?? throw new InvalidOperationException(
            "REPORTS_BENCH_DATABASE is not set: build/bench starts a cluster and sets it.");

    private readonly List<BenchDatabase> _databases = [];
    private readonly Dictionary<int, Store> _merchants = [];
    private readonly Dictionary<(int Merchants, long Reports), Store> _stores = [];
    private BenchDatabase? _schema;
    private EventHistory? _history;

    public Options Options => options;

    public string Cluster => _cluster;

    /// <summary>What this run writes outside its databases, and removes at its end.</summary>
    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("reports-bench-").FullName;

    /// <summary>Where the service keeps its files.</summary>
    public string FilesRoot => Path.Combine(Directory, "files");

    /// <summary>The points of the growth, for the plots.</summary>
    public IReadOnlyList<GrowthPoint> Growth { get; set; } = [];

    /// <summary>Tells what is under way.</summary>
    public void Say(string text) => say(text);

    /// <summary>A new database with the schema of the service, and nothing in it.</summary>
    public async Task<BenchDatabase> DatabaseAsync()
    {
        if (_schema is null)
        {
            var schema = await CreateAsync(null);
            await ApplySchemaAsync(schema);
            _schema = schema;
        }

        return await CreateAsync(_schema);
    }

    /// <summary>A new database with merchants.</summary>
    public async Task<Store> MerchantsAsync(int count)
    {
        if (!_merchants.TryGetValue(count, out var template))
        {
            Say($"Registering {count:#,0} merchants …");
            template = new Store(await DatabaseAsync(), new Caller[count]);
            await using var host = Host(template.Database);
            var callers = (Caller[])template.Callers;
            await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
                callers[i] = await MerchantAsync(host));
            _merchants[count] = template;
        }

        return template with { Database = await CreateAsync(template.Database) };
    }

    /// <summary>A database with merchants and rows of the list spread over them. Others may be added to it.</summary>
    public async Task<Store> StoreAsync(int merchants, long reports)
    {
        if (!_stores.TryGetValue((merchants, reports), out var store))
        {
            store = await MerchantsAsync(merchants);
            Say($"{reports:#,0} reports of {merchants:#,0} merchants …");
            await Seeds.RowsAsync(store.Database, [.. store.Callers.Select(c => c.Id)], 10, reports);
            _stores[(merchants, reports)] = store;
        }

        return store;
    }

    /// <summary>A database with many events; whoever changes it takes a copy.</summary>
    public async Task<EventHistory> HistoryAsync() =>
        _history ??= await EventSeeds.CreateAsync(this, Options.Size(2000, 60_000, 200_000));

    /// <summary>A copy of it whose events are sealed, once a row has sealed one.</summary>
    public BenchDatabase? Sealed { get; set; }

    public Task<BenchDatabase> CopyAsync(BenchDatabase database) => CreateAsync(database);

    /// <summary>Seals every event of a database by a process that does nothing else.</summary>
    /// <returns>Events a second, from the first that are sealed to the last, and the process's memory in MiB.</returns>
    public async Task<(double Rate, double PeakMiB)> SealAsync(BenchDatabase database, long events)
    {
        Say($"Sealing {events:#,0} events …");
        using var sealer = new Child([Program("Reports.Host"), "seal"], Environmental(With(database)));
        var (first, start, now) = (0L, sealer.Elapsed, sealer.Elapsed);
        await Until.TrueAsync(async () =>
        {
            var size = await database.ScalarAsync<long>("select coalesce(max(size), 0) from ledger.checkpoints");
            now = sealer.Elapsed;
            if (size < events && sealer.HasEnded)
            {
                throw sealer.Failed();
            }

            (first, start) = first == 0 && size < events ? (size, now) : (first, start);
            return size >= events;
        });
        return ((events - first) / (now - start).TotalSeconds, sealer.PeakMiB);
    }

    /// <summary>The service in this process with the rights of the schema's owner.</summary>
    public WebApplication Owner(BenchDatabase database) =>
        ReportsHost.Build(ReportsHost.Builder(Arguments(database), isMigrating: true));

    /// <summary>Brings a database's schema up to date by the operator's command, which also talks much.</summary>
    public Task ApplySchemaAsync(BenchDatabase database, params (string Name, string Value)[] settings) =>
        Child.RunAsync([Program("Reports.Host"), "schema", "apply"], Environmental(With(database, settings)));

    /// <summary>The service in this process, without a web server, to register with and to ask.</summary>
    public WebApplication Host(BenchDatabase database) => ReportsHost.Build(ReportsHost.Builder(Arguments(database)));

    /// <summary>The service as a process.</summary>
    public Task<Server> ServiceAsync(BenchDatabase database, params (string Name, string Value)[] settings) =>
        Server.StartAsync([Program("Reports.Host"), "serve"], Environmental(With(database, settings)), Directory);

    /// <summary>The service without its check of blocks.</summary>
    public Task<Server> UncheckedAsync(BenchDatabase database) => Server.StartAsync(
        [typeof(Bench).Assembly.Location, "unchecked"], Environmental(With(database)), Directory);

    /// <summary>The yardsticks as a process.</summary>
    public Task<Server> YardstickAsync(BenchDatabase database) => Server.StartAsync(
        [typeof(Bench).Assembly.Location, "yardstick"],
        new Dictionary<string, string> { ["YARDSTICK_DATABASE"] = database.Superuser, ["YARDSTICK_FILES"] = Directory },
        Directory);

    /// <summary>The empty program as a process.</summary>
    public Task<Server> EmptyAsync() =>
        Server.StartAsync([typeof(Bench).Assembly.Location, "empty"], new Dictionary<string, string>(), Directory);

    /// <summary>Where another program of this solution was published to.</summary>
    public static string Program(string project) => Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "publish", project, $"{project}.dll"));

    /// <summary>Where another program of this solution was built to.</summary>
    public static string Built(string project) => Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", project, "release", $"{project}.dll"));

    public static Dictionary<string, string> Environmental(IReadOnlyDictionary<string, string> settings) =>
        settings.ToDictionary(s => s.Key.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant(), s => s.Value);

    /// <summary>A merchant and its key.</summary>
    public static async Task<Caller> MerchantAsync(WebApplication host)
    {
        var id = await host.Services.SendAsync(null, new RegisterMerchant.Command("Bench", "UTC"), default);
        return new Caller(id, await KeyAsync(host, id));
    }

    public static async Task<string> KeyAsync(WebApplication host, Guid? merchant, bool isAuditor = false) =>
        (await host.Services.SendAsync(merchant, new IssueApiKey.Command(isAuditor), default)).Key;

    public static byte[] Get(Uri server, string path, string? key = null) => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: {server.Authority}\r\n{(key is null ? "" : $"Api-Key: {key}\r\n")}\r\n");

    /// <summary>The list of each caller.</summary>
    public static byte[][] Lists(Server service, IEnumerable<Caller> callers) =>
        [.. callers.Select(caller => Get(service.Address, ListPath, caller.Key))];

    /// <summary>The path at which a report is downloaded.</summary>
    public static string DownloadPath(WebApplication host, Guid merchant, Guid report) =>
        $"{ListPath}{host.Services.GetRequiredService<EncryptedIds>().Seal(merchant, [report])[0]}/download/";

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        foreach (var database in _databases)
        {
            await database.DropAsync();
        }

        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>Drops a database that no later row needs.</summary>
    public async Task DropAsync(BenchDatabase database)
    {
        NpgsqlConnection.ClearPool(new NpgsqlConnection(database.Superuser));
        await database.DropAsync();
        _databases.Remove(database);
    }

    private async Task<BenchDatabase> CreateAsync(BenchDatabase? template)
    {
        var database = new BenchDatabase(_cluster, $"bench_{Guid.CreateVersion7():n}");
        _databases.Add(database);
        await database.CreateAsync(template);
        return database;
    }

    private string[] Arguments(BenchDatabase database) =>
        [.. Instance.QuietLog, .. Settings(database).Select(s => $"--{s.Key}={s.Value}")];

    private Dictionary<string, string> With(BenchDatabase database, params (string Name, string Value)[] settings)
    {
        var all = Settings(database).ToDictionary();
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return all;
    }

    // Quotas that no load reaches; they are counted as ever.
    private IEnumerable<KeyValuePair<string, string>> Settings(BenchDatabase database) =>
    [
        .. database.Settings,
        new("Reports:Storage:Root", FilesRoot),
        new("Reports:Keys:Current", "1"),
        new("Reports:Keys:Master:1", MasterKey),
        new("Reports:Ledger:Keys:1", LedgerKey),
        new("Reports:Nodes:Mode", "Solo"),
        new("Reports:Quotas:RequestsPerDay", "2000000000"),
        new("Reports:Quotas:DownloadsPerHour", "2000000000"),
        new("Reports:Quotas:AuditReadsPerHour", "2000000000"),
        new("Logging:LogLevel:Default", "Warning"),
        new("Logging:LogLevel:Microsoft.Hosting.Lifetime", "Warning"),
    ];
}
