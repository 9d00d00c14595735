using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What clients do to connections, on a real port, and what the record says of it.</summary>
public sealed class ConnectionTests(ReportsApp app)
{
    private const int Large = 30_000_000;

    [Fact]
    public async Task a_client_that_hangs_up_is_recorded_as_aborted()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var socket = await RequestAsync(merchant, "large.csv", app.Address);
        var attempt = await ReadAttemptIdAsync(socket);

        socket.LingerState = new LingerOption(true, 0);
        socket.Close();

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
        end.Outcome.ShouldBe(DownloadFailure.Aborted);
        end.BytesSent.ShouldNotBeNull().ShouldBeLessThan(Large);
    }

    // It fits into the buffers between us and the client, so every write returns at once.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task a_client_that_hangs_up_on_a_file_that_is_in_our_buffers_is_recorded_as_aborted(bool reads)
    {
        const int Size = 1_500_000;
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(Size));
        using var socket = await RequestAsync(merchant, "r.csv", app.Address);
        var attempt = await ReadAttemptIdAsync(socket);
        var taken = 0;
        var buffer = new byte[64 * 1024];
        while (reads && taken < 500_000)
        {
            taken += await socket.ReceiveAsync(buffer);
        }

        socket.LingerState = new LingerOption(true, 0);
        socket.Close();

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
        (end.Outcome, end.Code).ShouldBe((DownloadFailure.Aborted, "client_closed"));
        end.BytesSent.ShouldNotBeNull().ShouldBeInRange(taken, Size - 1);
    }

    [Fact]
    public async Task a_client_that_hangs_up_once_it_has_everything_has_everything()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(1_500_000));
        for (var i = 0; i < 20; i++)
        {
            using var socket = await RequestAsync(merchant, "r.csv", app.Address);
            var attempt = await ReadAttemptIdAsync(socket);
            var buffer = new byte[64 * 1024];
            for (var taken = 0; taken < given.Content.Length;)
            {
                taken += await socket.ReceiveAsync(buffer);
            }

            socket.Close();
            (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloaded>()
                .BytesSent.ShouldBe(given.Content.Length);
        }
    }

    [Fact]
    public async Task a_client_that_closes_its_sending_side_is_recorded_as_aborted()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var socket = await RequestAsync(merchant, "large.csv", app.Address);
        var attempt = await ReadAttemptIdAsync(socket);

        socket.Shutdown(SocketShutdown.Send);

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
        end.Outcome.ShouldBe(DownloadFailure.Aborted);
    }

    // At this rate the server itself would wait a minute and more, since so much was taken at once.
    [Fact]
    public async Task a_client_that_stops_taking_bytes_is_cut_though_it_began_fast()
    {
        await using var node = await app.ListenAsync(
            "--Reports:Connections:MinimumDataRate=200000", "--Reports:Connections:GracePeriod=00:00:10");
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var socket = await RequestAsync(merchant, "large.csv", new Uri(node.Urls.First()));
        var attempt = await ReadAttemptIdAsync(socket);
        var buffer = new byte[64 * 1024];
        for (var taken = 0; taken < 15_000_000;)
        {
            var read = await socket.ReceiveAsync(buffer);
            read.ShouldBePositive();
            taken += read;
        }

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
        (end.Outcome, end.Code).ShouldBe((DownloadFailure.Aborted, "too_slow"));
        end.BytesSent.ShouldNotBeNull().ShouldBeInRange(15_000_000, Large - 1);
    }

    [Fact]
    public async Task clients_that_hang_up_all_at_once_are_all_recorded_as_aborted()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        var sockets = new List<(Socket Socket, Guid Attempt)>();
        for (var i = 0; i < 30; i++)
        {
            var socket = await RequestAsync(merchant, "large.csv", app.Address);
            sockets.Add((socket, await ReadAttemptIdAsync(socket)));
        }

        Parallel.ForEach(sockets, s => s.Socket.Close());

        foreach (var (_, attempt) in sockets)
        {
            var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
            end.Outcome.ShouldBe(DownloadFailure.Aborted);
            end.BytesSent.ShouldNotBeNull().ShouldBeLessThan(Large);
        }
    }

    [Fact]
    public async Task a_node_that_is_stopped_records_what_it_had_sent()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        var node = await app.ListenAsync("--Reports:Nodes:ShutdownTimeout=00:00:01");
        using var socket = await RequestAsync(merchant, "large.csv", new Uri(node.Urls.First()));
        var attempt = await ReadAttemptIdAsync(socket);

        await node.StopAsync();

        var end = (await merchant.EndOfAsync(attempt)).ShouldBeOfType<ReportDownloadFailed>();
        (end.Outcome, end.Code, end.Status).ShouldBe((DownloadFailure.Interrupted, "shutdown", 200));
        end.BytesSent.ShouldNotBeNull().ShouldBeInRange(1, Large);
        await node.DisposeAsync();
    }

    [Fact]
    public async Task a_client_that_closes_its_sending_side_at_once_is_recorded_too()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var socket = await RequestAsync(merchant, "large.csv", app.Address);

        socket.Shutdown(SocketShutdown.Send);

        var end = await Eventually.GetAsync(() => EndOfReportAsync(given.Id), "the attempt to be closed");
        end.ShouldBe("aborted");
    }

    [Fact]
    public async Task a_killed_nodes_download_is_closed_as_interrupted_and_a_slow_one_elsewhere_is_left_alone()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("large.csv", RandomNumberGenerator.GetBytes(Large));
        using var node = await HostProcess.StartAsync(app);
        using var onKilled = await RequestAsync(merchant, "large.csv", node.Address);
        using var onOther = await RequestAsync(merchant, "large.csv", app.Address);
        var (killed, slow) = (await ReadAttemptIdAsync(onKilled), await ReadAttemptIdAsync(onOther));
        (await merchant.AttemptAsync(killed)).End.ShouldBeNull();

        node.Kill();

        using var restarted = await HostProcess.StartAsync(app);
        var end = (await merchant.EndOfAsync(killed)).ShouldBeOfType<ReportDownloadFailed>();
        end.Outcome.ShouldBe(DownloadFailure.Interrupted);
        end.Status.ShouldBeNull();
        (await merchant.AttemptAsync(slow)).End.ShouldBeNull();

        await DrainAsync(onOther);
        (await merchant.EndOfAsync(slow)).ShouldBeOfType<ReportDownloaded>().BytesSent.ShouldBe(Large);
    }

    private async Task<string?> EndOfReportAsync(Guid report)
    {
        await using var command = app.Database.CreateCommand(
            "select data ->> 'outcome' from events.mt_events where type = 'download.failed.v1' and (data ->> 'report_id')::uuid = $1");
        command.Parameters.AddWithValue(report);
        return (string?)await command.ExecuteScalarAsync();
    }

    private static async Task<Socket> RequestAsync(TestMerchant merchant, string name, Uri address)
    {
        var path = await merchant.DownloadPathAsync(name);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
        await socket.ConnectAsync(address.Host, address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\nApi-Key: {merchant.Key}\r\nConnection: close\r\n\r\n"));
        return socket;
    }

    private static async Task<Guid> ReadAttemptIdAsync(Socket socket)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            (await socket.ReceiveAsync(one)).ShouldBe(1, head.ToString());
            head.Append((char)one[0]);
        }

        var line = head.ToString().Split("\r\n").Single(l => l.StartsWith("Download-Id: ", StringComparison.Ordinal));
        return Guid.Parse(line["Download-Id: ".Length..]);
    }

    private static async Task DrainAsync(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer) > 0)
        {
        }
    }
}
