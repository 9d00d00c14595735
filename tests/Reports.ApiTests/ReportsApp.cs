using Alba;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.Access;
using Reports.Host;
using Reports.Host.Commands;
using Reports.Ledger;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(Reports.ApiTests.ReportsApp))]

namespace Reports.ApiTests;

/// <summary>
/// The whole service on a database and a file store of its own: in process for most tests, and on a real port for those
/// that need a real connection.
/// </summary>
public sealed class ReportsApp : IAsyncLifetime
{
    private static int _count;

    private readonly bool _isShared = Interlocked.Increment(ref _count) == 1;
    private readonly TestDatabase _database = new();
    private readonly string _files = Directory.CreateTempSubdirectory("reports-files-").FullName;
    private WebApplication? _listening;

    /// <summary>What this service is configured with beyond the settings of the tests.</summary>
    internal string[] Settings { get; init; } = [];

    /// <summary>
    /// For how long a node that gives no sign of life may begin downloads; short where a test waits for its end, and
    /// else so long that no busy machine refuses any.
    /// </summary>
    internal TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(15);

    public IAlbaHost Host { get; private set; } = null!;

    /// <summary>Everything that the service logged, whatever its level.</summary>
    public LogCapture Log { get; } = new();

    public IServiceProvider Services => Host.Services;

    /// <summary>The superuser's; the service has logins of its own.</summary>
    public string ConnectionString => _database.ConnectionString;

    /// <summary>The logins of the service.</summary>
    public TestDatabase Logins => _database;

    public string FilesRoot => _files;

    /// <summary>The address of the service on a real port.</summary>
    public Uri Address => new(_listening!.Urls.First());

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        Database = NpgsqlDataSource.Create(ConnectionString);
        await using (var migrating = ReportsHost.Build(MigratingBuilder()))
        {
            await Schema.ApplyAsync(migrating.Services, CancellationToken.None);
        }

        Host = await AlbaHost.For(Builder(), ReportsHost.Use);
        _listening = await ListenAsync();
    }

    /// <summary>Starts one more node on a port of its own.</summary>
    public async Task<WebApplication> ListenAsync(params string[] settings)
    {
        var app = ReportsHost.Build(Builder(["--urls=http://127.0.0.1:0", "--Reports:Nodes:Mode=Balanced", .. settings]));
        await app.StartAsync();
        return app;
    }

    /// <summary>The settings under which a process of its own would be another node of the same service.</summary>
    public Dictionary<string, string> ProcessEnvironment() => new(ProcessEnvironment(_database, _files))
    {
        ["REPORTS__NODES__LEASE"] = $"{Lease}",
    };

    /// <summary>The settings of a process on a database and a file store.</summary>
    public static Dictionary<string, string> ProcessEnvironment(TestDatabase database, string files) => new(database.Environment)
    {
        ["REPORTS__STORAGE__ROOT"] = files,
        ["REPORTS__KEYS__CURRENT"] = "1",
        ["REPORTS__KEYS__MASTER__1"] = MasterKey,
        ["REPORTS__LEDGER__KEYS__1"] = LedgerKey,
        ["REPORTS__RETENTION__INTERVAL"] = "1.00:00:00",
        ["REPORTS__QUOTAS__DOWNLOADSPERHOUR"] = "100000",
        ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
    };

    public async Task BreakConnectionsAsync()
    {
        await _database.BreakAsync();
        Database.Clear();
    }

    // The superuser's idle connections are cut too, and nothing but the next test would find that out.
    public async Task CutDatabaseAsync()
    {
        await _database.CutAsync();
        Database.Clear();
    }

    public Task RestoreDatabaseAsync() => _database.RestoreAsync();

    /// <summary>The superuser's connections: what a test does with them, no part of the service could.</summary>
    public NpgsqlDataSource Database { get; private set; } = null!;

    /// <summary>A new merchant with a key.</summary>
    public async Task<TestMerchant> MerchantAsync(string timeZone = "UTC")
    {
        var id = await Services.SendAsync(null, new RegisterMerchant.Command("Test merchant", timeZone), default);
        return new TestMerchant(this, id, await KeyAsync(id));
    }

    public async Task<string> KeyAsync(Guid? merchant, bool isAuditor = false) =>
        (await Services.SendAsync(merchant, new IssueApiKey.Command(isAuditor), default)).Key;

    public async ValueTask DisposeAsync()
    {
        await _listening!.DisposeAsync();
        await Host.DisposeAsync();
        await LookBackAsync();
        await Database.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_files, recursive: true);
    }

    // What no single test sees: a right in the database that some loop lacked, and, of what the tests share, an event
    // that does not name its origin.
    private async Task LookBackAsync()
    {
        Log.Lines.Where(line => line.Contains("permission denied for", StringComparison.Ordinal)).ShouldBeEmpty();
        if (_isShared)
        {
            await using var command = Database.CreateCommand(
                """
                select coalesce(string_agg(distinct type, ' '), '') from events.mt_events
                where headers ->> 'origin' is null
                """);
            (await command.ExecuteScalarAsync()).ShouldBe("", "events of these types have no origin");
        }
    }

    // Whoever runs the service may turn every logger on; even then no secret may be logged.
    private static readonly string[] EveryLogger =
        ["Default", "Microsoft", "Microsoft.Hosting.Lifetime", "Microsoft.AspNetCore", "Npgsql", "Marten", "Wolverine", "JasperFx"];

    private static readonly string[] FailureQuotas = ["PerAddress", "PerIdentity", "PerAddressAndIdentity"];

    /// <summary>A key that signs nothing but the checkpoints of tests.</summary>
    internal static readonly string LedgerKey = Convert.ToBase64String(CheckpointSigner.Generate());

    private const string MasterKey = "dGVzdHMgb25seTogbm90aGluZyBpcyBzZWFsZWQgYnkgdGhpcw==";

    /// <summary>The host, not built yet, with the settings of the tests.</summary>
    internal WebApplicationBuilder Builder(params string[] settings) => Builder(isMigrating: false, settings);

    /// <summary>The host as the role that owns the schema, which changes it and rebuilds what is projected.</summary>
    internal WebApplicationBuilder MigratingBuilder() => Builder(isMigrating: true);

    private WebApplicationBuilder Builder(bool isMigrating, params string[] settings)
    {
        var builder = ReportsHost.Builder(
        [
            .. _database.Settings.Select(s => $"--{s.Key}={s.Value}"),
            $"--Reports:Storage:Root={_files}",
            "--Reports:Keys:Current=1",
            $"--Reports:Keys:Master:1={MasterKey}",
            $"--Reports:Ledger:Keys:1={LedgerKey}",
            "--Reports:Nodes:Mode=Solo",
            .. EveryLogger.Select(logger => $"--Logging:LogLevel:{logger}=Trace"),
            $"--Reports:Nodes:Lease={Lease}",

            // Reports whose time is over would go while their tests are under way.
            "--Reports:Retention:Interval=1.00:00:00",
            "--Reports:Quotas:RequestsPerDay=1000000",
            "--Reports:Quotas:DownloadsPerHour=100000",
            "--Reports:Quotas:AuditReadsPerHour=100000",

            // The tests fail to authenticate far more often than any address may.
            .. FailureQuotas.Select(quota => $"--Reports:Quotas:FailedAuthentication:{quota}=1000000"),
            $"--contentRoot={AppContext.BaseDirectory}",
            .. Settings,
            .. settings,
        ], isMigrating: isMigrating);
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(Log);
        return builder;
    }
}
