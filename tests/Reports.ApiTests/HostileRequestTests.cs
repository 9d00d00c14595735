using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// What no honest client sends, over a real connection. It never ends in a fault of ours; where the application is
/// reached it is answered by a problem, and on a download path it is recorded.
/// </summary>
public sealed class HostileRequestTests(ReportsApp app)
{
    private const string Unknown = "/no/such/path";
    private static readonly string Download = $"{TestMerchant.List}{Guid.CreateVersion7()}/download/";

    public static TheoryData<string> Paths => [TestMerchant.List, Download, Unknown];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task a_request_line_of_8193_bytes_is_refused_and_one_of_8192_is_not(string path)
    {
        var filler = new string('x', 8192 - $"GET {path}?a= HTTP/1.1\r\n".Length);

        (await SendAsync($"GET {path}?a={filler}x HTTP/1.1")).ShouldBeBare(414);
        await ShouldReachAsync(path, await SendAsync($"GET {path}?a={filler} HTTP/1.1"), Problem.Unauthorized);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task the_101st_header_is_refused_and_the_100th_is_not(string path)
    {
        // Host and Connection are two.
        string[] headers = [.. Enumerable.Range(1, 98).Select(i => $"H{i}: 1")];

        (await SendAsync($"GET {path} HTTP/1.1", [.. headers, "One: more"])).ShouldBeBare(431);
        await ShouldReachAsync(path, await SendAsync($"GET {path} HTTP/1.1", headers), Problem.Unauthorized);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task headers_above_16_kib_are_refused_and_those_below_are_not(string path)
    {
        (await SendAsync($"GET {path} HTTP/1.1", $"Cookie: {new string('c', 16 * 1024)}")).ShouldBeBare(431);
        await ShouldReachAsync(
            path,
            await SendAsync($"GET {path} HTTP/1.1", $"Cookie: {new string('c', 16_000)}"),
            Problem.Unauthorized);
    }

    [Theory]
    [InlineData("two lengths", "Content-Length: 1", "Content-Length: 2")]
    [InlineData("one length twice", "Content-Length: 1", "Content-Length: 1")]
    [InlineData("a negative length", "Content-Length: -1")]
    [InlineData("a length beyond all numbers", "Content-Length: 99999999999999999999")]
    [InlineData("an unknown coding", "Transfer-Encoding: gzip")]
    [InlineData("a carriage return in a value", "A: b\rc")]
    [InlineData("a folded line", "A: b\r\n c")]
    [InlineData("a space before the colon", "A : b")]
    [InlineData("a zero in a value", "A: \0")]
    [InlineData("a line without a colon", "A")]
    [InlineData("an empty name", ": a")]
    [InlineData("a second host", "Host: another")]
    public async Task headers_that_are_no_http_are_refused_by_the_server(string what, params string[] headers)
    {
        foreach (var path in Paths)
        {
            var answer = await SendAsync($"GET {path.Data} HTTP/1.1", headers);

            answer.Status.ShouldBe(400, what);
            answer.ShouldBeBare(400);
        }
    }

    [Theory]
    [InlineData("a version before versions", "GET {path}", 400)]
    [InlineData("HTTP/2 without its preface", "GET {path} HTTP/2.0", 505)]
    [InlineData("a zero", "GET {path}\0 HTTP/1.1", 400)]
    [InlineData("a zero in hexadecimal", "GET {path}%00 HTTP/1.1", 400)]
    [InlineData("a letter beyond ASCII", "GET {path}\u00ff HTTP/1.1", 400)]
    [InlineData("a control character as method", "G\u0001T {path} HTTP/1.1", 400)]
    [InlineData("a foreign absolute target", "GET http://evil{path} HTTP/1.1", 400)]
    [InlineData("no target but all", "GET * HTTP/1.1", 405)]
    [InlineData("a tunnel", "CONNECT evil:443 HTTP/1.1", 400)]
    public async Task request_lines_that_are_no_http_are_refused_by_the_server(string what, string line, int status)
    {
        foreach (var path in Paths)
        {
            var answer = await SendAsync(line.Replace("{path}", path.Data, StringComparison.Ordinal));

            answer.Status.ShouldBe(status, what);
            answer.ShouldBeBare(status);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task lines_end_in_cr_lf_only(string path) => (await RawHttp.SendAsync(
        app.Address, $"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")).ShouldBeBare(400);

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task a_request_without_a_host_is_refused_unless_it_is_of_http_1_0(string path)
    {
        (await RawHttp.SendAsync(app.Address, $"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n")).ShouldBeBare(400);

        var old = await RawHttp.SendAsync(app.Address, $"GET {path} HTTP/1.0\r\n\r\n");
        await ShouldReachAsync(path, old, Problem.Unauthorized);
        old.Body.ShouldContain("\"type\":\"/problems/");
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task an_absolute_target_is_the_path_in_it(string path) => await ShouldReachAsync(
        path, await SendAsync($"GET http://{app.Address.Authority}{path} HTTP/1.1"), Problem.Unauthorized);

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task a_length_beside_a_transfer_coding_is_refused_and_the_connection_closed(string path)
    {
        var answer = await RawHttp.SendAsync(
            app.Address,
            $"GET {path} HTTP/1.1\r\nHost: {app.Address.Authority}\r\nContent-Length: 5\r\n" +
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");

        answer.Header("Connection").ShouldBe("close");
        await ShouldReachAsync(path, answer, Problem.InvalidParameters, Problem.InvalidParameters);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task a_body_above_64_kib_is_refused_where_none_is_needed_and_a_smaller_one_is_not_read(string path)
    {
        var large = await SendAsync($"GET {path} HTTP/1.1", "Content-Length: 65537");
        await ShouldReachAsync(path, large, Problem.PayloadTooLarge, Problem.PayloadTooLarge);

        var small = await RawHttp.SendAsync(app.Address, Request($"GET {path} HTTP/1.1", "Content-Length: 9") + "123456789");
        await ShouldReachAsync(path, small, Problem.Unauthorized);
    }

    [Theory]
    [InlineData("TRACE")]
    [InlineData("OPTIONS")]
    [InlineData("CONNECT")]
    [InlineData("PROPFIND")]
    [InlineData("get")]
    [InlineData("head")]
    [InlineData("Head")]
    [InlineData("AMETHODTHATNOBODYHASEVERHEARDOF")]
    public async Task other_methods_are_not_allowed_and_methods_have_one_case(string method)
    {
        foreach (var path in new[] { TestMerchant.List, Download })
        {
            var answer = await SendAsync($"{method} {path} HTTP/1.1");

            await ShouldReachAsync(path, answer, Problem.MethodNotAllowed, Problem.MethodNotAllowed);
            answer.Header("Allow").ShouldBe("GET, HEAD");
        }

        await ShouldReachAsync(Unknown, await SendAsync($"{method} {Unknown} HTTP/1.1"), Problem.NotFound);
    }

    [Fact]
    public async Task a_question_about_the_whole_server_finds_nothing() =>
        await (await SendAsync("OPTIONS * HTTP/1.1")).ShouldBeAsync(Problem.NotFound);

    [Theory]
    [InlineData("%c0%af")]
    [InlineData("%2f..")]
    [InlineData("..%2f")]
    [InlineData("..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("%252e%252e%252f")]
    [InlineData("..\\..")]
    [InlineData("%zz")]
    [InlineData("%ff%fe")]
    [InlineData("%e2%80%ae")]
    public async Task paths_in_disguise_lead_nowhere(string disguise)
    {
        await (await SendAsync($"GET {TestMerchant.List}{disguise} HTTP/1.1")).ShouldBeAsync(Problem.Unauthorized);
        await (await SendAsync($"GET {Unknown}/{disguise} HTTP/1.1")).ShouldBeAsync(Problem.NotFound);

        var download = await SendAsync($"GET {TestMerchant.List}{disguise}/download/ HTTP/1.1");
        await ShouldReachAsync(Download, download, Problem.Unauthorized);
    }

    [Theory]
    [InlineData("/../../../../../../etc/passwd")]
    [InlineData("/b/api/v1/reports/files/../../../../../appsettings.json")]
    public async Task dots_do_not_lead_out_of_the_root(string path) =>
        await (await SendAsync($"GET {path} HTTP/1.1")).ShouldBeAsync(Problem.NotFound);

    [Fact]
    public async Task a_method_without_end_is_cut_in_the_record()
    {
        var merchant = await app.MerchantAsync();

        var answer = await SendAsync($"{new string('M', 5000)} {Download} HTTP/1.1", $"Api-Key: {merchant.Key}");

        await answer.ShouldBeAsync(Problem.MethodNotAllowed);
        var (attempted, end) = await merchant.AttemptAsync(Guid.Parse(answer.Header("Download-Id")!));
        attempted.Method.ShouldBe(new string('M', 16));
        end.ShouldBeOfType<ReportDownloadFailed>().Code.ShouldBe("method_not_allowed");
    }

    [Fact]
    public async Task headers_that_do_not_come_end_the_connection()
    {
        await using var node = await app.ListenAsync("--Reports:Connections:HeadersTimeout=00:00:01");

        var answer = await RawHttp.SendAsync(new Uri(node.Urls.First()), $"GET {Download} HTTP/1.1\r\nHost: x\r\nA:");

        answer.ShouldBeBare(408);
    }

    [Fact]
    public async Task a_connection_that_asks_for_nothing_more_is_closed()
    {
        await using var node = await app.ListenAsync("--Reports:Connections:KeepAliveTimeout=00:00:05");

        var answer = await RawHttp.SendAsync(
            new Uri(node.Urls.First()), $"GET {Unknown} HTTP/1.1\r\nHost: x\r\n\r\n");

        await answer.ShouldBeAsync(Problem.NotFound);
    }

    [Fact]
    public async Task more_connections_than_allowed_are_closed_at_once()
    {
        await using var node = await app.ListenAsync("--Reports:Connections:Maximum=1");
        var address = new Uri(node.Urls.First());
        using var first = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(address.Host, address.Port);
        await first.SendAsync("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        (await first.ReceiveAsync(new byte[1])).ShouldBe(1);

        (await RawHttp.SendAsync(address, Request("GET /health/live HTTP/1.1"))).Status.ShouldBeNull();
    }

    [Fact]
    public async Task a_reader_below_the_least_rate_is_cut_and_recorded_as_aborted()
    {
        const int Large = 30_000_000;
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        var path = await merchant.DownloadPathAsync("large.csv");
        await using var node = await app.ListenAsync(
            "--Reports:Connections:MinimumDataRate=100000000", "--Reports:Connections:GracePeriod=00:00:01.5");
        var address = new Uri(node.Urls.First());
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(address.Host, address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(Request($"GET {path} HTTP/1.1", $"Api-Key: {merchant.Key}")));
        var head = new byte[2048];
        var text = Encoding.Latin1.GetString(head, 0, await socket.ReceiveAsync(head));
        var attempt = Guid.Parse(
            text.Split("\r\n").Single(l => l.StartsWith("Download-Id: ", StringComparison.Ordinal))["Download-Id: ".Length..]);

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();

        end.Outcome.ShouldBe(DownloadFailure.Aborted);
        end.BytesSent.ShouldNotBeNull().ShouldBeLessThan(Large);
    }

    [Fact]
    public async Task http_2_is_answered_like_http_1()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("two.csv");
        var path = await merchant.DownloadPathAsync("two.csv");
        await using var node = await app.ListenAsync("--Kestrel:EndpointDefaults:Protocols=Http2");
        using var client = new HttpClient
        {
            BaseAddress = new Uri(node.Urls.First()),
            DefaultRequestVersion = new Version(2, 0),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);

        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
        using var refusal = await client.GetAsync(new Uri(Unknown, UriKind.Relative));

        (await answer.Content.ReadAsByteArrayAsync()).ShouldBe(given.Content);
        (await merchant.EndOfAsync((await merchant.AttemptAsync(answer)).Attempted.AttemptId))
            .ShouldBeOfType<ReportDownloaded>();
        await Problems.NotFoundAsync(refusal);
    }

    private Task<RawAnswer> SendAsync(string line, params string[] headers) =>
        RawHttp.SendAsync(app.Address, Request(line, headers));

    private string Request(string line, params string[] headers) => string.Join(
        "\r\n", [line, $"Host: {app.Address.Authority}", "Connection: close", .. headers, "", ""]);

    // The application was reached: the problem where there is an endpoint, and on a download path a record of it.
    private async Task ShouldReachAsync(string path, RawAnswer answer, Problem problem, Problem? onUnknown = null)
    {
        await answer.ShouldBeAsync(path == Unknown ? onUnknown ?? Problem.NotFound : problem);
        if (path != Download)
        {
            answer.Header("Download-Id").ShouldBeNull();
            return;
        }

        var attempt = Guid.Parse(answer.Header("Download-Id").ShouldNotBeNull());
        var (_, end) = await TestMerchant.AttemptAsync(app, Tenants.Platform, attempt);
        var failed = end.ShouldBeOfType<ReportDownloadFailed>();
        (failed.Outcome, failed.Status, failed.Code).ShouldBe((DownloadFailure.Refused, problem.Status, problem.Code));
    }
}
