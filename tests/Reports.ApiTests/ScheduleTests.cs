using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Reports.Lifecycle.Schedules;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Schedules as a merchant's programs manage them, and the reports that they ask for.</summary>
public sealed class ScheduleTests(ReportsApp app)
{
    private const string Path = "/b/api/v1/reports/schedules/";
    private const string Daily = """{"interval": "daily"}""";

    private static readonly ScheduleDefinition EveryDay = new(
        new ScheduleRule(ReportInterval.Daily, new(0, 0), "UTC"), ReportFormat.Csv, new(), "daily");

    [Fact]
    public async Task a_schedule_is_created_shown_changed_and_deleted()
    {
        using var client = (await app.MerchantAsync("Asia/Kuwait")).Client();
        using var created = await SendAsync(client, HttpMethod.Post, Path, """
            {"interval": "weekly", "weekday": "sunday", "cut_off": "06:00", "format": "xlsx", "locale": "ar",
             "right_to_left": true, "columns": ["transaction_id", "net_amount"], "file_name_prefix": "تسوية"}
            """);
        var path = created.Headers.Location!.AbsolutePath;
        var body = await TestMerchant.JsonAsync(created);

        (created.StatusCode, Tag(created)).ShouldBe((HttpStatusCode.Created, "\"1\""));
        path.ShouldBe($"{Path}{body.GetProperty("id")}/");
        Text(body, "status", "interval", "weekday", "cut_off", "time_zone", "format", "locale", "file_name_prefix")
            .ShouldBe(["active", "weekly", "sunday", "06:00", "Asia/Kuwait", "xlsx", "ar", "تسوية"]);
        body.GetProperty("day").ValueKind.ShouldBe(JsonValueKind.Null);
        body.GetProperty("next_period_end").GetDateTimeOffset().ShouldBe(body.GetProperty("next_at").GetDateTimeOffset());
        body.GetProperty("next_period_end").GetDateTimeOffset().Offset.ShouldBe(TimeSpan.FromHours(3));

        foreach (var address in new[] { path, path.TrimEnd('/') })
        {
            using var shown = await client.GetAsync(new Uri(address, UriKind.Relative));
            Tag(shown).ShouldBe("\"1\"");
            (await TestMerchant.JsonAsync(shown)).GetRawText().ShouldBe(body.GetRawText());
        }

        using var same = await SendAsync(client, HttpMethod.Get, path, ifNoneMatch: "\"1\"");
        (same.StatusCode, Tag(same)).ShouldBe((HttpStatusCode.NotModified, "\"1\""));
        using var head = await SendAsync(client, HttpMethod.Head, path);
        head.StatusCode.ShouldBe(HttpStatusCode.OK);

        using var replaced = await SendAsync(
            client, HttpMethod.Put, path, """{"interval": "monthly", "day": "last"}""", ifMatch: "\"1\"");
        Tag(replaced).ShouldBe("\"2\"");
        var monthly = await TestMerchant.JsonAsync(replaced);
        Text(monthly, "interval", "day", "cut_off", "format").ShouldBe(["monthly", "last", "00:00", "csv"]);

        using var back = await SendAsync(client, HttpMethod.Put, path, monthly.GetRawText(), ifMatch: "\"2\"");
        (back.StatusCode, Tag(back)).ShouldBe((HttpStatusCode.OK, "\"2\""));

        using var patched = await SendAsync(
            client, HttpMethod.Patch, path, """{"status": "paused", "day": 15}""", ifMatch: "\"2\"",
            type: "application/merge-patch+json");
        Tag(patched).ShouldBe("\"4\"");
        var paused = await TestMerchant.JsonAsync(patched);
        paused.GetProperty("day").GetInt32().ShouldBe(15);
        Text(paused, "status", "interval").ShouldBe(["paused", "monthly"]);
        paused.GetProperty("next_at").ValueKind.ShouldBe(JsonValueKind.Null);

        var list = await TestMerchant.GetJsonAsync(client, Path);
        list.GetProperty("count").GetInt32().ShouldBe(1);
        list.GetProperty("results")[0].GetRawText().ShouldBe(paused.GetRawText());

        using var deleted = await SendAsync(client, HttpMethod.Delete, path, ifMatch: "*");
        deleted.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using var gone = await SendAsync(client, HttpMethod.Get, path);
        using var again = await SendAsync(client, HttpMethod.Delete, path, ifMatch: "*");
        (gone.StatusCode, again.StatusCode).ShouldBe((HttpStatusCode.NotFound, HttpStatusCode.NotFound));
        (await TestMerchant.GetJsonAsync(client, Path)).GetProperty("count").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task a_change_names_the_version_that_it_is_of()
    {
        using var client = (await app.MerchantAsync()).Client();
        var path = await CreatedAsync(client);

        foreach (var method in new[] { HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete })
        {
            var body = method == HttpMethod.Delete ? null : Daily;
            using var missing = await SendAsync(client, method, path, body);
            missing.StatusCode.ShouldBe(HttpStatusCode.PreconditionRequired);
            await Problems.ReadAsync(missing, Problem.PreconditionRequired);
            using var stale = await SendAsync(client, method, path, body, ifMatch: "\"7\", W/\"1\"");
            stale.StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
            await Problems.ReadAsync(stale, Problem.PreconditionFailed);
        }
    }

    [Fact]
    public async Task of_changes_at_once_exactly_one_wins()
    {
        using var client = (await app.MerchantAsync()).RealClient();
        var path = await CreatedAsync(client);

        var statuses = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            using var answer = await SendAsync(
                client, i % 3 == 0 ? HttpMethod.Patch : HttpMethod.Put, path,
                $$"""{"interval": "daily", "cut_off": "01:{{i + 10}}"}""", ifMatch: "\"1\"");
            return (int)answer.StatusCode;
        }));

        statuses.Order().ShouldBe([200, .. Enumerable.Repeat(412, 11)]);
    }

    [Fact]
    public async Task only_who_may_manage_schedules_sees_any()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var owner = merchant.Client();
        var path = await CreatedAsync(owner);
        var (may, mayNot) = (
            await merchant.UserAsync([Permissions.ManageSchedule]),
            await merchant.UserAsync([Permissions.ViewReport, Permissions.RequestReport, Permissions.ViewAudit]));
        using var user = merchant.UserClient(may.Name, may.Password);
        using var visitor = merchant.UserClient(mayNot.Name, mayNot.Password);
        using var auditor = app.Host.Server.CreateClient();
        auditor.DefaultRequestHeaders.Add("Api-Key", await app.KeyAsync(merchant.Id, isAuditor: true));
        using var nobody = app.Host.Server.CreateClient();
        using var stranger = other.Client();

        foreach (var (client, status) in new[] { (visitor, 403), (auditor, 403), (nobody, 401), (stranger, 404), (user, 204) })
        {
            foreach (var (method, address, body) in Everything(path))
            {
                using var answer = await SendAsync(client, method, address, body, ifMatch: "*");
                var isOwn = client == stranger && address == Path;
                ((int)answer.StatusCode).ShouldBe(
                    isOwn || (status == 204 && method != HttpMethod.Delete) ? (method == HttpMethod.Post ? 201 : 200) : status,
                    $"{method} {address}");
            }
        }

        // Another merchant's is not told from one that never was.
        using var foreign = await SendAsync(stranger, HttpMethod.Get, await CreatedAsync(owner));
        using var unknown = await SendAsync(stranger, HttpMethod.Get, $"{Path}{Guid.CreateVersion7()}/");
        using var malformed = await SendAsync(stranger, HttpMethod.Get, $"{Path}nonsense/");
        var bodies = new List<string>();
        foreach (var answer in new[] { foreign, unknown, malformed })
        {
            var problem = await Problems.NotFoundAsync(answer);
            bodies.Add(string.Join('\n', problem.EnumerateObject().Where(m => m.Name != "request_id")));
        }

        bodies.Distinct().Count().ShouldBe(1);
    }

    [Theory]
    [InlineData("""{"interval": "daily", "colour": "red"}""", "application/json", 400)]
    [InlineData("""{"interval": "daily", "interval": "weekly"}""", "application/json", 400)]
    [InlineData("""{"interval": "daily", "id": "019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70"}""", "application/json", 400)]
    [InlineData("""{"interval": "\ud800"}""", "application/json", 400)]
    [InlineData("[]", "application/json", 400)]
    [InlineData("{", "application/json", 400)]
    [InlineData("", "application/json", 400)]
    [InlineData("interval=daily", "application/x-www-form-urlencoded", 415)]
    [InlineData(Daily, "application/merge-patch+json", 415)]
    [InlineData(Daily, "application/json; charset=utf-16", 415)]
    public async Task a_body_that_is_no_schedule_is_refused(string body, string type, int status)
    {
        using var client = (await app.MerchantAsync()).Client();

        using var answer = await SendAsync(client, HttpMethod.Post, Path, body, type: type);

        ((int)answer.StatusCode).ShouldBe(status);
        await Problems.ReadAsync(answer, status == 400 ? Problem.InvalidParameters : Problem.UnsupportedMediaType);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task a_body_that_is_too_large_is_refused(bool isAnnounced)
    {
        using var client = (await app.MerchantAsync()).RealClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent($$"""{"interval": "{{new string('x', 70_000)}}"}""", null, "application/json"),
        };
        request.Headers.TransferEncodingChunked = !isAnnounced;

        using var answer = await client.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task a_merchant_has_no_more_schedules_than_it_may()
    {
        await using var node = await app.ListenAsync("--Reports:Schedules:MostPerMerchant=3");
        using var client = (await app.MerchantAsync()).RealClient();
        client.BaseAddress = new Uri(node.Urls.First());

        var statuses = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var answer = await SendAsync(client, HttpMethod.Post, Path, Daily);
            return (int)answer.StatusCode;
        }));

        statuses.Order().ShouldBe([201, 201, 201, 409, 409, 409, 409, 409]);
    }

    [Fact]
    public async Task what_was_missed_is_asked_for_once_and_in_order_by_however_many_nodes()
    {
        await using var second = await app.ListenAsync();
        await using var third = await app.ListenAsync();
        var merchant = await app.MerchantAsync();
        var today = new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero);

        var schedules = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            GivenAsync(merchant, id => [Created(id, merchant, today.AddDays(-5).AddHours(8))])));

        foreach (var schedule in schedules)
        {
            var asked = await AskedAsync(schedule, today);
            asked.Select(a => a.Report.Period.End).ShouldBe(Enumerable.Range(-4, 5).Select(d => today.AddDays(d)));
            asked.ShouldAllBe(a => a.Report.Period.Start == a.Report.Period.End.AddDays(-1));
            asked.ShouldAllBe(a => a.ReportId == StoredSchedule.ReportId(schedule, a.Report.Period.End));
            asked.ShouldAllBe(a => a.By == new Actor(ActorKind.Service, "schedule", null) && a.ScheduleId == schedule);
            asked[0].Report.Name.ShouldBe($"daily-{today.AddDays(-5):yyyy-MM-dd}.csv");
        }

        await Eventually.GetAsync(
            async () => (await merchant.ListAsync("?source=auto")).GetProperty("count").GetInt32() == 20 ? merchant : null,
            "20 finished reports");
    }

    [Fact]
    public async Task the_tag_of_a_schedule_changes_when_it_has_come_further()
    {
        var merchant = await app.MerchantAsync();
        var today = new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero);
        var schedule = await GivenAsync(merchant, id => [Created(id, merchant, today.AddDays(-1).AddHours(8))]);
        await AskedAsync(schedule, today);
        using var client = merchant.Client();

        using var shown = await SendAsync(client, HttpMethod.Get, $"{Path}{schedule}/", ifNoneMatch: "\"1\"");

        (shown.StatusCode, Tag(shown)).ShouldBe((HttpStatusCode.OK, $"\"1-{today.ToUnixTimeSeconds()}\""));
        using var changed = await SendAsync(
            client, HttpMethod.Put, $"{Path}{schedule}/", """{"interval": "monthly"}""", ifMatch: Tag(shown));
        Tag(changed).ShouldBe($"\"2-{today.ToUnixTimeSeconds()}\"");
    }

    [Fact]
    public async Task a_schedule_whose_progress_was_lost_asks_for_nothing_twice()
    {
        var merchant = await app.MerchantAsync();
        var today = new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero);
        var schedule = await GivenAsync(merchant, id => [Created(id, merchant, today.AddDays(-3))]);
        var asked = await AskedAsync(schedule, today);

        await ExecuteAsync("update reports.schedules set last_end = null, look_at = null where schedule_id = $1", schedule);

        (await AskedAsync(schedule, today)).Select(a => a.ReportId).ShouldBe(asked.Select(a => a.ReportId));
    }

    [Fact]
    public async Task what_ended_before_a_schedule_was_paused_is_made_and_what_ended_after_is_not()
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();
        var today = new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero);

        // The change comes before or after the runner: all the same.
        var paused = await GivenAsync(merchant, id => [Created(id, merchant, today.AddDays(-3))]);
        using var answer = await SendAsync(
            client, HttpMethod.Patch, $"{Path}{paused}/", """{"status": "paused"}""", ifMatch: "*");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var skipping = await GivenAsync(merchant, id =>
        [
            Created(id, merchant, today.AddDays(-9)),
            new SchedulePaused(id, Actor.Operator, today.AddDays(-8).AddHours(-1)),
            new ScheduleResumed(id, Actor.Operator, today.AddDays(-2).AddHours(1)),
        ]);

        (await AskedAsync(paused, today)).Count.ShouldBe(3);
        (await AskedAsync(skipping, today)).Select(a => a.Report.Period.End).ShouldBe([today.AddDays(-1), today]);
    }

    [Fact]
    public async Task nothing_is_asked_for_by_what_is_deleted_disabled_or_broken_and_others_go_on()
    {
        var (merchant, gone) = (await app.MerchantAsync(), await app.MerchantAsync());
        await app.Services.SendAsync(gone.Id, new DisableMerchant.Command(), default);
        var today = new DateTimeOffset(DateTimeOffset.UtcNow.Date, TimeSpan.Zero);
        var deleted = await GivenAsync(merchant, id =>
            [Created(id, merchant, today.AddDays(-3)), new ScheduleDeleted(id, Actor.Operator, today)]);
        var disabled = await GivenAsync(gone, id => [Created(id, gone, today.AddDays(-3))]);
        var broken = await GivenAsync(merchant, id =>
        [
            new ScheduleCreated(
                id, merchant.Id, EveryDay with { Rule = EveryDay.Rule with { TimeZone = "Mars/Olympus" } }, Actor.Operator,
                today.AddDays(-3)),
        ]);

        var last = await GivenAsync(merchant, id => [Created(id, merchant, today.AddDays(-2))]);

        (await AskedAsync(last, today)).Count.ShouldBe(2);
        foreach (var schedule in new[] { deleted, disabled, broken })
        {
            (await RequestedAsync(schedule)).ShouldBeEmpty();
        }

        await AppendAsync(merchant, broken, new ScheduleDeleted(broken, Actor.Operator, DateTimeOffset.UtcNow));
    }

    private static IEnumerable<(HttpMethod Method, string Address, string? Body)> Everything(string path) =>
    [
        (HttpMethod.Get, Path, null), (HttpMethod.Head, Path, null), (HttpMethod.Post, Path, Daily),
        (HttpMethod.Get, path, null), (HttpMethod.Head, path, null), (HttpMethod.Put, path, Daily),
        (HttpMethod.Patch, path, "{}"), (HttpMethod.Delete, path, null),
    ];

    private static ScheduleCreated Created(Guid id, TestMerchant merchant, DateTimeOffset at) =>
        new(id, merchant.Id, EveryDay, Actor.Operator, at);

    private async Task<Guid> GivenAsync(TestMerchant merchant, Func<Guid, object[]> events)
    {
        var id = Guid.CreateVersion7();
        await using var session = Session(merchant);
        session.Events.StartStream<Schedule>(id, events(id));
        await session.SaveChangesAsync();
        return id;
    }

    private async Task AppendAsync(TestMerchant merchant, Guid schedule, object @event)
    {
        await using var session = Session(merchant);
        session.Events.Append(schedule, @event);
        await session.SaveChangesAsync();
    }

    private IDocumentSession Session(TestMerchant merchant) =>
        app.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.Id.ToString());

    /// <summary>What a schedule has asked for once it has come as far as a cut-off.</summary>
    private async Task<IReadOnlyList<ReportRequested>> AskedAsync(Guid schedule, DateTimeOffset until)
    {
        await Eventually.GetAsync(
            async () =>
            {
                await using var command = app.Database.CreateCommand(
                    "select last_end >= $2 and (look_at is not null or status <> 'active') from reports.schedules where schedule_id = $1");
                command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = schedule });
                command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = until.UtcDateTime });
                return await command.ExecuteScalarAsync() is true ? command : null;
            },
            $"schedule {schedule} to have asked until {until}");
        return await RequestedAsync(schedule);
    }

    private async Task<IReadOnlyList<ReportRequested>> RequestedAsync(Guid schedule)
    {
        await using var command = app.Database.CreateCommand(
            """
            select data::text from events.mt_events
            where type = 'report.requested.v1' and data ->> 'schedule_id' = $1 order by seq_id
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = schedule.ToString() });
        await using var row = await command.ExecuteReaderAsync();
        var requested = new List<ReportRequested>();
        while (await row.ReadAsync())
        {
            requested.Add(JsonSerializer.Deserialize<ReportRequested>(row.GetString(0), ContractJson.Options)!);
        }

        return requested;
    }

    private async Task ExecuteAsync(string sql, Guid schedule)
    {
        await using var command = app.Database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = schedule });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> CreatedAsync(HttpClient client)
    {
        using var created = await SendAsync(client, HttpMethod.Post, Path, Daily);
        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        return created.Headers.Location!.AbsolutePath;
    }

    private static string Tag(HttpResponseMessage response) => response.Headers.ETag!.ToString();

    private static string[] Text(JsonElement body, params string[] names) =>
        [.. names.Select(name => body.GetProperty(name).GetString()!)];

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client,
        HttpMethod method,
        string path,
        string? body = null,
        string? ifMatch = null,
        string? ifNoneMatch = null,
        string type = "application/json")
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        return await client.SendAsync(request);
    }
}
