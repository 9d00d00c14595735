using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using NpgsqlTypes;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>A service whose generators speak SQL, and the login of one.</summary>
public sealed class PostgresTableApp() : RoadApp("--Reports:Generators:Road=PostgresTable")
{
    private readonly string _login = $"generator_{Guid.CreateVersion7():n}";

    /// <summary>The connections of a generator.</summary>
    public NpgsqlDataSource Generator { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ScalarAsync($"create role {_login} login password 'generator' in role reports_generator");
        var connection = new NpgsqlConnectionStringBuilder(App.ConnectionString)
        {
            Username = _login,
            Password = "generator",
        };
        Generator = NpgsqlDataSource.Create(connection.ConnectionString);
    }

    public override async ValueTask DisposeAsync()
    {
        await Generator.DisposeAsync();
        await ScalarAsync($"drop role {_login}");
        await base.DisposeAsync();
    }

    public async Task<List<(Guid Id, JsonElement Body)>> TakeAsync(
        string generator = "one", int most = 1, string lease = "5 minutes")
    {
        await using var command = Generator.CreateCommand("select id, body from ingress.take_orders($1, $2, $3::interval)");
        command.Parameters.AddWithValue(generator);
        command.Parameters.AddWithValue(most);
        command.Parameters.AddWithValue(lease);
        await using var row = await command.ExecuteReaderAsync();
        var orders = new List<(Guid, JsonElement)>();
        while (await row.ReadAsync())
        {
            orders.Add((row.GetGuid(0), JsonDocument.Parse(row.GetString(1)).RootElement));
        }

        return orders;
    }

    /// <summary>The order of a report that was just asked for.</summary>
    public async Task<JsonElement> OrderAsync()
    {
        var report = await RequestAsync();
        while (true)
        {
            var (_, body) = (await TakeAsync(Unique())).ShouldHaveSingleItem();
            if (body.GetProperty("data").GetProperty("report_id").GetGuid() == report)
            {
                return Data(body);
            }
        }
    }

    public async Task InsertAsync(string? type, JsonNode body, Guid? id = null)
    {
        await using var command = Generator.CreateCommand(
            id is null
                ? "insert into ingress.messages (message_type, body) values ($1, $2)"
                : "insert into ingress.messages (message_type, body, id) values ($1, $2, $3)");
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)type ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = body.ToJsonString(), NpgsqlDbType = NpgsqlDbType.Jsonb });
        if (id is not null)
        {
            command.Parameters.AddWithValue(id.Value);
        }

        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Inserts messages by one statement: they are there at the same moment.</summary>
    public async Task InsertAsync(IReadOnlyCollection<(Guid Id, string Type, JsonObject Body)> messages)
    {
        await using var command = Generator.CreateCommand(
            """
            insert into ingress.messages (id, message_type, body)
            select id, type, body::jsonb from unnest($1, $2, $3) as m (id, type, body)
            """);
        command.Parameters.AddWithValue(messages.Select(m => m.Id).ToArray());
        command.Parameters.AddWithValue(messages.Select(m => m.Type).ToArray());
        command.Parameters.AddWithValue(messages.Select(m => m.Body.ToJsonString()).ToArray());
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Waits until everything that was inserted is in the inbox.</summary>
    public Task TakenAsync() => Eventually.GetAsync(
        async () => await CountAsync("select count(*) from ingress.messages") == 0 ? "" : null, "all rows to be taken");
}

/// <summary>Orders and answers as rows that any language can read and write.</summary>
public sealed class PostgresTableRoadTests(PostgresTableApp road) : IClassFixture<PostgresTableApp>
{
    private const string Completed = "reports.generation-completed.v1";
    private const string HeartbeatName = "reports.generation-heartbeat.v1";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task an_order_is_taken_and_a_row_finishes_the_report(bool isCloudEvent)
    {
        var order = await road.OrderAsync();

        var answer = road.Fulfil(order);
        await (isCloudEvent
            ? road.InsertAsync(null, RoadApp.CloudEvent("job-1", Completed, answer))
            : road.InsertAsync(Completed, answer));

        var report = order.GetProperty("report_id").GetGuid();
        await road.FinishedAsync(report);
        (await road.CountAsync("select count(*) from ingress.orders where report_id = $1", report)).ShouldBe(0);
    }

    [Theory]
    [InlineData("the row's id")]
    [InlineData("a CloudEvent's UUID")]
    [InlineData("a CloudEvent's own id")]
    public async Task a_message_that_comes_twice_is_handled_once(string kind)
    {
        var order = await road.OrderAsync();
        var (mark, id) = (RoadApp.Unique(), Guid.CreateVersion7());
        var heartbeat = RoadApp.Heartbeat(order, mark);

        for (var i = 0; i < 2; i++)
        {
            await (kind switch
            {
                "the row's id" => road.InsertAsync(HeartbeatName, heartbeat.DeepClone(), id),
                "a CloudEvent's UUID" => road.InsertAsync(
                    null, RoadApp.CloudEvent(id.ToString(), HeartbeatName, heartbeat.DeepClone())),
                _ => road.InsertAsync(null, RoadApp.CloudEvent($"job-{mark}", HeartbeatName, heartbeat.DeepClone())),
            });
            await road.TakenAsync();
        }

        await road.HandledAsync(mark);
        (await road.InboxAsync(mark)).ShouldBe(1);
    }

    [Fact]
    public async Task the_same_message_in_two_rows_at_once_is_handled_once()
    {
        var order = await road.OrderAsync();
        var mark = RoadApp.Unique();
        var one = RoadApp.CloudEvent($"job-{mark}", HeartbeatName, RoadApp.Heartbeat(order, mark));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => road.InsertAsync(null, one.DeepClone())));

        await road.TakenAsync();
        await road.HandledAsync(mark);
        (await road.InboxAsync(mark)).ShouldBe(1);
    }

    [Theory]
    [InlineData("an unknown type")]
    [InlineData("a type of the service's own")]
    [InlineData("an order")]
    [InlineData("a body of another shape")]
    [InlineData("a body that is no object")]
    [InlineData("a CloudEvent of another version")]
    [InlineData("a CloudEvent without data")]
    [InlineData("a wrong grant")]
    public async Task poison_is_one_dead_letter_and_the_next_message_goes_on(string poison)
    {
        var order = await road.OrderAsync();
        var (mark, id) = (RoadApp.Unique(), Guid.CreateVersion7());
        JsonObject Wrong(string grant)
        {
            var answer = RoadApp.Heartbeat(order, mark);
            answer["grant"] = grant;
            return answer;
        }

        (string? type, JsonNode body) = poison switch
        {
            "an unknown type" => ("reports.no-such-message.v9", RoadApp.Heartbeat(order, mark)),
            "a type of the service's own" => ("lifecycle.verify-report", RoadApp.Heartbeat(order, mark)),
            "an order" => ("reports.generate-report.v1", RoadApp.Heartbeat(order, mark)),
            "a body of another shape" => (Completed, new JsonObject { ["report_id"] = mark }),
            "a body that is no object" => (Completed, JsonValue.Create(mark)),
            "a CloudEvent of another version" => (null, new JsonObject { ["specversion"] = "0.3", ["id"] = mark }),
            "a CloudEvent without data" => (null, new JsonObject { ["specversion"] = "1.0", ["type"] = Completed, ["id"] = mark }),
            _ => (HeartbeatName, (JsonNode)Wrong("AAAA")),
        };
        await road.InsertAsync(type, body, id);
        await road.DiesAsync(mark);
        await road.InsertAsync(type, body.DeepClone(), id);
        var next = RoadApp.Unique();
        await road.InsertAsync(HeartbeatName, RoadApp.Heartbeat(order, next));

        await road.HandledAsync(next);
        await Eventually.GetAsync(
            async () => await road.InboxAsync(mark) == 0 ? "" : null, "the second copy to be dead, too");
        (await road.DeadAsync(mark)).ShouldBe(1);
    }

    [Fact]
    public async Task a_row_without_a_type_is_refused_at_once()
    {
        var refused = await Should.ThrowAsync<PostgresException>(
            road.InsertAsync(null, new JsonObject { ["report_id"] = 1 }));

        refused.SqlState.ShouldBe(PostgresErrorCodes.CheckViolation);
    }

    [Fact]
    public async Task a_generator_that_is_not_sure_inserts_again_without_an_error()
    {
        var order = await road.OrderAsync();
        var (mark, id) = (RoadApp.Unique(), Guid.CreateVersion7());
        for (var i = 0; i < 3; i++)
        {
            await using var command = road.Generator.CreateCommand(
                "insert into ingress.messages (id, message_type, body) values ($1, $2, $3) on conflict do nothing");
            command.Parameters.AddWithValue(id);
            command.Parameters.AddWithValue(HeartbeatName);
            command.Parameters.Add(new NpgsqlParameter
            {
                Value = RoadApp.Heartbeat(order, mark).ToJsonString(),
                NpgsqlDbType = NpgsqlDbType.Jsonb,
            });
            await command.ExecuteNonQueryAsync();
        }

        await road.TakenAsync();
        await road.HandledAsync(mark);
        (await road.InboxAsync(mark)).ShouldBe(1);
    }

    [Fact]
    public async Task a_thousand_rows_are_taken_and_none_is_left()
    {
        var order = await road.OrderAsync();
        var mark = RoadApp.Unique();
        await using (var command = road.Generator.CreateCommand(
            "insert into ingress.messages (message_type, body) select $1, $2 from generate_series(1, 1000)"))
        {
            command.Parameters.AddWithValue(HeartbeatName);
            command.Parameters.Add(new NpgsqlParameter
            {
                Value = RoadApp.Heartbeat(order, mark).ToJsonString(),
                NpgsqlDbType = NpgsqlDbType.Jsonb,
            });
            await command.ExecuteNonQueryAsync();
        }

        await road.TakenAsync();
        await road.HandledAsync(mark, copies: 1000);
    }

    // Side by side, all but one of a report's messages would find that its stream had moved on, and would try again.
    [Fact]
    public async Task what_is_said_of_many_reports_at_once_is_handled_at_the_first_try_each()
    {
        var merchant = await road.App.MerchantAsync();
        var reports = new HashSet<Guid>();
        for (var i = 0; i < 24; i++)
        {
            reports.Add(await road.RequestAsync(merchant));
        }

        var orders = new List<JsonElement>();
        while (orders.Count < reports.Count)
        {
            orders.AddRange((await road.TakeAsync(most: 100)).Select(o => RoadApp.Data(o.Body))
                .Where(o => reports.Contains(o.GetProperty("report_id").GetGuid())));
        }

        var mark = RoadApp.Unique();
        var said = orders.SelectMany(order => new (Guid Id, string Type, JsonObject Body)[]
        {
            (Guid.CreateVersion7(), "reports.generation-started.v1", RoadApp.Answer(order, mark)),
            (Guid.CreateVersion7(), HeartbeatName, RoadApp.Heartbeat(order, mark)),
            (Guid.CreateVersion7(), Completed, road.Fulfil(order, mark)),
        }).ToList();
        await road.InsertAsync(said);

        await road.HandledAsync(mark, said.Count);
        foreach (var report in reports)
        {
            await road.FinishedAsync(report);
            (await road.ScalarAsync(
                "select string_agg(type, ' ' order by version) from events.mt_events where stream_id = $1", report))
                .ShouldBe("report.requested.v1 report.generation-started.v1 report.generated.v1 report.finished.v1");
        }

        (await road.DeadAsync(mark)).ShouldBe(0);
        said.Where(m => road.App.Log.Lines.Any(line =>
                line.Contains("Failed to process message", StringComparison.Ordinal)
                && line.Contains(m.Id.ToString(), StringComparison.Ordinal)))
            .Select(m => m.Type).ShouldBeEmpty("these needed more than one try");
    }

    [Fact]
    public async Task no_two_generators_are_given_the_same_order()
    {
        var merchant = await road.App.MerchantAsync();
        var wanted = new HashSet<Guid>();
        for (var i = 0; i < 24; i++)
        {
            wanted.Add(await road.RequestAsync(merchant));
        }

        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            var mine = new List<Guid>();
            while (await road.TakeAsync($"worker-{worker}", most: 2) is { Count: > 0 } orders)
            {
                mine.AddRange(orders.Select(o => o.Body.GetProperty("data").GetProperty("report_id").GetGuid()));
            }

            return mine;
        }));

        taken.SelectMany(t => t).Where(wanted.Contains).ShouldBe(wanted, ignoreOrder: true);
    }

    [Fact]
    public async Task an_order_whose_lease_is_over_comes_again_and_a_heartbeat_keeps_it()
    {
        var merchant = await road.App.MerchantAsync();
        var (lost, kept) = (await road.RequestAsync(merchant), await road.RequestAsync(merchant));
        var bodies = new Dictionary<Guid, JsonElement>();
        while (bodies.Count < 2)
        {
            foreach (var (_, body) in await road.TakeAsync("first", most: 10, lease: "2 seconds"))
            {
                var data = body.GetProperty("data");
                bodies[data.GetProperty("report_id").GetGuid()] = data;
            }
        }

        var mark = RoadApp.Unique();
        await road.InsertAsync(HeartbeatName, RoadApp.Heartbeat(bodies[kept], mark));
        await road.HandledAsync(mark);

        var again = new List<Guid>();
        await Eventually.GetAsync(
            async () =>
            {
                var orders = await road.TakeAsync("second", most: 10);
                again.AddRange(orders.Select(o => o.Body.GetProperty("data").GetProperty("report_id").GetGuid()));
                return again.Contains(lost) ? "" : null;
            },
            "the order to come again");
        again.ShouldNotContain(kept);
    }

    [Fact]
    public async Task a_generator_that_listens_is_told_of_orders()
    {
        await using var connection = await road.Generator.OpenConnectionAsync();
        var told = new TaskCompletionSource();
        connection.Notification += (_, e) => told.TrySetResult();
        await using (var listen = new NpgsqlCommand("listen reports_orders", connection))
        {
            await listen.ExecuteNonQueryAsync();
        }

        var waiting = connection.WaitAsync(TimeSpan.FromMinutes(2));
        await road.RequestAsync();

        (await waiting).ShouldBeTrue();
        told.Task.IsCompleted.ShouldBeTrue();
    }

    [Theory]
    [InlineData("select * from ingress.messages")]
    [InlineData("delete from ingress.messages")]
    [InlineData("update ingress.messages set body = '{}'")]
    [InlineData("insert into ingress.messages (body, message_type, received_at) values ('{}', 'x', '2000-01-01')")]
    [InlineData("insert into ingress.messages (body, message_type) values ('{}', 'x') returning id")]
    [InlineData("truncate ingress.messages")]
    [InlineData("select * from ingress.orders")]
    [InlineData("update ingress.orders set taken_until = null")]
    [InlineData("insert into ingress.orders (id) values (gen_random_uuid())")]
    [InlineData("delete from ingress.orders")]
    [InlineData("select ingress.tell_of_orders()")]
    [InlineData("create table ingress.mine (id int)")]
    [InlineData("create table public.mine (id int)")]
    [InlineData("create schema mine")]
    [InlineData("select * from reports.report_requests")]
    [InlineData("select * from events.mt_events")]
    [InlineData("select * from wolverine.wolverine_incoming_envelopes")]
    [InlineData("select * from transactions.transactions")]
    [InlineData("select nextval('reports.report_number')")]
    [InlineData("create role mine")]
    [InlineData("set role postgres")]
    [InlineData("copy ingress.messages (body) to program 'cat'")]
    public async Task the_role_of_generators_can_do_nothing_else(string statement)
    {
        await using var command = road.Generator.CreateCommand(statement);

        (await Should.ThrowAsync<PostgresException>(command.ExecuteNonQueryAsync()))
            .SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Theory]
    [InlineData("''", "1", "'1 minute'")]
    [InlineData("null", "1", "'1 minute'")]
    [InlineData("'one'", "0", "'1 minute'")]
    [InlineData("'one'", "1001", "'1 minute'")]
    [InlineData("'one'", "1", "'-1 minute'")]
    [InlineData("'one'", "1", "'1 year'")]
    public async Task orders_are_taken_by_somebody_and_for_a_time(string generator, string most, string lease)
    {
        await using var command = road.Generator.CreateCommand(
            $"select * from ingress.take_orders({generator}, {most}, {lease}::interval)");

        (await Should.ThrowAsync<PostgresException>(command.ExecuteNonQueryAsync()))
            .SqlState.ShouldBe(PostgresErrorCodes.InvalidParameterValue);
    }
}
