using System.Net;
using System.Text.Json;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class ListTests(ReportsApp app)
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 10, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task nothing_found_is_an_empty_page()
    {
        var merchant = await app.MerchantAsync();

        var list = await merchant.ListAsync();

        list.GetRawText().ShouldStartWith("""{"count":0,"next":null,"previous":null,"results":[],"watermark":""" + "\"");
    }

    [Fact]
    public async Task a_listed_report_has_every_field_of_the_contract()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("settlement.csv", createdAt: Noon, interval: ReportInterval.Weekly);

        var listed = (await merchant.ListAsync("?created_after=2026-05-01")).GetProperty("results")[0];

        listed.EnumerateObject().Select(p => p.Name).ShouldBe([
            "encrypted_id", "report_name", "interval", "source", "file_format", "records_amount", "status", "created_at",
            "generated_at", "finished_at", "period_start", "period_end", "time_zone", "file_size", "sha256", "expires_at",
            "download_action"]);
        listed.GetProperty("report_name").GetString().ShouldBe("settlement.csv");
        listed.GetProperty("interval").GetString().ShouldBe("weekly");
        listed.GetProperty("source").GetString().ShouldBe("auto");
        listed.GetProperty("file_format").GetString().ShouldBe("csv");
        listed.GetProperty("records_amount").GetInt64().ShouldBe(1);
        listed.GetProperty("status").GetString().ShouldBe("finished");
        listed.GetProperty("created_at").GetString().ShouldBe("2026-05-10T12:00:00Z");
        listed.GetProperty("generated_at").GetString().ShouldBe("2026-05-10T12:00:09Z");
        listed.GetProperty("finished_at").GetString().ShouldBe("2026-05-10T12:00:10Z");
        listed.GetProperty("period_start").GetString().ShouldBe("2026-05-09T15:00:00+03:00");
        listed.GetProperty("time_zone").GetString().ShouldBe("Asia/Kuwait");
        listed.GetProperty("expires_at").GetString().ShouldBe("2046-05-10T12:00:00Z");
        listed.GetProperty("file_size").GetInt64().ShouldBe(given.Content.Length);
        listed.GetProperty("sha256").GetString().ShouldBe(given.Sha256);
        var action = listed.GetProperty("download_action");
        action.GetProperty("method").GetString().ShouldBe("GET");
        action.GetProperty("url").GetString().ShouldNotBeNull()
            .ShouldMatch("^http://localhost/b/api/v1/reports/files/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/download/$");
        var expires = action.GetProperty("expires_at").GetDateTimeOffset();
        expires.Second.ShouldBe(0);
        (expires - DateTimeOffset.UtcNow).ShouldBeInRange(TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(61));
    }

    [Fact]
    public async Task newest_reports_come_first_and_older_than_thirty_days_only_when_asked_for()
    {
        var merchant = await app.MerchantAsync();
        var now = DateTimeOffset.UtcNow;
        await merchant.FinishedAsync("b", createdAt: now.AddDays(-2));
        await merchant.FinishedAsync("a", createdAt: now.AddDays(-1));
        await merchant.FinishedAsync("c", createdAt: now.AddDays(-29.9));
        await merchant.FinishedAsync("d", createdAt: now.AddDays(-30.1));

        Names(await merchant.ListAsync()).ShouldBe(["a", "b", "c"]);
        Names(await merchant.ListAsync("?created_after=2001-01-01")).ShouldBe(["a", "b", "c", "d"]);
        Names(await merchant.ListAsync($"?created_before={now.AddDays(-20):yyyy-MM-dd}")).ShouldBe(["c", "d"]);
    }

    [Fact]
    public async Task only_finished_reports_of_the_own_merchant_are_listed()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        await merchant.FinishedAsync("mine");
        await other.FinishedAsync("theirs");
        var unfinished = Guid.CreateVersion7();
        await merchant.AppendAsync(unfinished, new ReportRequested(
            unfinished,
            merchant.Id,
            new ReportDescription(
                999_999, "unfinished", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, new(),
                new ReportPeriod(Noon, Noon.AddDays(1), "UTC"), DateTimeOffset.UtcNow),
            Actor.Operator));

        var list = await merchant.ListAsync();

        Names(list).ShouldBe(["mine"]);
        list.GetProperty("count").GetInt64().ShouldBe(1);
    }

    [Fact]
    public async Task following_next_shows_every_report_once_and_previous_leads_back()
    {
        var merchant = await app.MerchantAsync();
        for (var i = 0; i < 7; i++)
        {
            await merchant.FinishedAsync($"r{i}", createdAt: DateTimeOffset.UtcNow.AddMinutes(-i - 1));
        }

        using var client = merchant.Client();
        var seen = new List<string>();
        string? url = $"{TestMerchant.List}?limit=3&interval=DAILY", last = null;
        var previous = new List<string?>();
        while (url is not null)
        {
            var page = await TestMerchant.GetJsonAsync(client, url);
            page.GetProperty("count").GetInt64().ShouldBe(7);
            seen.AddRange(Names(page));
            previous.Add(page.GetProperty("previous").GetString());
            (last, url) = (url, page.GetProperty("next").GetString());
        }

        seen.ShouldBe(["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
        last!.ShouldStartWith("http://localhost/b/api/v1/reports/files/?created_after=");
        last.ShouldContain("&interval=daily&limit=3&offset=6");
        previous[0].ShouldBeNull();
        Names(await TestMerchant.GetJsonAsync(client, previous[2]!)).ShouldBe(["r3", "r4", "r5"]);
    }

    [Fact]
    public async Task count_is_exact_over_whole_days_edges_and_kinds()
    {
        var merchant = await app.MerchantAsync();
        for (var hour = 0; hour < 96; hour += 6)
        {
            await merchant.FinishedAsync(
                createdAt: Noon.AddHours(hour),
                interval: hour % 12 == 0 ? ReportInterval.Daily : ReportInterval.Custom,
                source: hour % 18 == 0 ? ReportSource.Manual : ReportSource.Auto);
        }

        async Task<long> CountAsync(string query) => (await merchant.ListAsync(query)).GetProperty("count").GetInt64();
        (await CountAsync("?created_after=2026-05-10T12:00:00Z")).ShouldBe(16);
        (await CountAsync("?created_after=2026-05-10T12:00:00.000001Z")).ShouldBe(15);
        (await CountAsync("?created_after=2026-05-11&created_before=2026-05-12")).ShouldBe(8);
        (await CountAsync("?created_after=2026-05-10T18:00:00Z&created_before=2026-05-13T06:00:00Z")).ShouldBe(11);
        (await CountAsync("?created_after=2026-05-11T06:00:00Z&created_before=2026-05-11T12:00:00Z")).ShouldBe(2);
        (await CountAsync("?created_after=2026-05-01&interval=daily")).ShouldBe(8);
        (await CountAsync("?created_after=2026-05-01&interval=custom&source=manual")).ShouldBe(3);
        (await CountAsync("?created_after=2026-05-01&limit=1&offset=500")).ShouldBe(16);
    }

    [Fact]
    public async Task a_date_means_the_whole_day_in_the_merchants_time_zone()
    {
        var merchant = await app.MerchantAsync("Asia/Kuwait");
        await merchant.FinishedAsync("last of the 9th", createdAt: new(2026, 5, 9, 20, 59, 59, TimeSpan.Zero));
        await merchant.FinishedAsync("first of the 10th", createdAt: new(2026, 5, 9, 21, 0, 0, TimeSpan.Zero));
        await merchant.FinishedAsync("last of the 10th", createdAt: new(2026, 5, 10, 20, 59, 59, TimeSpan.Zero));
        await merchant.FinishedAsync("first of the 11th", createdAt: new(2026, 5, 10, 21, 0, 0, TimeSpan.Zero));

        Names(await merchant.ListAsync("?created_after=2026-05-10&created_before=2026-05-10"))
            .ShouldBe(["last of the 10th", "first of the 10th"]);
    }

    [Theory]
    [InlineData("limit=201", 200)]
    [InlineData("limit=1000000000", 200)]
    [InlineData("limit=99999999999999999999999", 200)]
    [InlineData("limit=1", 1)]
    [InlineData("", 50)]
    public async Task a_page_has_fifty_reports_unless_asked_and_two_hundred_at_most(string query, int expected)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync();
        await merchant.FinishedAsync();

        using var client = merchant.Client();
        var page = await TestMerchant.GetJsonAsync(client, $"{TestMerchant.List}?{query}&offset=1");

        var previous = page.GetProperty("previous").GetString();
        previous.ShouldNotBeNull().ShouldContain($"limit={expected}&");
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("limit=50;drop", "limit")]
    [InlineData("limit=%D9%A3", "limit")]
    [InlineData("offset=-1", "offset")]
    [InlineData("offset=x", "offset")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("interval=hourly", "interval")]
    [InlineData("interval=1", "interval")]
    [InlineData("source=robot", "source")]
    [InlineData("created_after=2026-02-30", "created_after")]
    [InlineData("created_after=0000-01-01", "created_after")]
    [InlineData("created_after=10000-01-01", "created_after")]
    [InlineData("created_after=2026-05-10T12:00:00", "created_after")]
    [InlineData("created_before=yesterday", "created_before")]
    [InlineData("created_after=2026-05-10&created_before=2026-05-09", "created_before")]
    [InlineData("created_after=2026-05-10T00:00:01Z&created_before=2026-05-10T00:00:00Z", "created_before")]
    public async Task unusable_input_is_a_400_that_names_the_field(string query, string field)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();
        using var response = await client.GetAsync(new Uri($"{TestMerchant.List}?{query}", UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = await Problems.ReadAsync(response, "invalid_parameters", "Bad filters", "validation_error");
        problem.GetProperty("errors").GetProperty(field).GetArrayLength().ShouldBePositive();
        problem.GetProperty(field).GetArrayLength().ShouldBePositive();
        problem.GetProperty("error").GetProperty("field").GetString().ShouldBe(field);
    }

    [Theory]
    [InlineData("/b/api/v1/reports/files/")]
    [InlineData("/b/api/v1/reports/files")]
    [InlineData("/b/api/v1/reports/")]
    [InlineData("/b/api/v1/reports")]
    [InlineData("/api/v1/reports/")]
    [InlineData("/api/v1/reports")]
    [InlineData("/api/v1/reports/files/")]
    [InlineData("/api/v1/reports/files?some_unknown=parameter")]
    public async Task every_published_path_is_answered_directly(string path)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("one");
        using var client = merchant.Client();

        Names(await TestMerchant.GetJsonAsync(client, path)).ShouldBe(["one"]);
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        head.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static string[] Names(JsonElement list) =>
        [.. list.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("report_name").GetString()!)];
}
