using System.Security.Cryptography;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The table of header fields of <c>docs/contract.md</c> section 4, for each answer that is no error.</summary>
public sealed class DownloadHeaderTests(ReportsApp app)
{
    [Theory]
    [InlineData(200, "GET", null, null)]
    [InlineData(206, "GET", "Range", "bytes=2-5")]
    [InlineData(200, "HEAD", null, null)]
    [InlineData(304, "GET", "If-None-Match", "*")]
    [InlineData(304, "HEAD", "If-None-Match", "*")]
    public async Task every_answer_carries_what_the_contract_says_of_it(
        int status, string method, string? field, string? value)
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("tägl.csv");
        using var client = merchant.RealClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), await merchant.DownloadPathAsync("tägl.csv"));
        if (field is not null)
        {
            request.Headers.TryAddWithoutValidation(field, value);
        }

        using var answer = await client.SendAsync(request);

        ((int)answer.StatusCode).ShouldBe(status);
        string? One(string name) =>
            answer.Headers.NonValidated.TryGetValues(name, out var own) ? own.ToString()
            : answer.Content.Headers.NonValidated.TryGetValues(name, out var ofContent) ? ofContent.ToString() : null;
        One("ETag").ShouldBe($"\"{given.Sha256}\"");
        DateTimeOffset.TryParseExact(One("Last-Modified"), "r", null, default, out _).ShouldBeTrue();
        Guid.TryParseExact(One("Download-Id"), "D", out _).ShouldBeTrue();
        One("Cache-Control").ShouldBe("private, no-store");
        One("Vary").ShouldBe("Authorization, Api-Key");
        One("X-Content-Type-Options").ShouldBe("nosniff");
        One("Referrer-Policy").ShouldBe("no-referrer");
        One("Location").ShouldBeNull();

        var digest = Convert.ToBase64String(SHA256.HashData(given.Content));
        string? Unless304(string text) => status == 304 ? null : text;
        One("Content-Type").ShouldBe(Unless304("text/csv; charset=utf-8"));
        One("Content-Disposition").ShouldBe(
            Unless304("attachment; filename=\"t_gl.csv\"; filename*=UTF-8''t%C3%A4gl.csv"));
        One("Accept-Ranges").ShouldBe(Unless304("bytes"));
        One("Repr-Digest").ShouldBe(Unless304($"sha-256=:{digest}:"));
        One("Content-Length").ShouldBe(Unless304(status == 206 ? "4" : $"{given.Content.Length}"));
        One("Content-Range").ShouldBe(status == 206 ? $"bytes 2-5/{given.Content.Length}" : null);
    }

    [Theory]
    [InlineData("application/xml")]
    [InlineData("text/html;q=0.1, */*;q=0")]
    [InlineData("not a media type at all")]
    [InlineData("application/json, application/problem+json;q=0")]
    public async Task no_answer_depends_on_what_the_client_accepts(string accept)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = merchant.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept", accept);
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Encoding", "br, identity;q=0");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Language", "x-klingon");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Charset", "iso-8859-1");
        (string Path, int Status, string MediaType)[] answers =
        [
            (TestMerchant.List, 200, "application/json"),
            ($"{TestMerchant.List}{await merchant.EncryptedIdAsync("r.csv")}/", 200, "application/json"),
            (await merchant.DownloadPathAsync("r.csv"), 200, "text/csv"),
            (TestMerchant.List + "?limit=0", 400, "application/problem+json"),
            ($"{TestMerchant.List}{Guid.CreateVersion7()}/download/", 404, "application/problem+json"),
        ];

        foreach (var (path, status, mediaType) in answers)
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));

            ((int)answer.StatusCode).ShouldBe(status, path);
            answer.Content.Headers.ContentType!.MediaType.ShouldBe(mediaType);
            answer.Content.Headers.ContentEncoding.ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task no_other_site_is_let_in()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var id = await merchant.EncryptedIdAsync("r.csv");
        string[] paths =
        [
            TestMerchant.List, $"{TestMerchant.List}{id}/", await merchant.DownloadPathAsync("r.csv"), "/openapi/v1.json",
        ];
        foreach (var path in paths)
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Options })
            {
                using var client = merchant.Client();
                using var request = new HttpRequestMessage(method, path);
                request.Headers.Add("Origin", "https://elsewhere.example");
                if (method == HttpMethod.Options)
                {
                    request.Headers.Add("Access-Control-Request-Method", "GET");
                    request.Headers.Add("Access-Control-Request-Headers", "api-key");
                }

                using var answer = await client.SendAsync(request);

                ((int)answer.StatusCode).ShouldBe(method == HttpMethod.Get ? 200 : 405, $"{method} {path}");
                answer.Headers.ShouldNotContain(
                    h => h.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
                if (method == HttpMethod.Options)
                {
                    answer.Content.Headers.Allow.ShouldContain("GET");
                    await Problems.ReadAsync(answer, "method_not_allowed", "Method not allowed", "request_error");
                }
            }
        }
    }

    [Fact]
    public async Task addresses_in_bodies_are_canonical_and_below_the_public_one()
    {
        await using var node = await app.ListenAsync("--Reports:PublicUrl=https://reports.example.com/pay");
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("a.csv");
        await merchant.FinishedAsync("b.csv");
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);
        const string Canonical = "https://reports.example.com/pay/b/api/v1/reports/files/";

        var page = await TestMerchant.GetJsonAsync(client, "/api/v1/reports?limit=1&offset=1&source=AUTO");
        page.GetProperty("previous").GetString().ShouldNotBeNull().ShouldStartWith(Canonical + "?created_after=");
        page.GetProperty("previous").GetString()!.ShouldContain("source=auto");
        var first = await TestMerchant.GetJsonAsync(client, "/api/v1/reports/files?limit=1");
        first.GetProperty("next").GetString().ShouldNotBeNull().ShouldStartWith(Canonical + "?created_after=");
        first.GetProperty("results")[0].GetProperty("download_action").GetProperty("url").GetString()
            .ShouldNotBeNull().ShouldStartWith(Canonical);
        using var refused = await client.GetAsync(new Uri("/api/v1/reports?limit=0", UriKind.Relative));
        (await TestMerchant.JsonAsync(refused)).GetProperty("type").GetString()
            .ShouldBe("https://reports.example.com/pay/problems/invalid_parameters");
    }
}
