using System.Net;
using System.Text.RegularExpressions;
using Reports.Access;
using Reports.ApiTests.Requests;
using Reports.Contracts;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Every event names where it came from; <see cref="ReportsApp"/> looks at those of all tests at its end.</summary>
public sealed partial class OriginTests(ReportsApp app)
{
    [Fact]
    public async Task an_event_names_the_request_the_command_or_the_node_that_it_came_from()
    {
        var merchant = await app.MerchantAsync();
        await app.Services.SendAsync(merchant.Id, new ChangeMerchant.Command(Name: "Other"), default);
        await merchant.UserAsync([Permissions.ViewReport]);
        using (var client = new RequestClient(merchant.RealClient()))
        {
            var id = (await client.AcceptedAsync(RequestClient.Daily(1))).GetProperty("encrypted_id").GetString()!;
            await Eventually.GetAsync(
                async () => (await client.ShowAsync(id)).GetProperty("status").GetString() is "finished" ? id : null,
                "the report to be finished");
        }

        using (var client = merchant.RealClient())
        {
            var listed = (await merchant.ListAsync()).GetProperty("results")[0];
            using var answer = await client.GetAsync(new Uri(TestMerchant.PathOf(listed), UriKind.Relative));
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            await merchant.EndOfAsync(Guid.Parse(answer.Headers.GetValues("Download-Id").Single()));
        }

        var origins = await OriginsAsync(merchant.Id);
        Kinds("merchant.registered.v1").ShouldBe(["command"]);
        Kinds("merchant.changed.v1").ShouldBe(["command"]);
        Kinds("api-key.issued.v1").ShouldBe(["command"]);
        Kinds("user.registered.v1").ShouldBe(["command"]);
        Kinds("report.requested.v1").ShouldBe(["request"]);
        Kinds("report.generation-started.v1").ShouldBe(["node"]);
        Kinds("report.generated.v1").ShouldBe(["node"]);
        Kinds("report.finished.v1").ShouldBe(["node"]);
        Kinds("download.attempted.v1").ShouldBe(["request"]);
        Kinds("download.completed.v1").ShouldBe(["request"]);

        // Both events of a download name the same row, which is there.
        var download = origins.Where(o => o.Type.StartsWith("download.", StringComparison.Ordinal)).ToArray();
        download.Select(o => o.Origin).Distinct().Count().ShouldBe(1);
        (await CountAsync("select count(*) from reports.origins where origin = $1", download[0].Origin!)).ShouldBe(1);

        IEnumerable<string> Kinds(string type) => origins.Where(o => o.Type == type).Select(o => Kind(o.Origin)).Distinct();
    }

    [Fact]
    public async Task a_request_that_comes_to_nothing_leaves_no_row_of_where_it_came_from()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var agent = $"nothing/{Guid.CreateVersion7():n}";
        client.Http.DefaultRequestHeaders.UserAgent.ParseAdd(agent);

        using var refused = await client.PostAsync("{}");
        await client.ListAsync();

        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await CountAsync("select count(*) from reports.origins where user_agent = $1", agent)).ShouldBe(0);
    }

    [Fact]
    public async Task requests_from_one_place_share_a_row()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var agent = $"shared/{Guid.CreateVersion7():n}";
        client.Http.DefaultRequestHeaders.UserAgent.ParseAdd(agent);

        for (var day = 10; day < 13; day++)
        {
            await client.AcceptedAsync(RequestClient.Daily(day));
        }

        (await CountAsync("select count(*) from reports.origins where user_agent = $1", agent)).ShouldBe(1);
        (await OriginsAsync(merchant.Id)).Where(o => o.Type == "report.requested.v1").Select(o => o.Origin)
            .Distinct().Count().ShouldBe(1);
    }

    private static string Kind(string? origin) =>
        Hash().IsMatch(origin ?? "") ? "request" : Machine().Match(origin ?? "") is { Success: true } m ? m.Groups[1].Value : $"none: {origin}";

    [GeneratedRegex("^[0-9a-f]{64}$")]
    private static partial Regex Hash();

    [GeneratedRegex("^(command|node):[0-9a-f]{16}$")]
    private static partial Regex Machine();

    private async Task<List<(string Type, string? Origin)>> OriginsAsync(Guid merchant)
    {
        await using var command = app.Database.CreateCommand(
            "select type, headers ->> 'origin' from events.mt_events where tenant_id = $1 order by seq_id");
        command.Parameters.AddWithValue(merchant.ToString());
        await using var row = await command.ExecuteReaderAsync();
        var origins = new List<(string, string?)>();
        while (await row.ReadAsync())
        {
            origins.Add((row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1)));
        }

        return origins;
    }

    private async Task<long> CountAsync(string sql, string parameter)
    {
        await using var command = app.Database.CreateCommand(sql);
        command.Parameters.AddWithValue(parameter);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
