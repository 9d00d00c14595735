using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Lifecycle;
using Shouldly;
using Wolverine;
using Wolverine.Tracking;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Files that generators send over HTTP, on real connections: the grant in the address is the only right.</summary>
[Collection(typeof(Followed))]
public sealed class UploadTests(FollowedApp followed)
{
    private readonly ReportsApp _app = followed.App;
    private static readonly byte[] Content = "id\r\n1\r\n2\r\n"u8.ToArray();
    private static readonly string Sha256 = Convert.ToHexStringLower(SHA256.HashData(Content));

    [Fact]
    public async Task what_is_uploaded_and_claimed_is_finished_and_downloaded_as_it_was_sent()
    {
        var (merchant, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };

        using var answer = await client.PutAsync(Url(order), new ByteArrayContent(Content));

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        var uploaded = await TestMerchant.JsonAsync(answer);
        uploaded.GetProperty("file_name").GetString().ShouldBe($"upload-{Sha256[..32]}.csv");
        uploaded.GetProperty("file_size").GetInt64().ShouldBe(Content.Length);
        uploaded.GetProperty("sha256").GetString().ShouldBe(Sha256);
        await SendAsync(merchant, Claim(order, uploaded));
        var listed = (await merchant.ListAsync("?created_after=2026-01-01")).GetProperty("results")[0];
        using var reader = merchant.RealClient();
        (await reader.GetByteArrayAsync(new Uri(TestMerchant.PathOf(listed), UriKind.Relative))).ShouldBe(Content);
    }

    [Fact]
    public async Task the_same_bytes_twice_are_one_file_that_is_not_written_again()
    {
        var (_, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };

        using var first = await client.PutAsync(Url(order), new ByteArrayContent(Content));
        var path = Files(order).ShouldHaveSingleItem();
        var written = File.GetLastWriteTimeUtc(path);
        using var second = await client.PutAsync($"{Url(order)}/", new ByteArrayContent(Content));

        (first.StatusCode, second.StatusCode).ShouldBe((HttpStatusCode.Created, HttpStatusCode.OK));
        (await second.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        Files(order).ShouldBe([path]);
        File.GetLastWriteTimeUtc(path).ShouldBe(written);
    }

    [Fact]
    public async Task of_the_same_bytes_at_once_one_file_is_made()
    {
        var (_, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            client.PutAsync(Url(order), new ByteArrayContent(Content))));

        answers.Count(a => a.StatusCode == HttpStatusCode.Created).ShouldBe(1);
        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(3);
        Files(order).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("forged")]
    [InlineData("cut short")]
    [InlineData("expired")]
    [InlineData("none")]
    [InlineData("a path")]
    [InlineData("an encoded path")]
    [InlineData("a token of a download")]
    public async Task without_a_grant_of_ours_everybody_is_refused_in_the_same_words(string trick)
    {
        var (merchant, order) = await OrderedAsync();
        var grant = trick switch
        {
            "forged" => order.Grant[..^4] + "AAAA",
            "cut short" => order.Grant[..^1],
            "expired" => _app.Services.GetRequiredService<Grants>().Seal(
                new Grant(order.ReportId, 1, order.StoragePrefix, DateTimeOffset.UtcNow.AddSeconds(-1))),
            "none" => "x",
            "a path" => "..%2e",
            "an encoded path" => $"..%2F..%2F{order.Grant}",
            _ => Guid.CreateVersion7().ToString(),
        };

        var answer = await PutAsync($"/b/api/v1/generation/{grant}/file", $"Content-Length: {Content.Length}", Content);

        await answer.ShouldBeAsync(Problem.Forbidden);
        answer.Body.ShouldContain("The grant is none of ours, or its time is over");
        Files(order).ShouldBeEmpty();
        merchant.Id.ShouldNotBe(Guid.Empty);
    }

    [Theory]
    [InlineData("cancelled")]
    [InlineData("finished")]
    [InlineData("failed")]
    [InlineData("next attempt")]
    [InlineData("unknown")]
    public async Task what_nobody_waits_for_is_refused(string state)
    {
        var (merchant, order) = await OrderedAsync();
        var now = DateTimeOffset.UtcNow;
        if (state == "finished")
        {
            using var client = new HttpClient { BaseAddress = _app.Address };
            using var uploaded = await client.PutAsync(Url(order), new ByteArrayContent(Content));
            await SendAsync(merchant, Claim(order, await TestMerchant.JsonAsync(uploaded)));
        }
        else if (state != "unknown")
        {
            await AppendAsync(merchant, order.ReportId, state switch
            {
                "cancelled" => new ReportCancelled(order.ReportId, null, Actor.Operator, now),
                "failed" => new ReportGenerationFailed(order.ReportId, 1, "no_data", "None.", false, Actor.Service, now),
                _ => new GenerationAttemptFailed(order.ReportId, 1, "timeout", "Silence.", Actor.Service, now, now.AddDays(1)),
            });
        }

        var grant = state == "unknown" ? Unknown(merchant) : order.Grant;
        var answer = await PutAsync(Path(grant), "Content-Length: 5", "other"u8.ToArray());

        await answer.ShouldBeAsync(Problem.Conflict);
        Files(order).Count.ShouldBe(state == "finished" ? 1 : 0);
    }

    [Theory]
    [InlineData("Content-Length: 10485761", 413, "payload_too_large")]
    [InlineData("Content-Length: 0", 400, "is empty")]
    [InlineData("Transfer-Encoding: chunked", 400, "is empty")]
    [InlineData("Content-Length: 10\r\nContent-Type: multipart/form-data; boundary=x", 415, "not a form")]
    [InlineData("Content-Length: 10\r\nContent-Type: application/x-www-form-urlencoded", 415, "not a form")]
    [InlineData("Content-Length: 10\r\nContent-Encoding: gzip", 415, "content coding")]
    [InlineData("Content-Length: 10\r\nContent-Range: bytes 0-9/20", 400, "Content-Range")]
    [InlineData("Content-Length: 10\r\nContent-Digest: sha-256=:AAAA:", 400, "Content-Digest")]
    [InlineData("Content-Length: 10\r\nRepr-Digest: sha-256=:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=:", 400, "Repr-Digest is not the digest")]
    [InlineData("Content-Length: 10\r\nTransfer-Encoding: chunked", 400, "contradict")]
    public async Task what_cannot_be_a_file_is_refused_and_leaves_nothing(string headers, int status, string finding)
    {
        var (_, order) = await OrderedAsync();
        await using var small = await _app.ListenAsync("--Reports:Generators:LargestFile=10485760");
        var body = headers.Contains("chunked", StringComparison.Ordinal) ? "0\r\n\r\n"u8.ToArray()
            : headers.Contains(": 0", StringComparison.Ordinal) ? [] : Content;

        var answer = await PutAsync(Path(order.Grant), headers, body, new Uri(small.Urls.First()));

        answer.Status.ShouldBe(status, answer.Body);
        answer.Body.ShouldContain(finding);
        Files(order).ShouldBeEmpty();
    }

    [Fact]
    public async Task a_body_of_no_known_length_is_counted_as_it_comes()
    {
        var (_, order) = await OrderedAsync();
        await using var small = await _app.ListenAsync("--Reports:Generators:LargestFile=200000");
        using var client = new HttpClient { BaseAddress = new Uri(small.Urls.First()) };
        client.DefaultRequestHeaders.TransferEncodingChunked = true;

        using var large = await client.PutAsync(Url(order), new ByteArrayContent(new byte[200_001]));
        Files(order).ShouldBeEmpty();
        using var fitting = await client.PutAsync(Url(order), new ByteArrayContent(new byte[200_000]));

        (large.StatusCode, fitting.StatusCode).ShouldBe((HttpStatusCode.RequestEntityTooLarge, HttpStatusCode.Created));
        Files(order).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task digests_that_hold_are_no_obstacle()
    {
        var (_, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };
        var content = new ByteArrayContent(Content);
        var digest = Convert.ToBase64String(SHA256.HashData(Content));
        content.Headers.Add("Content-Digest", $"sha-512=:AAAA:, sha-256=:{digest}:;a=1");
        content.Headers.Add("Repr-Digest", $"sha-256=:{digest}:");
        content.Headers.ContentType = new MediaTypeHeaderValue("text/anything");

        using var answer = await client.PutAsync(Url(order), content);

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task a_cut_upload_leaves_nothing()
    {
        var (_, order) = await OrderedAsync();
        using (var socket = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync(_app.Address.Host, _app.Address.Port);
            await socket.SendAsync(Encoding.ASCII.GetBytes(
                $"PUT {Path(order.Grant)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{new string('x', 300_000)}"));
            await Eventually.GetAsync(
                () => Task.FromResult(Files(order).SingleOrDefault()), "the file to be on its way");
        }

        await Eventually.GetAsync(() => Task.FromResult(Files(order) is [] ? "" : null), "nothing to be left");
        using var client = new HttpClient { BaseAddress = _app.Address };
        using var again = await client.PutAsync(Url(order), new ByteArrayContent(Content));
        again.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task no_more_than_five_different_files_are_kept_for_an_attempt()
    {
        var (_, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 6; i++)
        {
            using var answer = await client.PutAsync(Url(order), new StringContent($"file {i}"));
            statuses.Add(answer.StatusCode);
        }

        using var known = await client.PutAsync(Url(order), new StringContent("file 0"));

        statuses.ShouldBe([.. Enumerable.Repeat(HttpStatusCode.Created, 5), HttpStatusCode.Conflict]);
        known.StatusCode.ShouldBe(HttpStatusCode.OK);
        Files(order).Count.ShouldBe(5);
    }

    [Fact]
    public async Task a_full_or_closed_disk_is_told_as_unavailable()
    {
        var (_, order) = await OrderedAsync();

        // A file where the report's directory would be.
        var directory = System.IO.Path.Combine(_app.FilesRoot, order.StoragePrefix.TrimEnd('/'));
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(directory)!);
        await File.WriteAllTextAsync(directory, "");

        var answer = await PutAsync(Path(order.Grant), $"Content-Length: {Content.Length}", Content);

        await answer.ShouldBeAsync(Problem.Unavailable);
        answer.Body.ShouldNotContain(_app.FilesRoot);
    }

    [Fact]
    public async Task a_claim_that_differs_from_the_uploaded_file_puts_it_aside_and_touches_no_other_report()
    {
        var (merchant, order) = await OrderedAsync();
        var (other, neighbour) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };
        using var uploaded = await client.PutAsync(Url(order), new ByteArrayContent(Content));
        using var theirs = await client.PutAsync(Url(neighbour), new ByteArrayContent(Content));
        var claim = Claim(order, await TestMerchant.JsonAsync(uploaded));
        var path = Files(order).ShouldHaveSingleItem();

        await SendAsync(merchant, claim with { Records = 3 });
        await SendAsync(other, Claim(neighbour, await TestMerchant.JsonAsync(theirs)));

        (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<ReportGenerationFailed>().Code.ShouldBe("verification");
        var aside = (await merchant.EventsAsync(order.ReportId)).OfType<FileQuarantined>().ShouldHaveSingleItem();
        await Eventually.GetAsync(() => Task.FromResult(File.Exists(path) ? null : ""), "the file to be gone");
        (await File.ReadAllBytesAsync(System.IO.Path.Combine(_app.FilesRoot, aside.QuarantineKey))).ShouldBe(Content);
        aside.QuarantineKey.ShouldStartWith("quarantine/");
        (await other.EventsAsync(neighbour.ReportId))[^1].ShouldBeOfType<ReportFinished>();
        Files(neighbour).ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData("another report's grant")]
    [InlineData("another attempt")]
    [InlineData("../../x.csv")]
    [InlineData("a/b.csv")]
    [InlineData(".hidden")]
    [InlineData("..")]
    [InlineData("")]
    public async Task a_file_is_claimed_with_its_own_grant_and_by_its_own_name_only(string trick)
    {
        var (merchant, order) = await OrderedAsync();
        var (_, other) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };
        using var uploaded = await client.PutAsync(Url(order), new ByteArrayContent(Content));
        var claim = Claim(order, await TestMerchant.JsonAsync(uploaded));

        var session = await SendAsync(
            merchant,
            trick switch
            {
                "another report's grant" => claim with { Grant = other.Grant },
                "another attempt" => claim with { Attempt = 2 },
                _ => claim with { FileName = trick },
            },
            failsQuietly: true);

        session.MovedToErrorQueue.MessagesOf<GenerationCompleted>().Count().ShouldBe(1);
        (await merchant.EventsAsync(order.ReportId)).ShouldHaveSingleItem().ShouldBeOfType<ReportRequested>();
    }

    [Fact]
    public async Task the_order_names_the_address_of_a_service_that_listens_on_this_machine_only()
    {
        var (merchant, order) = await OrderedAsync();
        await using var node = await _app.ListenAsync();
        await using var named = await _app.ListenAsync("--Reports:PublicUrl=https://reports.example.com/");

        Order(node, merchant, order).UploadUrl.ShouldStartWith($"{node.Urls.First()}/b/api/v1/generation/");
        Order(named, merchant, order).UploadUrl.ShouldStartWith("https://reports.example.com/b/api/v1/generation/");
        using var client = new HttpClient();
        using var answer = await client.PutAsync(
            new Uri(Order(node, merchant, order).UploadUrl!), new ByteArrayContent(Content));
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task no_grant_stands_in_the_log_or_in_an_event()
    {
        var (merchant, order) = await OrderedAsync();
        using var client = new HttpClient { BaseAddress = _app.Address };
        foreach (var body in new[] { "first", "", "second" })
        {
            using var answer = await client.PutAsync(Url(order), new StringContent(body));
        }

        using var foreign = await client.GetAsync(new Uri(Url(order), UriKind.Relative));
        using var uploaded = await client.PutAsync(Url(order), new ByteArrayContent(Content));
        await SendAsync(merchant, Claim(order, await TestMerchant.JsonAsync(uploaded)));

        _app.Log.Lines.ShouldNotContain(line => line.Contains(order.Grant));
        await using var command = _app.Database.CreateCommand(
            "select count(*) from events.mt_events where data::text || coalesce(headers::text, '') like '%' || $1 || '%'");
        command.Parameters.AddWithValue(order.Grant);
        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    private static GenerateReport Order(
        Microsoft.AspNetCore.Builder.WebApplication node, TestMerchant merchant, GenerateReport order) =>
        node.Services.GetRequiredService<GenerationOrders>().For(
            order.ReportId,
            merchant.Id,
            new ReportDescription(
                1, "r.csv", order.Interval, ReportSource.Manual, order.Format, order.Layout, order.Period, DateTimeOffset.UtcNow),
            1,
            DateTimeOffset.UtcNow);

    private async Task<(TestMerchant Merchant, GenerateReport Order)> OrderedAsync()
    {
        var merchant = await _app.MerchantAsync();
        var now = DateTimeOffset.UtcNow;
        var requested = RequestReport.Decide(
            Guid.CreateVersion7(), TestMerchant.NextNumber(), merchant.Id, "UTC",
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, DateOnly.FromDateTime(now.UtcDateTime).AddDays(-2)),
            Actor.Operator, now);
        await merchant.AppendAsync(requested.ReportId, requested);
        return (merchant, _app.Services.GetRequiredService<GenerationOrders>().For(
            requested.ReportId, merchant.Id, requested.Report, 1, now));
    }

    private string Unknown(TestMerchant merchant) => _app.Services.GetRequiredService<Grants>().Seal(
        new Grant(Guid.CreateVersion7(), 1, $"{merchant.Id:N}/x/1/", DateTimeOffset.UtcNow.AddDays(1)));

    private async Task AppendAsync(TestMerchant merchant, Guid report, object @event)
    {
        await using var session = _app.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.Id.ToString());
        session.Events.Append(report, @event);
        await session.SaveChangesAsync();
    }

    private static GenerationCompleted Claim(GenerateReport order, JsonElement uploaded) => new(
        order.ReportId, order.Attempt, order.Grant, "test/1", uploaded.GetProperty("file_name").GetString()!,
        uploaded.GetProperty("file_size").GetInt64(), uploaded.GetProperty("sha256").GetString()!, 2, []);

    private static string Url(GenerateReport order) => Path(order.Grant);

    private static string Path(string grant) => $"/b/api/v1/generation/{grant}/file";

    private List<string> Files(GenerateReport order)
    {
        var directory = System.IO.Path.Combine(_app.FilesRoot, order.StoragePrefix);
        try
        {
            return [.. Directory.EnumerateFiles(directory)];
        }
        catch (DirectoryNotFoundException)
        {
            return []; // not there yet, or removed with its last file
        }
    }

    private Task<RawAnswer> PutAsync(string path, string headers, byte[] body, Uri? address = null) => RawHttp.SendAsync(
        address ?? _app.Address,
        $"PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n{Encoding.Latin1.GetString(body)}");

    private async Task<ITrackedSession> SendAsync(TestMerchant merchant, object message, bool failsQuietly = false)
    {
        var tracking = _app.Host.TrackActivity().Timeout(TimeSpan.FromMinutes(2));
        tracking = failsQuietly ? tracking.DoNotAssertOnExceptionsDetected() : tracking;
        return await tracking.ExecuteAndWaitAsync((Func<IMessageContext, Task>)(context =>
            context.PublishAsync(message, new DeliveryOptions { TenantId = merchant.Id.ToString() }).AsTask()));
    }
}
