using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// Conditional and range requests as clients meet them; every rule of their evaluation is in the unit tests.
/// </summary>
public sealed class DownloadRangeTests(ReportsApp app)
{
    private const int Block = 256 * 1024;

    [Theory]
    [InlineData("bytes=0-9", 0, 9)]
    [InlineData("bytes=262140-262150", 262140, 262150)]
    [InlineData("bytes=300000-", 300000, 699_999)]
    [InlineData("bytes=-5", 699_995, 699_999)]
    [InlineData("bytes=0-99999999999999999999999", 0, 699_999)]
    public async Task a_range_is_answered_alone_and_says_what_it_is_part_of(string range, int first, int last)
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(700_000));

        using var response = await SendAsync(merchant, HttpMethod.Get, ("Range", range));

        response.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await response.Content.ReadAsByteArrayAsync()).ShouldBe(given.Content[first..(last + 1)]);
        response.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes {first}-{last}/700000");
        response.Content.Headers.ContentLength.ShouldBe(last - first + 1);
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/csv; charset=utf-8");
        response.Content.Headers.LastModified.ShouldNotBeNull();
        response.Headers.AcceptRanges.ShouldBe(["bytes"]);
        response.Headers.ETag!.Tag.ShouldBe($"\"{given.Sha256}\"");
        Digest(response).ShouldBe(SHA256.HashData(given.Content));
        var (attempted, _) = await merchant.AttemptAsync(response);
        attempted.Inputs.Selection.ShouldBe(DownloadSelection.Partial);
        var end = (await merchant.EndOfAsync(attempted.AttemptId)).ShouldBeOfType<ReportDownloaded>();
        end.Outcome.ShouldBe(DownloadOutcome.Partial);
        end.Status.ShouldBe(206);
        end.BytesSent.ShouldBe(last - first + 1);
        end.Range.ShouldBe(new ContentRange(first, last, 700_000));
    }

    [Fact]
    public async Task head_knows_no_range_and_tells_the_length_and_digest_of_the_whole()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");

        using var response = await SendAsync(merchant, HttpMethod.Head, ("Range", "bytes=0-3"));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentLength.ShouldBe(given.Content.Length);
        response.Content.Headers.ContentRange.ShouldBeNull();
        response.Headers.AcceptRanges.ShouldBe(["bytes"]);
        Digest(response).ShouldBe(SHA256.HashData(given.Content));
    }

    [Fact]
    public async Task who_holds_the_file_already_is_told_so()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            using var response = await SendAsync(merchant, method, ("If-None-Match", $"\"{given.Sha256}\""));

            response.StatusCode.ShouldBe(HttpStatusCode.NotModified);
            (await response.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
            response.Headers.ETag!.Tag.ShouldBe($"\"{given.Sha256}\"");
            response.Headers.CacheControl!.ToString().ShouldBe("no-store, private");
            response.Headers.Vary.ShouldBe(["Authorization", "Api-Key"]);
            response.Content.Headers.ContentType.ShouldBeNull();
            var attempt = (await merchant.AttemptAsync(response)).Attempted;
            var end = (await merchant.EndOfAsync(attempt.AttemptId)).ShouldBeOfType<ReportDownloaded>();
            (end.Outcome, end.Status, end.BytesSent).ShouldBe((DownloadOutcome.NotModified, 304, 0));
        }
    }

    [Theory]
    [InlineData("If-Match", "\"another\"", 412, "precondition_failed", "Precondition failed", "conflict_error")]
    [InlineData("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 412, "precondition_failed", "Precondition failed", "conflict_error")]
    [InlineData("Range", "bytes=700000-", 416, "range_not_satisfiable", "Range not satisfiable", "request_error")]
    public async Task what_cannot_be_given_is_refused_and_recorded(
        string field, string value, int status, string code, string message, string family)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(700_000));

        using var response = await SendAsync(merchant, HttpMethod.Get, (field, value));

        ((int)response.StatusCode).ShouldBe(status);
        await Problems.ReadAsync(response, code, message, family);
        response.Content.Headers.ContentRange?.ToString().ShouldBe(status == 416 ? "bytes */700000" : null);
        (response.Content.Headers.ContentRange is null).ShouldBe(status != 416);
        var end = (await merchant.AttemptAsync(response)).End.ShouldBeOfType<ReportDownloadFailed>();
        (end.Outcome, end.Status, end.Code, end.BytesSent).ShouldBe((DownloadFailure.Refused, status, code, 0));
    }

    [Fact]
    public async Task refusals_for_other_reasons_come_before_all_conditions()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv", expiresAt: DateTimeOffset.UtcNow.AddSeconds(-1));

        using var response = await SendAsync(merchant, HttpMethod.Get, ("If-None-Match", "*"), ("Range", "bytes=9999999-"));

        response.StatusCode.ShouldBe(HttpStatusCode.Gone);
    }

    [Fact]
    public async Task a_stale_if_range_gets_the_whole_file()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");

        using var stale = await SendAsync(merchant, HttpMethod.Get, ("Range", "bytes=5-"), ("If-Range", "\"another\""));
        using var fresh = await SendAsync(
            merchant, HttpMethod.Get, ("Range", "bytes=5-"), ("If-Range", $"\"{given.Sha256}\""));

        stale.StatusCode.ShouldBe(HttpStatusCode.OK);
        fresh.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
    }

    [Theory]
    [InlineData("bytes=0-9", HttpStatusCode.PartialContent)]
    [InlineData("bytes=0-262143", HttpStatusCode.PartialContent)]
    [InlineData("bytes=262144-262150", HttpStatusCode.ServiceUnavailable)]
    [InlineData("bytes=600000-", HttpStatusCode.PartialContent)]
    public async Task only_a_range_with_an_altered_block_is_withheld(string range, HttpStatusCode expected)
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(700_000));
        var content = given.Content.ToArray();
        content[Block + 5] ^= 1;
        await File.WriteAllBytesAsync(Path.Combine(app.FilesRoot, given.StorageKey), content);

        using var response = await SendAsync(merchant, HttpMethod.Get, ("Range", range));

        response.StatusCode.ShouldBe(expected);
        if (expected == HttpStatusCode.ServiceUnavailable)
        {
            await Problems.ReadAsync(response, "unavailable", "Temporarily unavailable", "server_error");
            (await FindingAsync(given.Id)).ShouldBe(("altered", 262144L));
        }
    }

    [Fact]
    public async Task any_parts_under_one_tag_make_up_the_file()
    {
        var random = new Random(7);
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(1_000_003));
        var whole = new byte[given.Content.Length];
        var cuts = Enumerable.Range(0, 20).Select(_ => random.Next(1, whole.Length)).Append(0).Append(whole.Length)
            .Distinct().Order().ToArray();
        foreach (var (from, to) in cuts.Zip(cuts.Skip(1)).OrderBy(_ => random.Next()))
        {
            using var response = await SendAsync(
                merchant, HttpMethod.Get, ("Range", string.Create(CultureInfo.InvariantCulture, $"bytes={from}-{to - 1}")));
            (await response.Content.ReadAsByteArrayAsync()).CopyTo(whole, from);
        }

        whole.ShouldBe(given.Content);
    }

    [Fact]
    public async Task curl_resumes_a_download_that_was_cut()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(20_000_000));
        var url = new Uri(app.Address, await merchant.DownloadPathAsync("r.csv"));
        var file = Path.GetTempFileName();
        string[] arguments = ["--silent", "--fail", "--header", $"Api-Key: {merchant.Key}", "--output", file];

        using (var slow = Process.Start(new ProcessStartInfo("curl", [.. arguments, "--limit-rate", "500k", $"{url}"]))!)
        {
            await Eventually.IsTrueAsync(() => Task.FromResult(new FileInfo(file).Length > 0), "some of it to arrive");
            slow.Kill();
            await slow.WaitForExitAsync();
        }

        var cut = new FileInfo(file).Length;
        (await CurlAsync([.. arguments, "--continue-at", "-", $"{url}"])).ShouldBe(0);

        cut.ShouldBeInRange(1, given.Content.Length - 1);
        (await File.ReadAllBytesAsync(file)).ShouldBe(given.Content);
        File.Delete(file);
    }

    private static async Task<int> CurlAsync(string[] arguments)
    {
        using var curl = Process.Start(new ProcessStartInfo("curl", arguments))!;
        await curl.WaitForExitAsync();
        return curl.ExitCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        TestMerchant merchant, HttpMethod method, params (string Name, string Value)[] headers)
    {
        using var client = merchant.Client();
        using var request = new HttpRequestMessage(method, await merchant.DownloadPathAsync("r.csv"));
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await client.SendAsync(request);
    }

    private static byte[] Digest(HttpResponseMessage response) => Convert.FromBase64String(
        response.Headers.GetValues("Repr-Digest").Single()["sha-256=:".Length..^1]);

    private async Task<(string Finding, long Offset)> FindingAsync(Guid report)
    {
        await using var command = app.Database.CreateCommand(
            """
            select data ->> 'finding', (data ->> 'offset')::bigint from events.mt_events
            where type = 'integrity.failed.v1' and (data ->> 'report_id')::uuid = $1
            """);
        command.Parameters.AddWithValue(report);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        return (row.GetString(0), row.GetInt64(1));
    }
}
