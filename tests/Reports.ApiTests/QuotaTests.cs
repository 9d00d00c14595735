using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The quotas as a client meets them, on nodes with small ones.</summary>
public sealed class QuotaTests(ReportsApp app)
{
    private static readonly Uri List = new(TestMerchant.List, UriKind.Relative);

    [Fact]
    public async Task a_list_says_what_is_left_and_is_refused_when_nothing_is()
    {
        await using var node = await app.ListenAsync("--Reports:Quotas:RequestsPerDay=2");
        var merchant = await app.MerchantAsync();
        using var client = Client(node, merchant.Key);

        using var first = await client.GetAsync(List);
        using var second = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, List));
        using var refused = await client.GetAsync(List);

        first.StatusCode.ShouldBe(HttpStatusCode.OK);
        Field(first, "RateLimit-Policy").ShouldBe("\"requests\";q=2;w=86400");
        Field(first, "RateLimit").ShouldStartWith("\"requests\";r=1;t=");
        Field(first, "X-RateLimit-Limit").ShouldBe("2");
        Field(first, "X-RateLimit-Remaining").ShouldBe("1");
        second.StatusCode.ShouldBe(HttpStatusCode.OK);
        Field(second, "X-RateLimit-Remaining").ShouldBe("0");

        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        Field(refused, "X-RateLimit-Remaining").ShouldBe("0");
        refused.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var reset = int.Parse(Field(refused, "RateLimit").Split("t=")[1], CultureInfo.InvariantCulture);
        refused.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(reset));
        var problem = await TestMerchant.JsonAsync(refused);
        problem.GetProperty("code").GetString().ShouldBe("rate_limited");
        problem.GetProperty("detail").GetString().ShouldBe(
            "The quota of 2 requests a day is used up; the next day begins at 00:00 UTC, " +
            $"in {reset} seconds. An operator of the service can raise the quota");
        problem.TryGetProperty("errors", out _).ShouldBeFalse();

        // Its neighbour has a quota of its own.
        using var neighbour = Client(node, await app.KeyAsync(merchant.Id));
        using var other = await neighbour.GetAsync(List);
        other.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task a_request_that_the_list_refuses_is_counted_and_says_what_is_left()
    {
        await using var node = await app.ListenAsync("--Reports:Quotas:RequestsPerDay=5");
        var merchant = await app.MerchantAsync();
        using var client = Client(node, merchant.Key);

        using var bad = await client.GetAsync(new Uri(TestMerchant.List + "?limit=0", UriKind.Relative));

        bad.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        Field(bad, "X-RateLimit-Remaining").ShouldBe("4");
    }

    [Fact]
    public async Task who_lacks_the_permission_sees_the_quota_and_pays_nothing()
    {
        await using var node = await app.ListenAsync("--Reports:Quotas:RequestsPerDay=5");
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([]);
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Authorization = merchant.UserClient(name, password).DefaultRequestHeaders.Authorization;

        for (var i = 0; i < 2; i++)
        {
            using var forbidden = await client.GetAsync(List);
            forbidden.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
            Field(forbidden, "X-RateLimit-Remaining").ShouldBe("5");
        }
    }

    [Fact]
    public async Task who_is_nobody_learns_only_what_may_still_fail()
    {
        using var client = app.Host.Server.CreateClient();
        using var answer = await client.GetAsync(List);

        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        Field(answer, "RateLimit").ShouldStartWith("\"failed-authentication\";r=");
        Field(answer, "RateLimit").ShouldNotContain(",");
    }

    [Fact]
    public async Task nodes_learn_of_each_other_and_of_what_was_counted_before_they_started()
    {
        const string Quota = "--Reports:Quotas:RequestsPerDay=1000";
        var merchant = await app.MerchantAsync();
        await using var one = await app.ListenAsync(Quota);
        await using (var stopped = await app.ListenAsync(Quota))
        {
            (await RemainingAsync(one, merchant)).ShouldBe(999);
            (await RemainingAsync(stopped, merchant)).ShouldBeLessThanOrEqualTo(999);
            await stopped.StopAsync();
        }

        // What it counted outlives it; the node that is there learns of it by itself.
        var expected = 998;
        await Eventually.GetAsync(
            async () => await RemainingAsync(one, merchant) == --expected ? "" : null,
            "one node to learn of the other's request");
        await one.StopAsync();
        await using var fresh = await app.ListenAsync(Quota);
        (await RemainingAsync(fresh, merchant)).ShouldBe(expected - 1);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("2.5")]
    [InlineData("1e3")]
    [InlineData("")]
    [InlineData("99999999999")]
    public void a_quota_that_is_no_positive_whole_number_is_named_in_one_sentence(string value)
    {
        foreach (var name in new[] { "RequestsPerDay", "DownloadsPerHour" })
        {
            Should.Throw<SettingException>(() => app.Builder($"--Reports:Quotas:{name}={value}")).Message.ShouldBe(
                $"The setting Reports:Quotas:{name} (REPORTS__QUOTAS__{name.ToUpperInvariant()} in the environment) " +
                "must be a whole number from 1 to 2147483647, without signs or separators.");
        }
    }

    private static async Task<int> RemainingAsync(WebApplication node, TestMerchant merchant)
    {
        using var client = Client(node, merchant.Key);
        using var answer = await client.GetAsync(List);
        return int.Parse(Field(answer, "X-RateLimit-Remaining"), CultureInfo.InvariantCulture);
    }

    private static HttpClient Client(WebApplication node, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }

    private static string Field(HttpResponseMessage answer, string name) => answer.Headers.GetValues(name).Single();
}
