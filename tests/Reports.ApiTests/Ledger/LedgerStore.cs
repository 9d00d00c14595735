using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.Audit;
using Reports.Audit.Sealing;
using Reports.BuildingBlocks;
using Reports.Host;
using Reports.Ledger;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(Reports.ApiTests.Ledger.LedgerTemplate))]

namespace Reports.ApiTests.Ledger;

/// <summary>A database with the service's schema and no service: events are appended and sealed by hand.</summary>
public sealed class LedgerStore(LedgerTemplate template) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public string Connection => _database.ConnectionString;

    /// <summary>The sealer's login, which may do what its work needs and no more.</summary>
    public string Sealer => _database.Sealer;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public LogCapture Log { get; } = new();

    internal ILogger<SealerLoop> Logger => field ??= new LoggerFactory([Log]).CreateLogger<SealerLoop>();

    public async ValueTask InitializeAsync()
    {
        _database = new TestDatabase(await template.GetAsync());
        await _database.InitializeAsync();
        Database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Connection)
        {
            ApplicationName = "test",
            MaxPoolSize = 40,
        }.ConnectionString);
    }

    /// <summary>The settings of an operator's command on this store.</summary>
    internal Dictionary<string, string> CommandEnvironment(byte[] key, string anchors) =>
        new(ReportsApp.ProcessEnvironment(_database, Path.GetTempPath()))
        {
            ["REPORTS__LEDGER__KEYS__1"] = Convert.ToBase64String(key),
            ["REPORTS__LEDGER__ANCHORS__DIRECTORY"] = anchors,
        };

    /// <summary>Brings the schema up to date, as `schema apply` does.</summary>
    public Task ApplySchemaAsync() => LedgerTemplate.ApplySchemaAsync(_database);

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await _services.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>The settings of a ledger that loses no time.</summary>
    internal static LedgerOptions Options(params byte[][] keys) => new()
    {
        Keys = keys,
        Interval = TimeSpan.FromMilliseconds(5),
        WaitInterval = TimeSpan.FromMilliseconds(2),
        RetryInterval = TimeSpan.FromMilliseconds(20),
    };

    /// <summary>A node that seals when it is its turn.</summary>
    internal LedgerNode Node(LedgerOptions options) => new(this, options, _services.GetRequiredService<IMeterFactory>());

    /// <summary>Appends some events in a transaction of their own, as the service's function does.</summary>
    public async Task AppendAsync(int events = 1)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await AppendAsync(connection, events);
    }

    /// <summary>Appends some events in whatever transaction the connection is in.</summary>
    public static async Task AppendAsync(NpgsqlConnection connection, int events)
    {
        await using var command = new NpgsqlCommand(
            """
            select events.mt_quick_append_events(
                gen_random_uuid(), 'x', 'platform', ids, array_fill('test.happened.v1'::varchar, array[$1]),
                array_fill('x'::varchar, array[$1]), array_fill('{"amount": 1.50, "text": "é"}'::jsonb, array[$1]),
                array_fill(null::bytea, array[$1]), array_fill('cause'::varchar, array[$1]),
                array_fill('correlation'::varchar, array[$1]), array_fill('{"request_id": "r"}'::jsonb, array[$1]),
                array_fill('somebody'::varchar, array[$1]), array_fill(clock_timestamp(), array[$1]))
            from (select array_agg(gen_random_uuid()) as ids from generate_series(1, $1)) as made
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = events });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Appends many events fast, each in a stream of its own, in one transaction.</summary>
    public Task FillAsync(int events) => ExecuteAsync(
        $"""
        with streams as (
            insert into events.mt_streams (tenant_id, id, type, version)
            select 'platform', gen_random_uuid(), 'x', 1 from generate_series(1, {events}) returning id)
        insert into events.mt_events (
            seq_id, id, stream_id, version, data, type, timestamp, tenant_id, correlation_id, causation_id, headers,
            user_name, is_archived)
        select nextval('events.mt_events_sequence'), gen_random_uuid(), id, 1,
            jsonb_build_object(
                'attempt_id', id, 'locator', md5(id::text), 'by', jsonb_build_object('kind', 'api_key', 'id', id),
                'node_id', id, 'report_id', id, 'pad', repeat('x', 100), 'amount', 1.50),
            'download.attempted.v1', clock_timestamp(), 'platform', md5(id::text), md5(id::text),
            jsonb_build_object('request_id', md5(id::text)), id::text, false
        from streams
        """);

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        command.CommandTimeout = 300;
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Does what only a superuser can, with the triggers off.</summary>
    public async Task AttackAsync(string sql) => await ExecuteAsync(
        $"begin; set local session_replication_role = replica; {sql}; commit");

    public async Task<T> AskAsync<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        command.CommandTimeout = 300;
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until everything that is recorded is sealed.</summary>
    public Task IsSealedAsync(TimeSpan? patience = null) => Eventually.IsTrueAsync(
        async () => await AskAsync<long>(
            """
            select count(*) from ledger.row_hashes h
            where not exists (select from ledger.leaves l where l.seq_id = h.seq_id)
            """) == 0,
        "every event to be sealed",
        patience);

    /// <summary>
    /// Asserts that the ledger is whole: every event is one leaf, in order, contiguous, and every checkpoint is signed
    /// and the head of the tree at its size, so that each is consistent with every other.
    /// </summary>
    internal async Task IsWholeAsync(params CheckpointKey[] keys)
    {
        (await AskAsync<long>(
            """
            select count(*)
            from events.mt_events e full join ledger.leaves l using (seq_id) left join ledger.row_hashes h using (seq_id)
            where e.seq_id is null or l.seq_id is null or l.leaf <> ledger.leaf(e, h.recorded_at)
            """)).ShouldBe(0, "events and leaves are not the same");
        (await AskAsync<bool>(
            """
            select coalesce(count(*) = max(idx) + 1 and min(idx) = 0, true)
                and not exists (
                    select from (select seq_id, lag(seq_id) over (order by idx) as before, is_late from ledger.leaves) l
                    where l.seq_id <= l.before and not l.is_late)
            from ledger.leaves
            """)).ShouldBeTrue("the leaves are not contiguous or not in order");

        await using var leaves = Database.CreateCommand("select leaf from ledger.leaves order by idx");
        await using var leaf = await leaves.ExecuteReaderAsync();
        await using var checkpoints = Database.CreateCommand(
            "select size, root, last_seq, edge, note from ledger.checkpoints order by size");
        await using var row = await checkpoints.ExecuteReaderAsync();
        var edge = new TreeEdge();
        while (await row.ReadAsync())
        {
            while (edge.Count < row.GetInt64(0))
            {
                (await leaf.ReadAsync()).ShouldBeTrue();
                edge.Append(leaf.GetFieldValue<byte[]>(0));
            }

            var signed = SignedCheckpoint.Parse(row.GetString(4)).ShouldNotBeNull();
            signed.IsSignedBy(keys).ShouldBeTrue();
            signed.Checkpoint.Size.ShouldBe(edge.Count);
            signed.Checkpoint.Root.ShouldBe(edge.Root());
            signed.Checkpoint.Sequence.ShouldBe(row.GetInt64(2));
            row.GetFieldValue<byte[]>(1).ShouldBe(edge.Root());
            row.GetFieldValue<byte[]>(3).ShouldBe(edge.ToBytes());
        }

        (await leaf.ReadAsync()).ShouldBeFalse("a leaf is in no checkpoint");
    }
}

/// <summary>A database with the schema of the service, made when it is first needed, to be copied.</summary>
public sealed class LedgerTemplate : IAsyncLifetime
{
    private const string MasterKey = "dGVzdHMgb25seTogbm90aGluZyBpcyBzZWFsZWQgYnkgdGhpcw==";

    private readonly TestDatabase _database = new();
    private readonly Lazy<Task> _made;

    public LedgerTemplate() => _made = new Lazy<Task>(async () =>
    {
        await _database.InitializeAsync();
        await ApplySchemaAsync(_database);
        await _database.BreakAsync();
    });

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_made.IsValueCreated)
        {
            await _database.DisposeAsync();
        }
    }

    internal async Task<TestDatabase> GetAsync()
    {
        await _made.Value;
        return _database;
    }

    internal static Task ApplySchemaAsync(TestDatabase database) => ApplySchemaAsync(database.Settings);

    internal static async Task ApplySchemaAsync(Dictionary<string, string> settings, LogCapture? log = null)
    {
        var builder = ReportsHost.Builder(
        [
            .. settings.Select(s => $"--{s.Key}={s.Value}"),
            "--Reports:Storage:Root=unused",
            "--Reports:Keys:Current=1",
            $"--Reports:Keys:Master:1={MasterKey}",
            $"--contentRoot={AppContext.BaseDirectory}",
        ], isMigrating: true);
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        await using var migrating = ReportsHost.Build(builder);
        await Schema.ApplyAsync(migrating.Services, CancellationToken.None);
    }
}

/// <summary>A sealer as a node has one, without the node.</summary>
internal sealed class LedgerNode : IAsyncDisposable
{
    private readonly SealerDatabase _database;
    private readonly LedgerKeys _keys;
    private readonly SealerLoop _loop;

    public LedgerNode(LedgerStore store, LedgerOptions options, IMeterFactory meters)
    {
        Name = $"sealer-{Guid.CreateVersion7():n}";
        _database = new SealerDatabase(NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(store.Sealer) { ApplicationName = Name }.ConnectionString));
        _keys = new LedgerKeys(options);
        var clock = new MicrosecondClock();
        State = new LedgerState(meters, clock);
        _loop = new SealerLoop(
            _database, options, _keys, new LedgerMemory(options, _keys, clock), State, clock,
            store.Logger);
    }

    public string Name { get; }

    public LedgerState State { get; }

    public Task StartAsync() => _loop.StartAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _loop.StopAsync(CancellationToken.None);
        _loop.Dispose();
        State.Dispose();
        _keys.Dispose();
        await _database.DisposeAsync();
    }
}
