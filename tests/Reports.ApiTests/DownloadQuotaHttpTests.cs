using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The quotas as callers meet them.</summary>
public sealed class DownloadQuotaHttpTests(ReportsApp app)
{
    [Fact]
    public async Task at_the_quota_exactly_so_many_of_ten_times_as_many_downloads_pass_on_two_nodes()
    {
        await using var one = await NodeAsync(downloads: 5);
        await using var two = await NodeAsync(downloads: 5);
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        await merchant.FinishedAsync("r.csv");
        await other.FinishedAsync("r.csv");
        using var first = Client(one, merchant.Key);
        using var second = Client(two, merchant.Key);
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => (i % 2 == 0 ? first : second).GetAsync(path)));

        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(5);
        answers.Count(a => a.StatusCode == HttpStatusCode.TooManyRequests).ShouldBe(45);
        var refused = answers.First(a => a.StatusCode == HttpStatusCode.TooManyRequests);
        var problem = await Problems.ReadAsync(refused, "rate_limited", "Too many requests", "rate_limit_error");
        problem.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("5 report downloads an hour");
        var retry = int.Parse(refused.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture);
        retry.ShouldBeInRange(3500, 3600);
        refused.Headers.CacheControl!.ToString().ShouldBe("no-store, private");
        var (attempted, end) = await merchant.AttemptAsync(refused);
        attempted.Inputs.DownloadsLeft.ShouldBe(0);
        var failed = end.ShouldBeOfType<ReportDownloadFailed>();
        (failed.Outcome, failed.Status, failed.Code).ShouldBe((DownloadFailure.Refused, 429, "rate_limited"));

        using var theirs = Client(one, other.Key);
        using var passed = await theirs.GetAsync(new Uri(await other.DownloadPathAsync("r.csv"), UriKind.Relative));
        passed.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task what_holds_no_first_byte_is_free()
    {
        await using var node = await NodeAsync(downloads: 1);
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("a.csv");
        await merchant.FinishedAsync("b.csv");
        using var client = Client(node, merchant.Key);
        var a = await merchant.DownloadPathAsync("a.csv");
        var b = await merchant.DownloadPathAsync("b.csv");
        async Task<int> StatusAsync(HttpMethod method, string path, string? field = null, string? value = null)
        {
            using var request = new HttpRequestMessage(method, path);
            if (field is not null)
            {
                request.Headers.TryAddWithoutValidation(field, value);
            }

            using var response = await client.SendAsync(request);
            return (int)response.StatusCode;
        }

        (await StatusAsync(HttpMethod.Head, a)).ShouldBe(200);
        (await StatusAsync(HttpMethod.Get, a, "If-None-Match", "*")).ShouldBe(304);
        (await StatusAsync(HttpMethod.Get, a, "If-Match", "\"x\"")).ShouldBe(412);
        (await StatusAsync(HttpMethod.Get, a, "Range", "bytes=99999-")).ShouldBe(416);
        (await StatusAsync(HttpMethod.Get, a)).ShouldBe(200);

        // Nothing is left. A download that was begun can be ended; another cannot begin.
        (await StatusAsync(HttpMethod.Get, a, "Range", "bytes=1-")).ShouldBe(206);
        (await StatusAsync(HttpMethod.Get, a, "Range", "bytes=0-0")).ShouldBe(429);
        (await StatusAsync(HttpMethod.Get, a)).ShouldBe(429);
        (await StatusAsync(HttpMethod.Get, b, "Range", "bytes=1-")).ShouldBe(429);
        (await StatusAsync(HttpMethod.Get, b, "If-None-Match", "*")).ShouldBe(429);
        (await StatusAsync(HttpMethod.Head, b)).ShouldBe(200);
        given.Content.Length.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task a_range_without_the_first_byte_of_a_report_not_counted_before_counts()
    {
        await using var node = await NodeAsync(downloads: 1);
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = Client(node, merchant.Key);
        client.DefaultRequestHeaders.TryAddWithoutValidation("Range", "bytes=1-");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);

        (await client.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await client.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        client.DefaultRequestHeaders.Remove("Range");
        (await client.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task a_file_that_we_cannot_deliver_costs_nothing()
    {
        await using var node = await NodeAsync(downloads: 1);
        var merchant = await app.MerchantAsync();
        var bad = await merchant.FinishedAsync("bad.csv");
        await merchant.FinishedAsync("good.csv");
        File.Delete(Path.Combine(app.FilesRoot, bad.StorageKey));
        using var client = Client(node, merchant.Key);

        (await client.GetAsync(new Uri(await merchant.DownloadPathAsync("bad.csv"), UriKind.Relative)))
            .StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await client.GetAsync(new Uri(await merchant.DownloadPathAsync("good.csv"), UriKind.Relative)))
            .StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task the_requests_of_a_day_count_on_every_path_and_are_refused_on_every_path()
    {
        await using var node = await NodeAsync(downloads: 10, requests: 3);
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var id = await merchant.EncryptedIdAsync("r.csv");

        // Another principal: the first has sent requests already.
        using var client = Client(node, await app.KeyAsync(merchant.Id));
        string[] paths = [TestMerchant.List, $"{TestMerchant.List}{id}/", $"{TestMerchant.List}{id}/download/"];

        foreach (var (target, left) in paths.Zip([2, 1, 0]))
        {
            using var passed = await client.GetAsync(new Uri(target, UriKind.Relative));
            passed.StatusCode.ShouldBe(HttpStatusCode.OK);
            passed.Headers.GetValues("RateLimit").Single()
                .ShouldContain(string.Create(CultureInfo.InvariantCulture, $"\"requests\";r={left};t="));
        }

        foreach (var target in paths)
        {
            using var refused = await client.GetAsync(new Uri(target, UriKind.Relative));
            refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            await Problems.ReadAsync(refused, "rate_limited", "Too many requests", "rate_limit_error");
            refused.Headers.GetValues("X-RateLimit-Remaining").Single().ShouldBe("0");
            refused.Headers.RetryAfter!.Delta.ShouldNotBeNull();
            refused.Headers.Contains("Download-Id").ShouldBe(target.EndsWith("/download/", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task answers_tell_what_is_left()
    {
        await using var node = await NodeAsync(downloads: 7, requests: 1000);
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = Client(node, merchant.Key);

        using var response = await client.GetAsync(new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative));

        response.Headers.GetValues("RateLimit-Policy").Single()
            .ShouldBe("\"requests\";q=1000;w=86400, \"downloads\";q=7;w=3600");
        response.Headers.GetValues("RateLimit").Single().ShouldMatch("^\"requests\";r=99[0-9];t=[0-9]+, \"downloads\";r=6;t=3[0-9]{3}$");
        response.Headers.GetValues("X-RateLimit-Limit").Single().ShouldBe("7");
        response.Headers.GetValues("X-RateLimit-Remaining").Single().ShouldBe("6");
        var reset = long.Parse(response.Headers.GetValues("X-RateLimit-Reset").Single(), CultureInfo.InvariantCulture);
        (reset - DateTimeOffset.UtcNow.ToUnixTimeSeconds()).ShouldBeInRange(3500, 3601);
    }

    private Task<WebApplication> NodeAsync(int downloads, int requests = 90_000) => app.ListenAsync(
        string.Create(CultureInfo.InvariantCulture, $"--Reports:Quotas:DownloadsPerHour={downloads}"),
        string.Create(CultureInfo.InvariantCulture, $"--Reports:Quotas:RequestsPerDay={requests}"));

    private static HttpClient Client(WebApplication node, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }
}
