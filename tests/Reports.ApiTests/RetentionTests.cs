using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>A service of its own: what ends there is over for all merchants of a database.</summary>
public sealed class RetentionFixture : IAsyncLifetime
{
    public ReportsApp App { get; } = new();

    public ValueTask InitializeAsync() => App.InitializeAsync();

    public ValueTask DisposeAsync() => App.DisposeAsync();
}

/// <summary>The end of a report's file, and what keeps it beyond its time.</summary>
public sealed class RetentionTests(RetentionFixture fixture) : IClassFixture<RetentionFixture>
{
    private readonly ReportsApp _app = fixture.App;

    private static DateTimeOffset Past => DateTimeOffset.UtcNow.AddSeconds(-1);

    [Fact]
    public async Task what_nobody_holds_expires_in_time_and_its_file_goes()
    {
        var merchant = await _app.MerchantAsync();
        var due = await merchant.FinishedAsync("due.csv", expiresAt: Past);
        var kept = await merchant.FinishedAsync("kept.csv");
        var path = await merchant.DownloadPathAsync("due.csv");
        await using var node = await CleaningAsync();

        await ExpiredAsync(due.Id);

        await GoneAsync(due);
        File.Exists(FileOf(kept)).ShouldBeTrue();
        using var client = merchant.RealClient();
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
        answer.StatusCode.ShouldBe(HttpStatusCode.Gone);
        (await answer.Content.ReadAsStringAsync()).ShouldContain("report_expired");
        (await merchant.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);
        (await merchant.EventsAsync(due.Id)).Select(e => e.GetType()).ShouldBe(
            [typeof(ReportRequested), typeof(ReportGenerated), typeof(ReportFinished), typeof(ReportExpired)]);
    }

    [Fact]
    public async Task several_nodes_expire_a_report_once()
    {
        var merchant = await _app.MerchantAsync();
        var reports = new List<GivenReport>();
        for (var i = 0; i < 20; i++)
        {
            reports.Add(await merchant.FinishedAsync($"r{i}.csv", expiresAt: Past));
        }

        await using var one = await CleaningAsync();
        await using var two = await CleaningAsync();
        foreach (var report in reports)
        {
            await ExpiredAsync(report.Id);
            await GoneAsync(report);
            (await merchant.EventsAsync(report.Id)).OfType<ReportExpired>().Count().ShouldBe(1);
        }

        (await merchant.ListAsync()).GetProperty("count").GetInt64().ShouldBe(0);
    }

    [Fact]
    public async Task a_held_report_outlives_its_time_and_goes_when_it_is_released()
    {
        var merchant = await _app.MerchantAsync();
        var held = await merchant.FinishedAsync("held.csv", expiresAt: Past);
        await PlaceAsync(merchant, held);
        await PlaceAsync(merchant, held);
        var other = await merchant.FinishedAsync("other.csv", expiresAt: Past);
        await using var node = await CleaningAsync();

        await ExpiredAsync(other.Id);

        (await merchant.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);
        using var client = merchant.RealClient();
        using var answer = await client.GetAsync(new Uri(await merchant.DownloadPathAsync("held.csv"), UriKind.Relative));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await answer.Content.ReadAsByteArrayAsync()).ShouldBe(held.Content);
        var (attempted, _) = await merchant.AttemptAsync(answer);
        (attempted.Inputs.IsHeld, attempted.Inputs.PolicyVersion).ShouldBe((true, DownloadPolicy.Version));
        (await merchant.EventsAsync(held.Id)).OfType<LegalHoldPlaced>().ShouldHaveSingleItem().Reason.ShouldBe("case 1");

        await ReleaseAsync(merchant, held);
        await ReleaseAsync(merchant, held);

        await ExpiredAsync(held.Id);
        await GoneAsync(held);
        (await merchant.EventsAsync(held.Id)).OfType<LegalHoldReleased>().Count().ShouldBe(1);
        (await Should.ThrowAsync<ProblemException>(() => PlaceAsync(merchant, held))).Problem.Status.ShouldBe(409);
        (await Should.ThrowAsync<ProblemException>(() => _app.Services.SendAsync(
            merchant.Id, new PlaceLegalHold.Command(Guid.CreateVersion7(), "case 1"), default))).Problem.Status.ShouldBe(404);
    }

    [Fact]
    public async Task a_hold_and_the_end_of_the_time_at_once_have_one_outcome()
    {
        var merchant = await _app.MerchantAsync();
        await using var node = await CleaningAsync();
        for (var i = 0; i < 8; i++)
        {
            var report = await merchant.FinishedAsync($"r{i}.csv", expiresAt: Past);
            var isHeld = true;
            try
            {
                await PlaceAsync(merchant, report);
            }
            catch (ProblemException e) when (e.Problem.Status == 409)
            {
                isHeld = false;
                await GoneAsync(report);
            }

            var events = await merchant.EventsAsync(report.Id);
            (events.OfType<LegalHoldPlaced>().Count(), events.OfType<ReportExpired>().Count())
                .ShouldBe(isHeld ? (1, 0) : (0, 1));
            File.Exists(FileOf(report)).ShouldBe(isHeld);
        }
    }

    [Fact]
    public async Task a_download_under_way_is_given_in_full_although_the_file_goes()
    {
        var merchant = await _app.MerchantAsync();
        var content = Encoding.ASCII.GetBytes("id\r\n" + new string('x', 24 * 1024 * 1024) + "\r\n");
        var report = await merchant.FinishedAsync("large.csv", content);
        var path = await merchant.DownloadPathAsync("large.csv");
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
        await socket.ConnectAsync(_app.Address.Host, _app.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nApi-Key: {merchant.Key}\r\n\r\n"));
        var buffer = new byte[1024 * 1024];
        var received = await socket.ReceiveAsync(buffer);

        await merchant.ExpireAsync(report.Id);
        await using (var scope = _app.Services.CreateAsyncScope())
        {
            var store = scope.ServiceProvider.GetRequiredService<Marten.IDocumentStore>();
            await using var session = store.QuerySession(merchant.Id.ToString());
            await RemoveLeftoversHandler.Handle(
                new RemoveLeftovers(report.Id), session, context: null!, _app.Services.GetRequiredService<Storage.ReportFiles>(), default);
        }

        File.Exists(FileOf(report)).ShouldBeFalse();
        var body = new MemoryStream();
        body.Write(buffer, 0, received);
        while (await socket.ReceiveAsync(buffer) is > 0 and var more)
        {
            body.Write(buffer, 0, more);
        }

        body.ToArray().AsSpan(^content.Length..).SequenceEqual(content).ShouldBeTrue();
    }

    [Fact]
    public async Task holds_are_placed_listed_and_released_by_commands()
    {
        var merchant = await _app.MerchantAsync();
        var report = await merchant.FinishedAsync("r.csv");
        var id = await merchant.EncryptedIdAsync("r.csv");

        (await CommandAsync(0, "hold", "place", "--merchant", $"{merchant.Id}", id, "--reason", "case 7")).Trim().ShouldBe("held");
        (await CommandAsync(0, "hold", "list", "--merchant", $"{merchant.Id}"))
            .ShouldMatch($"{report.Id} +{merchant.Id} .* r.csv +case 7");
        (await CommandAsync(0, "hold", "release", "--merchant", $"{merchant.Id}", $"{report.Id}", "--reason", "closed"))
            .Trim().ShouldBe("released");
        (await CommandAsync(0, "hold", "list", "--merchant", $"{merchant.Id}")).ShouldNotContain("case 7");
        (await CommandAsync(1, "hold", "place", "--merchant", $"{merchant.Id}", "nothing", "--reason", "x"))
            .ShouldContain("neither the id nor the encrypted_id");
    }

    private Task<WebApplication> CleaningAsync() => _app.ListenAsync("--Reports:Retention:Interval=00:00:00.1");

    private string FileOf(GivenReport report) => Path.Combine(_app.FilesRoot, report.StorageKey);

    private Task PlaceAsync(TestMerchant merchant, GivenReport report) =>
        _app.Services.SendAsync(merchant.Id, new PlaceLegalHold.Command(report.Id, "case 1"), default);

    private Task ReleaseAsync(TestMerchant merchant, GivenReport report) =>
        _app.Services.SendAsync(merchant.Id, new ReleaseLegalHold.Command(report.Id, "closed"), default);

    private Task<string> ExpiredAsync(Guid report) => Eventually.GetAsync(
        async () =>
        {
            await using var command = _app.Database.CreateCommand(
                "select status from reports.report_requests where report_id = $1 and status = 'expired'");
            command.Parameters.AddWithValue(report);
            return (string?)await command.ExecuteScalarAsync();
        },
        $"report {report} to expire");

    private Task<string> GoneAsync(GivenReport report) => Eventually.GetAsync(
        () => Task.FromResult(File.Exists(FileOf(report)) ? null : ""), "the file to be gone");

    private async Task<string> CommandAsync(int code, params string[] arguments)
    {
        var (exitCode, output, error) = await CommandProcess.RunAsync(_app, "", arguments);
        exitCode.ShouldBe(code, $"{string.Join(' ', arguments)}: {output} {error}");
        return code == 0 ? output : error;
    }
}
