using System.Net.Sockets;
using System.Text;
using Reports.BuildingBlocks;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>An answer as it came over the wire; without a status when the connection was closed instead.</summary>
internal sealed record RawAnswer(int? Status, ILookup<string, string> Headers, string Body)
{
    public string? Header(string name) => Headers[name].SingleOrDefault();

    /// <summary>Refused by the server, before the application: a status and nothing else.</summary>
    public void ShouldBeBare(int status)
    {
        (Status, Body).ShouldBe((status, ""));
        Header("X-Request-Id").ShouldBeNull();
    }

    public async Task ShouldBeAsync(Problem problem)
    {
        Status.ShouldBe(problem.Status);
        Header("Content-Type").ShouldBe("application/problem+json");
        await Problems.CheckAsync(
            Body, problem.Status, Header("X-Request-Id")!, problem.Code, problem.Message, problem.ErrorType);
    }
}

/// <summary>Requests byte by byte, as no client library would let them through.</summary>
internal static class RawHttp
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Sends a text, one byte for each character, and reads until the server closes the connection.</summary>
    public static async Task<RawAnswer> SendAsync(Uri address, string request)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address.Host, address.Port, patience.Token);
        var received = new MemoryStream();
        var buffer = new byte[16 * 1024];
        try
        {
            await socket.SendAsync(Encoding.Latin1.GetBytes(request), patience.Token);
            while (await socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count)
            {
                received.Write(buffer, 0, count);
            }
        }
        catch (SocketException)
        {
            // It closed while we were still sending.
        }

        return Parse(Encoding.UTF8.GetString(received.ToArray()));
    }

    private static RawAnswer Parse(string answer)
    {
        var parts = answer.Split("\r\n\r\n", 2);
        var lines = parts[0].Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToLookup(
            h => h[0], h => h[1], StringComparer.OrdinalIgnoreCase);
        if (lines[0].Length == 0)
        {
            return new RawAnswer(null, headers, "");
        }

        lines[0].ShouldStartWith("HTTP/1.1 ");
        return new RawAnswer(int.Parse(lines[0].AsSpan(9, 3), null), headers, Unchunked(headers, parts[1]));
    }

    private static string Unchunked(ILookup<string, string> headers, string body)
    {
        if (!headers["Transfer-Encoding"].Contains("chunked"))
        {
            return body;
        }

        var whole = new StringBuilder();
        while (body.Split("\r\n", 2) is [var size, var rest] && Convert.ToInt32(size, 16) is > 0 and var length)
        {
            whole.Append(rest.AsSpan(0, length));
            body = rest[(length + 2)..];
        }

        return whole.ToString();
    }
}
