using System.Net;
using System.Text.Json;
using Marten;
using Marten.Services;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Ways through the list: by offset, by cursor, since a watermark.</summary>
public sealed class ListWalkTests(ReportsApp app)
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 10, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task a_walk_by_cursor_shows_every_report_once_and_leads_back()
    {
        var merchant = await app.MerchantAsync();
        await FinishedAsync(merchant, 7, DateTimeOffset.UtcNow);
        using var client = merchant.Client();

        var pages = await WalkAsync(client, $"{TestMerchant.List}?cursor=&limit=3&interval=Daily");

        pages.SelectMany(Names).ShouldBe(["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
        pages.ShouldAllBe(page => page.GetProperty("count").GetInt64() == 7);
        var next = Next(pages[0]);
        next.ShouldNotBeNull().ShouldStartWith("http://localhost/b/api/v1/reports/files/?created_after=");
        next.ShouldContain("&interval=daily&limit=3&cursor=");
        next.ShouldNotContain("offset");
        Previous(pages[0]).ShouldBeNull();
        var back = await TestMerchant.GetJsonAsync(client, Previous(pages[2])!);
        Names(back).ShouldBe(["r3", "r4", "r5"]);
        var first = await TestMerchant.GetJsonAsync(client, Previous(back)!);
        Names(first).ShouldBe(["r0", "r1", "r2"]);
        Previous(first).ShouldBeNull();
        Names(await TestMerchant.GetJsonAsync(client, Next(first)!)).ShouldBe(["r3", "r4", "r5"]);
    }

    [Fact]
    public async Task reports_created_at_one_instant_are_each_shown_once_by_a_cursor()
    {
        var merchant = await app.MerchantAsync();
        for (var i = 0; i < 5; i++)
        {
            await merchant.FinishedAsync($"r{i}", createdAt: Noon);
        }

        using var client = merchant.Client();
        var pages = await WalkAsync(client, $"{TestMerchant.List}?cursor=&limit=2&created_after=2026-05-01");

        pages.SelectMany(Names).Order().ShouldBe(["r0", "r1", "r2", "r3", "r4"]);
    }

    [Fact]
    public async Task the_link_header_says_what_the_body_says()
    {
        var merchant = await app.MerchantAsync();
        await FinishedAsync(merchant, 5, DateTimeOffset.UtcNow);
        using var client = merchant.Client();

        foreach (var style in new[] { "offset=2", "cursor=" })
        {
            using var response = await client.GetAsync(new Uri($"{TestMerchant.List}?limit=2&{style}", UriKind.Relative));
            var page = await TestMerchant.JsonAsync(response);
            var expected = Previous(page) is { } previous
                ? $"<{Next(page)}>; rel=\"next\", <{previous}>; rel=\"prev\""
                : $"<{Next(page)}>; rel=\"next\"";
            response.Headers.GetValues("Link").Single().ShouldBe(expected);
        }

        using var sole = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        sole.Headers.Contains("Link").ShouldBeFalse();
    }

    [Fact]
    public async Task a_cursor_is_good_only_for_its_merchant_and_its_filters_and_only_whole()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        await FinishedAsync(merchant, 3, DateTimeOffset.UtcNow);
        await FinishedAsync(other, 3, DateTimeOffset.UtcNow);
        using var client = merchant.Client();
        var page = await merchant.ListAsync("?cursor=&limit=1&interval=daily");
        var next = new Uri(Next(page)!);
        var cursor = next.Query.Split("cursor=")[1];

        using var foreign = other.Client();
        foreach (var (sender, query) in new[]
        {
            (foreign, next.Query),
            (client, next.Query.Replace("interval=daily", "interval=weekly", StringComparison.Ordinal)),
            (client, next.Query.Replace("&interval=daily", "", StringComparison.Ordinal)),
            (client, $"?interval=daily&created_after=2026-01-01&cursor={cursor}"),
            (client, $"?interval=daily&source=auto&cursor={cursor}"),
            (client, $"?interval=daily&cursor={cursor[..^1]}{(cursor[^1] == 'A' ? 'B' : 'A')}"),
            (client, $"?interval=daily&cursor={(cursor[5] == 'x' ? 'y' : 'x')}{cursor[1..]}"),
            (client, $"?interval=daily&cursor={cursor[..^4]}"),
            (client, $"?interval=daily&cursor={page.GetProperty("watermark").GetString()}"),
            (client, "?cursor=x"),
            (client, "?cursor=%00"),
            (client, $"?cursor={new string('A', 6000)}"),
            (client, next.Query + "&offset=0"),
            (client, "?cursor=&offset=0"),
            (client, "?cursor=&cursor="),
        })
        {
            using var response = await sender.GetAsync(new Uri(TestMerchant.List + query, UriKind.Relative));
            response.StatusCode.ShouldBe(HttpStatusCode.BadRequest, query);
            var problem = await Problems.ReadAsync(response, "invalid_parameters", "Bad filters", "validation_error");
            problem.GetProperty("errors").TryGetProperty("cursor", out _).ShouldBeTrue(query);
        }

        // A client that keeps its own parameters and takes only the cursor from the answer goes on all the same.
        Names(await merchant.ListAsync($"?limit=1&interval=DAILY&cursor={cursor}")).ShouldBe(["r1"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task a_walk_by_cursor_shows_what_its_first_page_could_though_reports_come_and_expire(int seed)
    {
        var random = new Random(seed);
        var merchant = await app.MerchantAsync();
        var visible = new List<Guid>();
        for (var i = 0; i < 40; i++)
        {
            visible.Add((await merchant.FinishedAsync($"r{i}", createdAt: Noon.AddMinutes(random.Next(60)))).Id);
        }

        // Gone before the walk begins: not to be shown.
        await merchant.ExpireAsync(visible[0]);
        using var client = merchant.Client();
        using var stop = new CancellationTokenSource();
        var page = await merchant.ListAsync("?cursor=&limit=3&created_after=2026-05-01");
        var churn = Task.Run(async () =>
        {
            foreach (var id in visible.Skip(1).OrderBy(_ => random.Next()).Take(25).ToArray())
            {
                await merchant.ExpireAsync(id);
                await merchant.FinishedAsync($"new-{id}", createdAt: Noon.AddMinutes(random.Next(60)));
            }
        });
        var names = Names(page).ToList();
        while (Next(page) is { } next)
        {
            page = await TestMerchant.GetJsonAsync(client, next);
            names.AddRange(Names(page));
        }

        await churn;
        names.Count.ShouldBe(names.Distinct().Count());
        names.Where(n => n[0] == 'r').Order().ShouldBe(Enumerable.Range(1, 39).Select(i => $"r{i}").Order());
        (await merchant.ListAsync("?created_after=2026-05-01")).GetProperty("count").GetInt64().ShouldBe(39);
    }

    [Fact]
    public async Task an_expired_report_leaves_the_list_and_its_count()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("kept", createdAt: Noon);
        var expired = await merchant.FinishedAsync("expired", createdAt: Noon);
        var path = await merchant.DownloadPathAsync("expired");

        await merchant.ExpireAsync(expired.Id);

        var list = await merchant.ListAsync("?created_after=2026-05-01");
        Names(list).ShouldBe(["kept"]);
        list.GetProperty("count").GetInt64().ShouldBe(1);
        using var client = merchant.Client();
        using var response = await client.GetAsync(new Uri(path, UriKind.RelativeOrAbsolute));
        response.StatusCode.ShouldBe(HttpStatusCode.Gone);
        await Problems.ReadAsync(response, "report_expired", "Report expired", "gone_error");
    }

    [Fact]
    public async Task a_watermark_gives_what_is_finished_later_whatever_its_creation()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("before", createdAt: Noon);
        var mark = Watermark(await merchant.ListAsync());

        (await SinceAsync(merchant, mark)).GetProperty("count").GetInt64().ShouldBe(0);
        await merchant.FinishedAsync("b", createdAt: Noon.AddYears(-3));
        await merchant.FinishedAsync("a", createdAt: Noon.AddDays(1));
        await merchant.FinishedAsync("c", createdAt: Noon.AddYears(-9), interval: ReportInterval.Weekly);

        var since = await SinceAsync(merchant, mark);
        Names(since).ShouldBe(["b", "a", "c"]);
        since.GetProperty("count").GetInt64().ShouldBe(3);
        Next(since).ShouldBeNull();
        Previous(since).ShouldBeNull();
        Names(await SinceAsync(merchant, Watermark(since))).ShouldBeEmpty();
        Names(await SinceAsync(merchant, mark, "&interval=weekly")).ShouldBe(["c"]);
        Names(await SinceAsync(merchant, mark, "&created_after=2026-01-01")).ShouldBe(["a"]);

        var first = await SinceAsync(merchant, mark, "&limit=2");
        first.GetProperty("count").GetInt64().ShouldBe(3);
        using var client = merchant.Client();
        var second = await TestMerchant.GetJsonAsync(client, Next(first)!);
        Names(first).Concat(Names(second)).ShouldBe(["b", "a", "c"]);
        Names(await SinceAsync(merchant, Watermark(first))).ShouldBe(["c"]);
    }

    [Fact]
    public async Task every_page_of_a_walk_has_the_watermark_of_its_first()
    {
        var merchant = await app.MerchantAsync();
        await FinishedAsync(merchant, 3, DateTimeOffset.UtcNow);
        using var client = merchant.Client();
        foreach (var style in new[] { "offset=0", "cursor=" })
        {
            var page = await merchant.ListAsync($"?limit=1&{style}");
            var name = $"during {style}";
            await merchant.FinishedAsync(name);
            while (Next(page) is { } next)
            {
                page = await TestMerchant.GetJsonAsync(client, next);
            }

            Names(await SinceAsync(merchant, Watermark(page))).ShouldBe([name]);
        }
    }

    [Fact]
    public async Task a_watermark_is_good_only_for_its_merchant_and_only_whole()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var mark = Watermark(await merchant.ListAsync());
        using var client = merchant.Client();
        using var foreign = other.Client();
        foreach (var (sender, query) in new[]
        {
            (foreign, $"?since={mark}"),
            (foreign, $"?since={mark}&offset=0"),
            (client, $"?since={mark[..^2]}"),
            (client, "?since="),
            (client, "?since=2026-01-01"),
            (client, $"?since={mark}&cursor="),
            (client, $"?since={mark}&since={mark}"),
        })
        {
            using var response = await sender.GetAsync(new Uri(TestMerchant.List + query, UriKind.Relative));
            response.StatusCode.ShouldBe(HttpStatusCode.BadRequest, query);
            var problem = await Problems.ReadAsync(response, "invalid_parameters", "Bad filters", "validation_error");
            problem.GetProperty("errors").TryGetProperty("since", out _).ShouldBeTrue(query);
        }

        using var offset = await foreign.GetAsync(new Uri($"{TestMerchant.List}?watermark={mark}", UriKind.Relative));
        offset.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    // Each finisher holds its transaction open for a while, so commits come in another order than they began. Each has
    // a day of its own: the count of a day is a row that two transactions cannot change at once.
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public async Task since_shows_every_report_once_though_commits_come_out_of_order(int seed)
    {
        const int Finishers = 12;
        var random = new Random(seed);
        var merchant = await app.MerchantAsync();
        var plans = Enumerable.Range(0, Finishers * 5).Select(i => (Name: $"r{i}", Day: i, Hold: random.Next(40))).ToArray();
        var finishing = Task.WhenAll(Enumerable.Range(0, Finishers).Select(finisher => Task.Run(async () =>
        {
            foreach (var (name, day, hold) in plans.Where((_, i) => i % Finishers == finisher))
            {
                await FinishSlowlyAsync(merchant, name, Noon.AddDays(-day), TimeSpan.FromMilliseconds(hold));
            }
        })));

        await Eventually.IsTrueAsync(
            async () => (await merchant.ListAsync("?created_after=2001-01-01")).GetProperty("count").GetInt64() > 0,
            "the first of them to be finished");
        using var client = merchant.Client();
        var page = await merchant.ListAsync("?created_after=2001-01-01&limit=200");
        var names = Names(page).ToList();
        for (var isLast = false; !isLast;)
        {
            isLast = finishing.IsCompleted;
            if (isLast)
            {
                await finishing;
                await merchant.ShownSinceAsync();
            }

            page = await merchant.ListAsync($"?since={Watermark(page)}&limit=3");
            names.AddRange(Names(page));
            while (Next(page) is { } next)
            {
                page = await TestMerchant.GetJsonAsync(client, next);
                names.AddRange(Names(page));
            }
        }

        names.Order().ShouldBe(plans.Select(p => p.Name).Order());
    }

    [Fact]
    public async Task a_report_can_be_asked_for_by_its_id()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("one", createdAt: Noon);
        var listed = (await merchant.ListAsync("?created_after=2026-05-01")).GetProperty("results")[0];
        var id = listed.GetProperty("encrypted_id").GetString();
        using var client = merchant.Client();

        foreach (var path in new[] { $"{TestMerchant.List}{id}/", $"{TestMerchant.List}{id}" })
        {
            var shown = await TestMerchant.GetJsonAsync(client, path);
            shown.EnumerateObject().Select(p => p.Name).ShouldBe(listed.EnumerateObject().Select(p => p.Name));
            shown.GetProperty("encrypted_id").GetString().ShouldBe(id);
            using var bytes = await client.GetAsync(
                new Uri(shown.GetProperty("download_action").GetProperty("url").GetString()!));
            bytes.StatusCode.ShouldBe(HttpStatusCode.OK);
            using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
            head.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task a_report_that_is_not_to_be_seen_is_told_apart_only_by_its_own_merchant()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var given = await merchant.FinishedAsync("one");
        var id = await merchant.EncryptedIdAsync("one");
        using var client = merchant.Client();
        using var foreign = other.Client();

        using var theirs = await foreign.GetAsync(new Uri($"{TestMerchant.List}{id}/", UriKind.Relative));
        theirs.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await Problems.NotFoundAsync(theirs);
        using var malformed = await client.GetAsync(new Uri($"{TestMerchant.List}nonsense/", UriKind.Relative));
        malformed.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        await merchant.ExpireAsync(given.Id);
        using var expired = await client.GetAsync(new Uri($"{TestMerchant.List}{id}/", UriKind.Relative));
        expired.StatusCode.ShouldBe(HttpStatusCode.Gone);
        using var gone = await foreign.GetAsync(new Uri($"{TestMerchant.List}{id}/", UriKind.Relative));
        gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    // Clocks in New York go forward on the 8th of March (23 hours) and back on the 1st of November (25 hours).
    [Theory]
    [InlineData("2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59.999999Z")]
    [InlineData("2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59.999999Z")]
    [InlineData("2026-07-01", "2026-07-01T04:00:00Z", "2026-07-02T03:59:59.999999Z")]
    public async Task tz_names_the_zone_in_which_a_date_is_a_day(string day, string first, string last)
    {
        var merchant = await app.MerchantAsync("Asia/Kuwait");
        var (from, to) = (DateTimeOffset.Parse(first, null), DateTimeOffset.Parse(last, null));
        await merchant.FinishedAsync("before", createdAt: from.AddMicroseconds(-1));
        await merchant.FinishedAsync("first", createdAt: from);
        await merchant.FinishedAsync("last", createdAt: to);
        await merchant.FinishedAsync("after", createdAt: to.AddMicroseconds(1));

        var list = await merchant.ListAsync($"?created_after={day}&created_before={day}&tz=America/New_York&limit=1");

        Names(list).ShouldBe(["last"]);
        list.GetProperty("count").GetInt64().ShouldBe(2);
        Next(list).ShouldNotBeNull().ShouldContain("&tz=America%2FNew_York&");
        using var client = merchant.Client();
        Names(await TestMerchant.GetJsonAsync(client, Next(list)!)).ShouldBe(["first"]);
    }

    [Theory]
    [InlineData("Mars/Olympus")]
    [InlineData("Eastern Standard Time")]
    [InlineData("../../etc/localtime")]
    [InlineData("%00")]
    [InlineData("")]
    public async Task an_unknown_zone_is_a_400(string zone)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();
        using var response = await client.GetAsync(new Uri($"{TestMerchant.List}?tz={zone}", UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = await Problems.ReadAsync(response, "invalid_parameters", "Bad filters", "validation_error");
        problem.GetProperty("error").GetProperty("field").GetString().ShouldBe("tz");
    }

    private async Task FinishSlowlyAsync(TestMerchant merchant, string name, DateTimeOffset created, TimeSpan hold)
    {
        var report = Guid.CreateVersion7();
        var description = new ReportDescription(
            TestMerchant.NextNumber(), name, ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, new(),
            new ReportPeriod(created.AddDays(-1), created, "UTC"), created);
        await using var connection = await app.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var options = SessionOptions.ForTransaction(transaction, shouldAutoCommit: false);
        options.TenantId = merchant.Id.ToString();
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(options);
        session.Events.StartStream<object>(report, new ReportFinished(
            report, merchant.Id, description, $"{merchant.Id:N}/{report:N}/1/report.csv", 1, new string('a', 64),
            new BlockDigests(262144, new byte[32]), 0, created, created, created.AddYears(20), Actor.Service));
        await session.SaveChangesAsync();
        await Task.Delay(hold);
        await transaction.CommitAsync();
    }

    private static async Task FinishedAsync(TestMerchant merchant, int count, DateTimeOffset last)
    {
        for (var i = 0; i < count; i++)
        {
            await merchant.FinishedAsync($"r{i}", createdAt: last.AddMinutes(-i - 1));
        }
    }

    private static async Task<List<JsonElement>> WalkAsync(HttpClient client, string url)
    {
        var pages = new List<JsonElement>();
        for (string? next = url; next is not null; next = Next(pages[^1]))
        {
            pages.Add(await TestMerchant.GetJsonAsync(client, next));
        }

        return pages;
    }

    private static async Task<JsonElement> SinceAsync(TestMerchant merchant, string mark, string more = "")
    {
        await merchant.ShownSinceAsync();
        return await merchant.ListAsync($"?since={mark}{more}");
    }

    private static string Watermark(JsonElement page) => page.GetProperty("watermark").GetString()!;

    private static string? Next(JsonElement page) => page.GetProperty("next").GetString();

    private static string? Previous(JsonElement page) => page.GetProperty("previous").GetString();

    private static string[] Names(JsonElement list) =>
        [.. list.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("report_name").GetString()!)];
}
