using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Requests;

/// <summary>The list of requests: what it holds, its filters, and walks through it.</summary>
public sealed class RequestListTests(ReportsApp app)
{
    private static readonly DateTimeOffset Start = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task the_list_is_filtered_by_state_cause_period_schedule_and_time()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var schedule = Guid.CreateVersion7();
        var requested = await GivenAsync(merchant, 0, ReportInterval.Daily, ReportSource.Auto, schedule);
        var generating = await GivenAsync(
            merchant, 1, ReportInterval.Custom, ReportSource.Manual, null,
            r => new GenerationStarted(r, 1, Actor.Service, Start));
        var failed = await GivenAsync(
            merchant, 2, ReportInterval.Weekly, ReportSource.Auto, schedule,
            r => new ReportGenerationFailed(r, 1, "code", "Message.", false, Actor.Service, Start));
        var cancelled = await GivenAsync(
            merchant, 3, ReportInterval.Custom, ReportSource.Manual, null,
            r => new ReportCancelled(r, null, Actor.Service, Start));

        async Task Shows(string query, params string[] expected)
        {
            var list = await client.ListAsync(query);
            Ids(list).ShouldBe(expected, query);
            list.GetProperty("count").GetInt64().ShouldBe(expected.Length, query);
        }

        await Shows("", cancelled, failed, generating, requested);
        await Shows("?status=failed", failed);
        await Shows("?status=Requested,generating", generating, requested);
        await Shows("?status=finished,expired");
        await Shows("?source=auto", failed, requested);
        await Shows("?source=MANUAL&status=cancelled", cancelled);
        await Shows("?interval=custom", cancelled, generating);
        await Shows($"?schedule={schedule}", failed, requested);
        await Shows($"?schedule={Guid.CreateVersion7()}");
        await Shows("?created_after=2026-11-03", cancelled, failed);
        await Shows("?created_after=2026-11-02T00:00:00Z&created_before=2026-11-03T00:00:00Z", failed, generating);
        await Shows("?unknown=1&limit=1000", cancelled, failed, generating, requested);
    }

    [Theory]
    [InlineData("status=done", "status")]
    [InlineData("status=", "status")]
    [InlineData("status=failed,,requested", "status")]
    [InlineData("status=failed&status=requested", "status")]
    [InlineData("source=robot", "source")]
    [InlineData("interval=hourly", "interval")]
    [InlineData("schedule=1", "schedule")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("created_after=now", "created_after")]
    [InlineData("created_after=2026-11-02&created_before=2026-11-01", "created_before")]
    [InlineData("cursor=AAAA", "cursor")]
    public async Task a_wrong_parameter_is_named(string query, string name)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();

        using var response = await client.GetAsync(new Uri($"{RequestClient.Path}?{query}", UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Problems.ReadAsync(response, Problem.InvalidParameters)).GetProperty("errors").EnumerateObject()
            .Select(e => e.Name).ShouldBe([name]);
    }

    [Fact]
    public async Task a_walk_shows_each_request_once_while_others_come_and_leads_back_again()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var given = new List<string>();
        for (var day = 0; day < 7; day++)
        {
            given.Insert(0, await GivenAsync(merchant, day));
        }

        var pages = new List<JsonElement> { await client.ListAsync("?limit=3&source=auto") };
        pages[0].GetProperty("previous").ValueKind.ShouldBe(JsonValueKind.Null);
        while (pages[^1].GetProperty("next").GetString() is { } next)
        {
            await GivenAsync(merchant, 10 + pages.Count);
            pages.Add(await TestMerchant.GetJsonAsync(client.Http, next));
        }

        pages.Count.ShouldBe(3);
        pages.SelectMany(Ids).ShouldBe(given);
        pages.Select(p => p.GetProperty("count").GetInt64()).ShouldBe([7, 8, 9]);
        var back = await TestMerchant.GetJsonAsync(client.Http, pages[2].GetProperty("previous").GetString()!);
        Ids(back).ShouldBe(Ids(pages[1]));
        using var first = await client.Http.GetAsync(new Uri(RequestClient.Path + "?limit=1", UriKind.Relative));
        first.Headers.GetValues("Link").Single().ShouldContain("rel=\"next\"");
    }

    [Fact]
    public async Task a_cursor_is_good_for_its_own_list_only()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var client = new RequestClient(merchant.Client());
        using var stranger = new RequestClient(other.Client());
        for (var day = 0; day < 3; day++)
        {
            await GivenAsync(merchant, day);
        }

        var next = (await client.ListAsync("?limit=1&source=auto")).GetProperty("next").GetString()!;
        var cursor = next[(next.IndexOf("cursor=", StringComparison.Ordinal) + 7)..];
        string Changed(int at) => cursor[..at] + (cursor[at] == 'A' ? 'B' : 'A') + cursor[(at + 1)..];

        (await StatusAsync(client, $"?source=auto&cursor={cursor}")).ShouldBe(200);
        (await StatusAsync(client, $"?source=auto&limit=200&cursor={cursor}")).ShouldBe(200);
        (await StatusAsync(client, $"?cursor={cursor}")).ShouldBe(400);
        (await StatusAsync(client, $"?source=auto&status=failed&cursor={cursor}")).ShouldBe(400);
        (await StatusAsync(client, $"?source=auto&cursor={Changed(20)}")).ShouldBe(400);
        (await StatusAsync(stranger, $"?source=auto&cursor={cursor}")).ShouldBe(400);
        (await StatusAsync(client, "?cursor=")).ShouldBe(200);
    }

    private static async Task<int> StatusAsync(RequestClient client, string query)
    {
        using var response = await client.Http.GetAsync(new Uri(RequestClient.Path + query, UriKind.Relative));
        return (int)response.StatusCode;
    }

    private async Task<string> GivenAsync(
        TestMerchant merchant,
        int day,
        ReportInterval interval = ReportInterval.Daily,
        ReportSource source = ReportSource.Auto,
        Guid? schedule = null,
        Func<Guid, object>? then = null)
    {
        var requested = RequestClient.Requested(merchant, Start.AddDays(day), interval, source, schedule);
        object[] events = then is null ? [requested] : [requested, then(requested.ReportId)];
        await merchant.AppendAsync(requested.ReportId, events);
        return app.Services.GetRequiredService<EncryptedIds>().Seal(merchant.Id, [requested.ReportId])[0];
    }

    private static string[] Ids(JsonElement list) =>
        [.. list.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("encrypted_id").GetString()!)];
}
