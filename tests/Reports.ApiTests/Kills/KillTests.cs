using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Npgsql;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Kills;

/// <summary>
/// Two nodes, with the generator in them or with two foreign ones beside them, are killed again and again while reports are requested. Every request that was
/// acknowledged ends as one finished or visibly failed report. <c>build/chaos</c> runs it with a thousand.
/// </summary>
public sealed class KillTests : IAsyncLifetime
{
    private const int Clients = 8;
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(12);
    private static readonly int Reports = int.Parse(
        Environment.GetEnvironmentVariable("REPORTS_CHAOS_REPORTS") ?? "40", CultureInfo.InvariantCulture);

    // On a machine so slow that nothing lives long enough to work, the killing must have an end.
    private static readonly int MostKills = 8 + (Reports / 10);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10 + (Reports / 50));

    private readonly TestDatabase _database = new();
    private readonly string _files = Directory.CreateTempSubdirectory("reports-kills-").FullName;
    private readonly int[] _ports = [FreePort(), FreePort()];
    private readonly ConcurrentDictionary<int, string> _requested = new();
    private List<SupervisedProcess> _processes = [];
    private NpgsqlDataSource _sql = null!;
    private string _road = "Local";
    private string _merchant = "";
    private string _key = "";

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _sql = NpgsqlDataSource.Create(_database.ConnectionString);
        await CommandAsync("schema", "apply");
        _merchant = await CommandAsync("merchant", "add", "Killed shop");
        _key = await CommandAsync("key", "issue", "--merchant", _merchant);
    }

    [Theory]
    [InlineData("PostgresTable")]
    [InlineData("Local")]
    public async Task every_acknowledged_request_ends_once_whatever_is_killed(string road)
    {
        SampleGenerators.NeedPython();
        var start = Stopwatch.GetTimestamp();
        _road = road;
        _processes = road == "Local" ? [Host(0), Host(1)] : [Host(0), Generator(0), Host(1), Generator(1)];
        _processes.ForEach(p => p.Start());
        using var over = new CancellationTokenSource();
        var killing = KillAsync(over.Token);

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(RequestAsync));
        await EndedAsync(Reports * 3 / 4);
        await over.CancelAsync();
        await killing;
        await EndedAsync(Reports);

        await SettledAsync();
        await ReportAsync(Stopwatch.GetElapsedTime(start));
        _processes.ShouldAllBe(p => p.Kills > 0);
        (await CountAsync("select count(*) from wolverine.wolverine_dead_letters")).ShouldBe(0);
        _requested.Values.Distinct().Count().ShouldBe(Reports);
        (await CountAsync("select count(distinct report_id) from reports.report_requests")).ShouldBe(Reports);
        (await CountAsync("select count(*) from events.mt_events where type = 'report.requested.v1'")).ShouldBe(Reports);
        (await CountAsync(
            """
            select count(*) from (
                select stream_id from events.mt_events
                where type in ('report.finished.v1', 'report.generation-failed.v1') group by 1 having count(*) = 1) once
            """)).ShouldBe(Reports);
        await ListedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _processes.ForEach(p => p.Dispose());
        await _sql.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_files, recursive: true);
    }

    private async Task KillAsync(CancellationToken over)
    {
        // Each in its turn, and each once at the least; a node needs some seconds to begin at all.
        using var timer = new PeriodicTimer(Life / _processes.Count);
        for (var turn = 0; turn < _processes.Count || (turn < MostKills && !over.IsCancellationRequested); turn++)
        {
            try
            {
                await timer.WaitForNextTickAsync(turn < _processes.Count ? CancellationToken.None : over);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            _processes[turn % _processes.Count].KillAndStart();
            _processes.ForEach(p => p.Revive());
        }
    }

    // As a careful client does: the same key until there is an answer, whichever node it is.
    private async Task RequestAsync(int client)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        http.DefaultRequestHeaders.Add("Api-Key", _key);
        var give = Stopwatch.GetTimestamp();
        for (var i = client; i < Reports; i += Clients)
        {
            for (var turn = 0; !_requested.ContainsKey(i); turn++)
            {
                Stopwatch.GetElapsedTime(give).ShouldBeLessThan(Patience, Said());
                try
                {
                    await RequestAsync(http, i, _ports[(client + turn) % _ports.Length]);
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
                {
                    // The node is being killed, or not ready yet.
                    await Eventually.PauseAsync();
                }
            }
        }
    }

    private async Task RequestAsync(HttpClient http, int i, int port)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, new Uri($"http://127.0.0.1:{port}/b/api/v1/reports/requests/"))
        {
            Content = JsonContent.Create(new { interval = "daily", first_day = "2026-03-01", file_name_prefix = $"kill-{i}" }),
        };
        request.Headers.Add("Idempotency-Key", $"kill-{i}");
        using var answer = await http.SendAsync(request);
        if (answer.StatusCode == HttpStatusCode.Accepted)
        {
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            _requested[i] = body.GetProperty("encrypted_id").GetString()!;
        }
        else
        {
            // The key is in flight on a node that was just killed, or the database has ended its connections.
            ((int)answer.StatusCode).ShouldBeOneOf(409, 500, 503);
            await Eventually.PauseAsync();
        }
    }

    private Task EndedAsync(int count) => Eventually.IsTrueAsync(
        async () =>
        {
            _processes.ForEach(p => p.Revive());
            return await CountAsync(
                "select count(*) from reports.report_requests where status in ('finished', 'failed')") >= count;
        },
        $"{count} reports to end; {Said()}",
        Patience);

    // Answers that were said twice are still being looked at when the last report has ended.
    private Task SettledAsync() => Eventually.IsTrueAsync(
        async () => await CountAsync(
            "select count(*) from wolverine.wolverine_incoming_envelopes where status = 'Incoming'") == 0,
        "every message to be handled",
        TimeSpan.FromMinutes(2));

    private async Task ListedAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports[0]}") };
        http.DefaultRequestHeaders.Add("Api-Key", _key);
        await Eventually.IsTrueAsync(() => IsReadyAsync(http), $"a node that was killed to be ready; {Said()}");
        var finished = await CountAsync("select count(*) from reports.report_requests where status = 'finished'");
        var (names, url) = (new List<string>(), (string?)"/b/api/v1/reports/files/?limit=200&cursor=");
        while (url is not null)
        {
            var page = await http.GetFromJsonAsync<JsonElement>(url);
            foreach (var report in page.GetProperty("results").EnumerateArray())
            {
                names.Add(report.GetProperty("report_name").GetString()!);
                if (names.Count % 50 == 1)
                {
                    var bytes = await http.GetByteArrayAsync(
                        new Uri(report.GetProperty("download_action").GetProperty("url").GetString()!));
                    Convert.ToHexStringLower(SHA256.HashData(bytes)).ShouldBe(report.GetProperty("sha256").GetString());
                }
            }

            url = page.GetProperty("next").GetString();
        }

        names.Count.ShouldBe((int)finished);
        names.ShouldBeUnique();
    }

    private static async Task<bool> IsReadyAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    // For whoever runs it to see; nothing is asserted of it.
    private async Task ReportAsync(TimeSpan took)
    {
        var lines = new List<string>
        {
            $"{_road}: {Reports} requested and ended in {took.TotalSeconds:0} s",
            string.Join(", ", _processes.Select(p => $"{p.Name} killed {p.Kills} times")),
        };
        await using var command = _sql.CreateCommand(
            """
            select 'reports ' || status, count(*) from reports.report_requests group by 1
            union all select 'events ' || type, count(*) from events.mt_events where type like 'report.%' group by 1
            union all select 'dead letters ' || message_type, count(*) from wolverine.wolverine_dead_letters group by 1
            order by 1
            """);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            lines.Add($"{row.GetString(0)}: {row.GetInt64(1)}");
        }

        lines.ForEach(line => TestContext.Current.TestOutputHelper?.WriteLine(line));
        if (Environment.GetEnvironmentVariable("REPORTS_CHAOS_RESULT") is { Length: > 0 } file)
        {
            await File.AppendAllLinesAsync(file, [.. lines, ""]);
        }
    }

    private string Said() => string.Join(Environment.NewLine, _processes.Select(p => p.Said));

    private SupervisedProcess Host(int index) => new($"node {index + 1}", () =>
    {
        var start = new ProcessStartInfo("dotnet", [Checkout.Host, "serve"])
        {
            WorkingDirectory = Path.GetDirectoryName(Checkout.Host),
        };
        foreach (var (name, value) in Settings())
        {
            start.Environment[name] = value;
        }

        start.Environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{_ports[index]}";
        return start;
    });

    private SupervisedProcess Generator(int index) => SampleGenerators.Python(
        $"generator {index + 1}",
        "--postgres", SampleGenerators.Url(_database.ConnectionString),
        "--url", $"http://127.0.0.1:{_ports[index]}",
        "--lease", "5 seconds");

    private Dictionary<string, string> Settings()
    {
        var environment = ReportsApp.ProcessEnvironment(_database, _files);
        environment["REPORTS__GENERATORS__ROAD"] = _road;
        environment["REPORTS__GENERATORS__STARTWITHIN"] = "00:05:00";
        environment["REPORTS__GENERATORS__HEARTBEATWITHIN"] = "00:00:10";
        environment["REPORTS__GENERATORS__RETRYDELAY"] = "00:00:01";
        environment["REPORTS__GENERATORS__ATTEMPTS"] = "5";
        environment["REPORTS__REQUESTS__MOSTRUNNING"] = "100000";
        environment["LOGGING__LOGLEVEL__DEFAULT"] = "Warning";
        return environment;
    }

    private async Task<string> CommandAsync(params string[] arguments)
    {
        var (code, output, error) = await CommandProcess.RunAsync(Settings(), "", arguments);
        code.ShouldBe(0, error);
        return output.Trim();
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var command = _sql.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    // Below those that connections of other tests are given, for a process that was killed takes it again.
    private static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(10_000, 32_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }
}
