using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.ApiTests.Audit;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Host;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What happens while the database is away. On an instance of its own.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private readonly ReportsApp _app = new() { Lease = TimeSpan.FromSeconds(2) };

    public async ValueTask InitializeAsync() => await _app.InitializeAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task nothing_is_delivered_while_it_cannot_be_recorded_and_every_attempt_is_on_record_afterwards()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();
        using var anonymous = new HttpClient { BaseAddress = _app.Address };
        var attempts = new List<Guid>();

        await _app.CutDatabaseAsync();
        foreach (var caller in new[] { client, anonymous })
        {
            using var refused = await caller.GetAsync(path);
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Headers.RetryAfter.ShouldNotBeNull();
            await Problems.UnavailableAsync(refused);
            attempts.Add(Guid.Parse(refused.Headers.GetValues("Download-Id").Single()));
        }

        using var list = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        list.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        using var ready = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        ready.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        using var live = await client.GetAsync(new Uri("/health/live", UriKind.Relative));
        live.StatusCode.ShouldBe(HttpStatusCode.OK);
        await _app.RestoreDatabaseAsync();

        foreach (var attempt in attempts)
        {
            (await EndAsync(attempt)).ShouldBe("download.failed.v1 503 0");
        }

        // The node renews its lease in a round of its own; until then it begins no download.
        using var delivered = await Eventually.GetAsync(
            async () => await client.GetAsync(path) is { IsSuccessStatusCode: true } answer ? answer : null,
            "a download after the outage");
    }

    [Fact]
    public async Task each_outage_is_on_record_once_for_each_node_that_saw_it()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();
        for (var outage = 1; outage <= 2; outage++)
        {
            var before = DateTimeOffset.UtcNow;
            await _app.CutDatabaseAsync();
            for (var i = 0; i < outage; i++)
            {
                using var refused = await client.GetAsync(path);
                refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
                refused.Headers.RetryAfter.ShouldNotBeNull();
            }

            (await CheckAsync(client)).ShouldBe("unhealthy");
            await Eventually.GetAsync(
                () => Task.FromResult(OutageFilesLeft().FirstOrDefault()),
                "a file that tells of the outage should the node be killed");
            await _app.RestoreDatabaseAsync();

            var recorded = await Eventually.GetAsync(
                async () => (await OutagesAsync()).Where(o => o.Refused > 0).ToList() is var found && found.Count == outage
                    ? found : null,
                "the outage to be on record");
            var latest = recorded[^1];
            (latest.Part, latest.Refused, latest.By).ShouldBe((AuditPart.EventStore, outage, Actor.Service));
            latest.From.ShouldBeGreaterThanOrEqualTo(before);
            latest.To.ShouldBeInRange(latest.From, DateTimeOffset.UtcNow);
            latest.Cause.ShouldStartWith("sql_state ");
            recorded.Select(o => o.NodeId).Distinct().Count().ShouldBe(1);
            await Eventually.GetAsync(
                async () => await CheckAsync(client) == "healthy" ? "healthy" : null, "the audit to be healthy");
            await Eventually.GetAsync(
                () => Task.FromResult(OutageFilesLeft().Length == 0 ? "none" : null), "no file to be left");
        }

        // The other node of this service refused nobody; it lost its lease all the same if the outages were that long.
        (await OutagesAsync()).GroupBy(o => o.NodeId).ShouldAllBe(node => node.Count() <= 2);
    }

    [Fact]
    public async Task the_outage_of_a_node_that_was_killed_during_it_is_put_on_record_by_another()
    {
        var from = new DateTimeOffset(2026, 11, 23, 0, 5, 9, TimeSpan.Zero);
        var (node, outage) = (Guid.CreateVersion7(), new Outage(Guid.CreateVersion7(), "timeout", from, from.AddMinutes(1), 3));
        var file = Path.Combine(Directory.CreateDirectory(OutageFiles).FullName, $"{outage.Id:n}.outage.json");

        // Twice, as if its remover had been killed before it removed it.
        for (var i = 0; i < 2; i++)
        {
            File.WriteAllText($"{file}.new", JsonSerializer.Serialize(new JournaledOutage(node, outage), ContractJson.Options));
            File.SetLastWriteTimeUtc($"{file}.new", DateTime.UtcNow.AddHours(-1));
            File.Move($"{file}.new", file);
            await Eventually.GetAsync(
                () => Task.FromResult(File.Exists(file) ? null : "gone"), "another node to take the file");
        }

        var recorded = (await OutagesAsync()).ShouldHaveSingleItem();
        (recorded.NodeId, recorded.OutageId, recorded.From, recorded.To, recorded.Refused)
            .ShouldBe((node, outage.Id, outage.From, outage.To, 3));
        recorded.Cause.ShouldBe("timeout; the node ended before it was over");
    }

    [Fact]
    public async Task an_outage_of_the_ledger_shows_on_every_node_while_it_lasts_and_is_on_record_once_it_is_over()
    {
        await _app.MerchantAsync();
        await AuditClient.SealedAsync(_app);

        // A number that is held holds up the sealing, so that there is time to change what is not sealed.
        await using var connection = await _app.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var draw = new NpgsqlCommand("select nextval('events.mt_events_sequence')", connection, transaction);
        var number = (long)(await draw.ExecuteScalarAsync())!;
        var merchant = await _app.MerchantAsync();
        var began = await AskAsync<DateTime>($"select min(recorded_at) from ledger.row_hashes where seq_id > {number}");
        await AttackAsync($"update events.mt_events set user_name = 'x' || user_name where seq_id = {number + 1}");
        await Eventually.IsTrueAsync(
            () => AskAsync<bool>(
                $"select clock_timestamp() - min(recorded_at) > '10 s' from ledger.row_hashes where seq_id > {number}"),
            "an event to wait for ten seconds");
        await transaction.RollbackAsync();

        await using var late = await _app.ListenAsync("--Reports:Ledger:Seals=false");
        var key = await _app.KeyAsync(null, isAuditor: true);
        HttpClient[] nodes =
        [
            new() { BaseAddress = new Uri(late.Urls.First()) }, new() { BaseAddress = _app.Address },
            _app.Host.Server.CreateClient(),
        ];
        var fault = $"MODIFIED {number + 1}: the event is not what it was when it was inserted";
        foreach (var node in nodes)
        {
            node.DefaultRequestHeaders.Add("Api-Key", key);
            await Eventually.IsTrueAsync(() => SealsAsync(node, false), "the health to tell");
            using var answer = JsonDocument.Parse(
                await node.GetStringAsync(new Uri($"{AuditClient.Path}ledger", UriKind.Relative)));
            answer.RootElement.GetProperty("state").GetString().ShouldBe($"stopped: {fault}");
            var told = answer.RootElement.GetProperty("faults").EnumerateArray().ShouldHaveSingleItem();
            (told.GetProperty("kind").GetString(), told.GetProperty("sequence").GetInt64())
                .ShouldBe(("stopped", number + 1));
        }

        (await OutagesAsync()).ShouldBeEmpty();
        await AttackAsync($"update events.mt_events set user_name = substr(user_name, 2) where seq_id = {number + 1}");
        foreach (var node in nodes)
        {
            await Eventually.IsTrueAsync(() => SealsAsync(node, true), "the health to tell");
            node.Dispose();
        }

        var recorded = await Eventually.GetAsync(
            async () => (await OutagesAsync()).SingleOrDefault(), "the outage to be on record");
        (recorded.Part, recorded.Cause).ShouldBe((AuditPart.Ledger, "MODIFIED"));
        recorded.From.UtcDateTime.ShouldBe(began);
        (recorded.To - recorded.From).ShouldBeGreaterThan(TimeSpan.FromSeconds(10));
        (await AskAsync<long>("select count(*) from ledger.outages")).ShouldBe(1);
    }

    [Fact]
    public async Task an_outage_that_no_node_put_on_record_is_put_there_by_the_next_and_once()
    {
        // As `seal` leaves it, or a node that was killed.
        var id = Guid.Parse("019ab3e4-5c00-7e55-8f3e-2b8c6d1a4e70");
        await _app.CutDatabaseAsync();
        await Eventually.GetAsync(
            () => Task.FromResult(_app.Log.Lines.FirstOrDefault(l => l.Contains("Outages of the ledger could not be put"))),
            "the event store to be away");
        await _app.RestoreDatabaseAsync();
        await AttackAsync(
            $"""
            insert into ledger.outages (id, size, began, ended, cause)
            values ('{id}', 1, '2026-11-23T00:05:09Z', '2026-11-23T00:06:09Z', 'delayed')
            """);
        await using var another = await _app.ListenAsync();

        var recorded = await Eventually.GetAsync(
            async () => (await OutagesAsync()).SingleOrDefault(o => o.OutageId == id),
            "the outage to be on record");
        (recorded.Cause, recorded.To - recorded.From).ShouldBe(("delayed", TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task a_node_whose_clock_is_not_the_databases_says_so_once_each_time()
    {
        var builder = _app.Builder("--urls=http://127.0.0.1:0", "--Reports:Nodes:Mode=Balanced", "--Reports:Nodes:Lease=00:00:01");
        var clock = new MovedClock { By = TimeSpan.FromSeconds(-20) };
        builder.Services.AddSingleton<TimeProvider>(clock);
        await using var node = ReportsHost.Build(builder);
        await node.StartAsync();
        var watch = node.Services.GetRequiredService<ClockWatch>();

        await Eventually.GetAsync(async () => (await SkewsAsync()).Count == 1 ? "one" : null, "the skew to be on record");
        clock.By = TimeSpan.Zero;
        await Eventually.GetAsync(
            () => Task.FromResult(watch.Skew.Duration() < TimeSpan.FromSeconds(5) ? "fine" : null), "the clock to be seen fine");
        clock.By = TimeSpan.FromSeconds(20);
        await Eventually.GetAsync(async () => (await SkewsAsync()).Count == 2 ? "two" : null, "the next to be on record");

        var skews = await SkewsAsync();
        skews.Select(s => s.NodeId).ShouldAllBe(id => id == node.Services.GetRequiredService<DownloadLedger>().NodeId);
        // The database is asked over a connection: of its answer the middle is taken.
        skews[0].SkewMs.ShouldBeInRange(-25_000, -15_000);
        skews[1].SkewMs.ShouldBeInRange(15_000, 25_000);
    }

    [Fact]
    public async Task a_download_during_which_every_connection_broke_has_its_end_on_record()
    {
        const int Large = 30_000_000;
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var client = merchant.RealClient();
        using var response = await client.GetAsync(
            new Uri(await merchant.DownloadPathAsync("large.csv"), UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        var attempt = Guid.Parse(response.Headers.GetValues("Download-Id").Single());

        await _app.BreakConnectionsAsync();
        (await response.Content.ReadAsByteArrayAsync()).Length.ShouldBe(Large);

        (await EndAsync(attempt)).ShouldBe($"download.completed.v1 200 {Large}");
    }

    [Fact]
    public async Task an_attempt_that_meets_a_broken_connection_is_answered_and_recorded()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();

        for (var i = 0; i < 5; i++)
        {
            await _app.BreakConnectionsAsync();
            using var response = await client.GetAsync(path);

            response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable);
            var attempt = Guid.Parse(response.Headers.GetValues("Download-Id").Single());
            (await EndAsync(attempt)).ShouldStartWith("download.");
        }
    }

    [Fact]
    public async Task reports_whose_messages_meet_an_outage_are_finished_after_it()
    {
        const int Reports = 80;
        var merchant = await _app.MerchantAsync();

        // None is finished before the outage, which ends this lock too.
        await using var connection = await _app.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand(
            "lock table reports.finished_reports in share mode", connection, transaction);
        await hold.ExecuteNonQueryAsync();
        await Task.WhenAll(Enumerable.Range(0, Reports).Select(i => _app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1).AddDays(i)),
            default)));
        (await FinishedAsync(merchant)).ShouldBe(0);

        await _app.CutDatabaseAsync();

        // Each node fails to renew its lease a few times a second: so many lines are an outage of some seconds.
        await Eventually.GetAsync(
            () => Task.FromResult(_app.Log.Lines.Count(l => l.Contains("could not renew")) > 30 ? "seen" : null),
            "the outage to last");
        await _app.RestoreDatabaseAsync();

        await Eventually.GetAsync(
            async () => await FinishedAsync(merchant) == Reports ? "all" : null, "every report to be finished");
    }

    private string OutageFiles => Path.Combine(_app.FilesRoot, ".outages");

    private string[] OutageFilesLeft() => Directory.Exists(OutageFiles) ? Directory.GetFiles(OutageFiles, "*.outage.json") : [];

    private Task<List<AuditOutageRecorded>> OutagesAsync() => OfPlatformAsync<AuditOutageRecorded>();

    private Task<List<ClockSkewDetected>> SkewsAsync() => OfPlatformAsync<ClockSkewDetected>();

    private async Task<List<T>> OfPlatformAsync<T>()
        where T : class
    {
        // Not from the pool, whose connections may have been cut.
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(_app.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "select data::text from events.mt_events where tenant_id = 'platform' and type = $1 order by seq_id", connection);
        command.Parameters.AddWithValue(ContractNames.Events.Single(e => e.Value == typeof(T)).Key);
        await using var row = await command.ExecuteReaderAsync();
        var found = new List<T>();
        while (await row.ReadAsync())
        {
            found.Add(JsonSerializer.Deserialize<T>(row.GetString(0), ContractJson.Options)!);
        }

        return found;
    }

    private static async Task<bool> SealsAsync(HttpClient node, bool expected)
    {
        using var answer = await node.GetAsync(new Uri("/health/ledger", UriKind.Relative));
        return answer.StatusCode == (expected ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable);
    }

    private async Task<T> AskAsync<T>(string sql)
    {
        await using var command = _app.Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private async Task AttackAsync(string sql)
    {
        await using var command = _app.Database.CreateCommand(
            $"begin; set local session_replication_role = replica; {sql}; commit");
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string?> CheckAsync(HttpClient client)
    {
        using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return json.RootElement.GetProperty("checks").GetProperty("audit").GetString();
    }

    private sealed class MovedClock : TimeProvider
    {
        private long _by;

        public TimeSpan By
        {
            get => TimeSpan.FromTicks(Volatile.Read(ref _by));
            set => Volatile.Write(ref _by, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow()
        {
            var now = base.GetUtcNow() + By;
            return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        }
    }

    private async Task<long> FinishedAsync(TestMerchant merchant)
    {
        await using var command = _app.Database.CreateCommand(
            "select count(*) from reports.report_requests where status = 'finished' and merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    // Not through the service: its pool still holds connections that were cut, and each is found out by whoever gets it.
    private async Task<string> EndAsync(Guid attempt) => await Eventually.GetAsync(
        async () =>
        {
            await using var command = _app.Database.CreateCommand(
                """
                select concat_ws(' ', type, data ->> 'status', data ->> 'bytes_sent')
                from events.mt_events where stream_id = $1 and version = 2
                """);
            command.Parameters.AddWithValue(attempt);
            return (string?)await command.ExecuteScalarAsync();
        },
        $"attempt {attempt} to be on record");
}
