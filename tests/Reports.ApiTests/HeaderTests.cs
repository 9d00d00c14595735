using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What stands in the headers of every answer, whatever it is.</summary>
public sealed class HeaderTests(ReportsApp app)
{
    private static readonly Dictionary<string, string> Common = new()
    {
        ["X-Content-Type-Options"] = "nosniff",
        ["Referrer-Policy"] = "no-referrer",
        ["Cross-Origin-Resource-Policy"] = "same-origin",
        ["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains",
        ["Vary"] = "Authorization, Api-Key",
    };

    [Fact]
    public async Task every_answer_carries_the_common_headers()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = merchant.RealClient();
        var download = await merchant.DownloadPathAsync("r.csv");
        string[] paths =
        [
            TestMerchant.List, TestMerchant.List + "?limit=0", download,
            $"{TestMerchant.List}{Guid.CreateVersion7()}/download/", "/health/live", "/health/ready", "/openapi/v1.json",
            "/reference/", "/problems/", "/problems/not_found", "/no/such/path",
        ];
        foreach (var path in paths)
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head, HttpMethod.Delete })
            {
                using var answer = await client.SendAsync(new HttpRequestMessage(method, path));

                foreach (var (name, value) in Common)
                {
                    answer.Headers.NonValidated[name].ToString().ShouldBe(value, $"{method} {path}");
                }

                answer.Headers.Contains("Server").ShouldBeFalse();
                answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
                Guid.TryParseExact(answer.Headers.GetValues("X-Request-Id").Single(), "N", out _).ShouldBeTrue();
                var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
                policy.ShouldStartWith("default-src 'none'; ");
                policy.ShouldContain("frame-ancestors 'none'");
                policy.ShouldNotContain("http");
                (policy == RequestHeaders.NoPage).ShouldBe(
                    answer.Content.Headers.ContentType?.MediaType != "text/html", $"{method} {path}");
            }
        }
    }

    [Fact]
    public async Task the_reference_page_runs_only_its_own_programs()
    {
        using var client = app.Host.Server.CreateClient();
        using var answer = await client.GetAsync(new Uri("/reference/", UriKind.Relative));
        using var again = await client.GetAsync(new Uri("/reference/", UriKind.Relative));

        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        var nonce = policy.Split("script-src 'nonce-")[1].Split('\'')[0];
        var page = await answer.Content.ReadAsStringAsync();
        page.Split("<script").Length.ShouldBe(page.Split($"nonce=\"{nonce}\"").Length);
        again.Headers.GetValues("Content-Security-Policy").Single().ShouldNotBe(policy);
    }

    [Fact]
    public async Task what_nobody_counted_shows_the_limit_that_is_registered_for_it()
    {
        var builder = app.Builder("--urls=http://127.0.0.1:0", "--Reports:Nodes:Mode=Balanced");
        builder.Services.AddSingleton<Func<HttpContext, RateLimit>>(_ => new RateLimit(
            new RateLimitPolicy("failures", 20, TimeSpan.FromMinutes(10)), 19, TimeSpan.FromSeconds(30)));
        await using var node = ReportsHost.Build(builder);
        await node.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        foreach (var path in new[] { "/health/live", "/no/such/path", "/problems/", "/openapi/v1.json", "/reference/" })
        {
            var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));

            string One(string name) => answer.Headers.NonValidated[name].ToString();
            One("RateLimit-Policy").ShouldBe("\"failures\";q=20;w=600");
            One("RateLimit").ShouldBe("\"failures\";r=19;t=30");
            (One("X-RateLimit-Limit"), One("X-RateLimit-Remaining")).ShouldBe(("20", "19"));
            var after = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            long.Parse(One("X-RateLimit-Reset"), CultureInfo.InvariantCulture).ShouldBeInRange(before + 30, after + 31);
        }
    }

    [Fact]
    public async Task a_host_that_is_not_ours_is_refused_when_ours_are_named()
    {
        await using var node = await app.ListenAsync("--AllowedHosts=reports.example.com;*.example.org");
        var address = new Uri(node.Urls.First());
        async Task<RawAnswer> AskAsync(string host) => await RawHttp.SendAsync(
            address, $"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

        (await AskAsync("reports.example.com")).Status.ShouldBe(200);
        (await AskAsync("a.example.org:8080")).Status.ShouldBe(200);
        var refused = await AskAsync("evil.example.net");
        await refused.ShouldBeAsync(Problem.InvalidParameters);
        refused.Header("Content-Security-Policy").ShouldBe(RequestHeaders.NoPage);
    }
}
