using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Contracts.Events;
using Reports.Lifecycle;

namespace Reports.Benchmarks;

/// <summary>
/// From requests over HTTP to finished reports, on every road to generators, against the same events appended without
/// any message: a commit for each, as in the lifecycle.
/// </summary>
internal static class LifecycleRow
{
    private const int Merchants = 50;
    private const int Clients = 8;
    private const string Generator = "bench/1.0";
    private static readonly DateTimeOffset FirstDay = new(2023, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly byte[] File = "id,amount\r\n1,2.00\r\n2,3.00\r\n"u8.ToArray();

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var broker = System.Environment.GetEnvironmentVariable("REPORTS_BENCH_RABBITMQ");
        var lines = new List<Line>();
        foreach (var road in new[] { "Local", "PostgresTable", "PostgresQueue", "RabbitMq" })
        {
            if (road == "RabbitMq" && string.IsNullOrEmpty(broker))
            {
                bench.Say("RabbitMQ is not installed: its road is left out.");
                continue;
            }

            bench.Say($"The road {road} …");
            try
            {
                lines.AddRange(await RunAsync(bench, road, broker));
            }
            catch (Exception e) when (e is InvalidOperationException or IOException or NpgsqlException)
            {
                lines.Add(Line.Failed($"lifecycle, road {road}", e.Message));
            }
        }

        return lines;
    }

    private static async Task<IReadOnlyList<Line>> RunAsync(Bench bench, string road, string? broker)
    {
        var store = await bench.MerchantsAsync(Merchants);
        var database = store.Database;
        await TransactionsAsync(database, store.Callers);
        var settings = new List<(string, string)>
        {
            ("Reports:Generators:Road", road), ("Reports:Requests:MostRunning", "1000000"),
        };
        if (road == "RabbitMq")
        {
            settings.Add(("Reports:Generators:RabbitMq", broker!));
        }

        await bench.ApplySchemaAsync(database, [.. settings]); // a road may have tables of its own
        using var service = await bench.ServiceAsync(database, [.. settings]);
        using var worker = road is "PostgresQueue" or "RabbitMq" ? Worker(bench, database, settings) : null;
        using var ending = new CancellationTokenSource();
        var table = road == "PostgresTable" ? TableGeneratorAsync(bench, database, ending.Token) : Task.CompletedTask;
        await using var host = bench.Host(database);
        var (reports, round) = (bench.Options.Size(40, 300, 1000), 0);
        var (perMinute, work) = (new List<double>(), new List<double>());

        // Most of what the service works at first is to compile: after two thousand reports it is not all done.
        var warmUps = bench.Options.Size(1, Comparison.WarmUps, Comparison.WarmUps);
        var comparison = await Comparison.OfRatesAsync(
            async () =>
            {
                var before = await database.ScalarAsync<long>("select max(seq_id) from events.mt_events");
                var worked = service.Worked;
                var seconds = await RequestAsync(service, database, store.Callers, reports, round++);
                perMinute.Add(reports / seconds * 60);
                work.Add((service.Worked - worked).TotalMilliseconds / reports);
                var events = await database.ScalarAsync<long>(
                    $"select count(*) from events.mt_events where seq_id > {before} and type like 'report.%'");
                return events / seconds;
            },
            () => AppendAsync(host.Services.GetRequiredService<IDocumentStore>(), store.Callers, reports),
            bench.Options.Size(1, 3, 3),
            warmUps);
        await ending.CancelAsync();
        await table;
        var line = Line.AtLeast($"lifecycle, road {road}", comparison, 0.5, "events/s") with
        {
            Memory = $"{Line.Number(service.PeakMiB)} MiB",
            Remark = $"{reports} reports a round, {Merchants} merchants, {Clients} clients; "
                + $"{Line.Number(Statistics.Median(perMinute[warmUps..]))} finished reports a minute, "
                + $"{Line.Number(work[^1])} ms of the service's processor time each at the end",
        };
        return road == "Local"
            ? [line, Line.Least("finished reports, in-process generator", perMinute[warmUps..], 2000, "a minute")]
            : [line];
    }

    // Requests until the last of them is finished.
    private static async Task<double> RequestAsync(
        Server service, BenchDatabase database, IReadOnlyList<Caller> callers, int reports, int round)
    {
        var finished = await FinishedAsync(database);
        var (start, next) = (Stopwatch.GetTimestamp(), -1);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            using var connection = await HttpConnection.OpenAsync(service.Address);
            for (int n; (n = Interlocked.Increment(ref next)) < reports;)
            {
                var day = FirstDay.AddDays(round * (reports / callers.Count + 1) + n / callers.Count);
                var status = await connection.SendAsync(Post(service, callers[n % callers.Count], day));
                if (status != 202)
                {
                    throw new InvalidOperationException($"A request for a report was answered with {status}.");
                }
            }
        })));
        await Until.TrueAsync(async () =>
        {
            var done = await FinishedAsync(database) - finished;
            return done < reports && Stopwatch.GetElapsedTime(start) > TimeSpan.FromMinutes(2)
                ? throw new InvalidOperationException($"{done} of {reports} reports were finished within two minutes.")
                : done >= reports;
        });
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static Task<long> FinishedAsync(BenchDatabase database) =>
        database.ScalarAsync<long>("select count(*) from reports.finished_reports where number < 1000000000");

    private static byte[] Post(Server service, Caller caller, DateTimeOffset day)
    {
        var date = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var body = $$"""{"first_day": "{{date}}", "last_day": "{{date}}"}""";
        return Encoding.ASCII.GetBytes(
            $"POST /b/api/v1/reports/requests/ HTTP/1.1\r\nHost: {service.Address.Authority}\r\n"
            + $"Api-Key: {caller.Key}\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}");
    }

    // The same events as the lifecycle's, each in a commit of its own.
    private static async Task<double> AppendAsync(IDocumentStore store, IReadOnlyList<Caller> callers, int reports)
    {
        var (start, next) = (Stopwatch.GetTimestamp(), -1);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            for (int n; (n = Interlocked.Increment(ref next)) < reports;)
            {
                foreach (var happened in Seeds.Lifecycle(callers[n % callers.Count].Id))
                {
                    await using var session = store.LightweightSession(callers[n % callers.Count].Id.ToString());
                    if (happened is ReportRequested requested)
                    {
                        session.Events.StartStream<Report>(requested.ReportId, happened);
                    }
                    else
                    {
                        session.Events.Append(Seeds.StreamOf(happened), happened);
                    }

                    await session.SaveChangesAsync();
                }
            }
        })));
        return reports * 4 / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task TransactionsAsync(BenchDatabase database, IReadOnlyList<Caller> callers) =>
        await database.ExecuteAsync($"""
        insert into transactions.transactions
        select m.id, 'T' || n, '{FirstDay:yyyy-MM-dd}'::timestamptz + n * interval '6 hours', 'payment', null,
            'ORDER-' || n, 'Customer ' || n % 100, 'visa', 'KWD', 1.25, 0.025
        from generate_series(1, 1000) n,
            unnest(array[{string.Join(',', callers.Select(c => $"'{c.Id}'::uuid"))}]) m (id)
        """);

    private static Child Worker(Bench bench, BenchDatabase database, List<(string Name, string Value)> settings)
    {
        var all = settings.ToDictionary(s => s.Name, s => s.Value);
        all["Reports:Database"] = database.Superuser;
        all["Reports:Storage:Root"] = bench.FilesRoot;
        return new Child([Bench.Built("Reports.GeneratorWorker")], Bench.Environmental(all));
    }

    // What docs/generators.md says that a program in any language does.
    private static async Task TableGeneratorAsync(Bench bench, BenchDatabase database, CancellationToken ending)
    {
        await using var connections = NpgsqlDataSource.Create(database.Superuser);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(worker => Task.Run(async () =>
        {
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!ending.IsCancellationRequested)
            {
                if (await AnswerAsync(bench, connections, worker) == 0)
                {
                    await pause.WaitForNextTickAsync(CancellationToken.None);
                }
            }
        })));
    }

    private static async Task<int> AnswerAsync(Bench bench, NpgsqlDataSource connections, int worker)
    {
        await using var connection = await connections.OpenConnectionAsync();
        await using var take = new NpgsqlCommand(
            "select body::text from ingress.take_orders($1, 10, interval '5 minutes')", connection);
        take.Parameters.AddWithValue($"{Generator}-{worker}");
        var orders = new List<JsonNode>();
        await using (var row = await take.ExecuteReaderAsync())
        {
            while (await row.ReadAsync())
            {
                orders.Add(JsonNode.Parse(row.GetString(0))!["data"]!);
            }
        }

        foreach (var order in orders)
        {
            var path = Path.Combine(bench.FilesRoot, order["storage_prefix"]!.GetValue<string>(), "report.csv");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await System.IO.File.WriteAllBytesAsync(path, File);
            await SendAsync(connection, "reports.generation-started.v1", Answer(order));
            var completed = Answer(order);
            completed["file_name"] = "report.csv";
            completed["file_size"] = File.Length;
            completed["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File));
            completed["records"] = 2;
            completed["totals"] = new JsonArray();
            await SendAsync(connection, "reports.generation-completed.v1", completed);
        }

        return orders.Count;
    }

    private static JsonObject Answer(JsonNode order) => new()
    {
        ["report_id"] = order["report_id"]!.GetValue<string>(),
        ["attempt"] = order["attempt"]!.GetValue<int>(),
        ["grant"] = order["grant"]!.GetValue<string>(),
        ["generator"] = Generator,
    };

    private static async Task SendAsync(NpgsqlConnection connection, string type, JsonObject body)
    {
        await using var insert = new NpgsqlCommand(
            "insert into ingress.messages (body, message_type) values ($1::jsonb, $2)", connection);
        insert.Parameters.AddWithValue(body.ToJsonString());
        insert.Parameters.AddWithValue(type);
        await insert.ExecuteNonQueryAsync();
    }
}
