using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>The audit's own quota.</summary>
public sealed class AuditQuotaTests(ReportsApp app)
{
    private static readonly Uri Events = new($"{AuditClient.Path}events", UriKind.Relative);

    [Fact]
    public async Task at_the_quota_exactly_so_many_of_many_reads_pass_on_two_nodes()
    {
        await using var one = await app.ListenAsync("--Reports:Quotas:AuditReadsPerHour=7");
        await using var two = await app.ListenAsync("--Reports:Quotas:AuditReadsPerHour=7");
        var merchant = await app.MerchantAsync();
        using var first = Client(one, merchant.Key);
        using var second = Client(two, merchant.Key);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 30).Select(i => (i % 2 == 0 ? first : second).GetAsync(Events)));

        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(7);
        var refused = answers.Where(a => a.StatusCode == HttpStatusCode.TooManyRequests).ToList();
        refused.Count.ShouldBe(23);
        var problem = await Problems.ReadAsync(refused[0], "rate_limited", "Too many requests", "rate_limit_error");
        problem.GetProperty("detail").GetString().ShouldNotBeNull()
            .ShouldStartWith("The quota of 7 requests to the audit an hour");
        int.Parse(refused[0].Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture)
            .ShouldBeInRange(3500, 3600);
        refused[0].Headers.GetValues("RateLimit-Policy").Single().ShouldBe("\"audit-reads\";q=7;w=3600");
        refused[0].Headers.GetValues("RateLimit").Single().ShouldStartWith("\"audit-reads\";r=0;t=");
        refused[0].Headers.CacheControl!.NoStore.ShouldBeTrue();

        // Another principal has a quota of its own; lists are counted elsewhere.
        (await AuditClient.ReadsAsync(app, merchant.Id.ToString())).Select(r => r.Status)
            .ShouldBe(Enumerable.Repeat(200, 7));
        using var neighbour = Client(one, await app.KeyAsync(merchant.Id));
        using var passed = await neighbour.GetAsync(Events);
        passed.Headers.GetValues("RateLimit").Single().ShouldStartWith("\"audit-reads\";r=6;");
        using var list = await first.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        list.StatusCode.ShouldBe(HttpStatusCode.OK);

        // What was refused is on record as a few events with their number; the last of them when the nodes stop.
        await one.StopAsync();
        await two.StopAsync();
        var refusals = await AuditClient.RefusedAsync(app, merchant.Id.ToString());
        refusals.Sum(r => r.Count).ShouldBe(23);
        refusals.Count.ShouldBeLessThan(10);
        refusals.ShouldAllBe(r => r.Status == 429 && r.Code == "rate_limited" && r.By.Kind == ActorKind.ApiKey);
    }

    [Fact]
    public async Task who_lacks_the_permission_sees_the_quota_and_pays_nothing_and_a_wrong_question_costs_one()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var powerless = merchant.UserClient(name, password);
        using var known = merchant.Client();

        for (var i = 0; i < 2; i++)
        {
            using var forbidden = await powerless.GetAsync(Events);
            forbidden.Headers.GetValues("X-RateLimit-Remaining").Single().ShouldBe("100000");
        }

        using var wrong = await known.GetAsync(new Uri($"{Events}?limit=0", UriKind.Relative));
        wrong.Headers.GetValues("X-RateLimit-Remaining").Single().ShouldBe("99999");
    }

    private static HttpClient Client(WebApplication node, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }
}
