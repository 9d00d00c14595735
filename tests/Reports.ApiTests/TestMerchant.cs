using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Reports.Access;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>A report as a test knows it.</summary>
public sealed record GivenReport(Guid Id, long Number, string StorageKey, byte[] Content)
{
    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Content));
}

/// <summary>A merchant of the service under test, with the calls that its programs make.</summary>
public sealed class TestMerchant(ReportsApp app, Guid id, string key)
{
    public const string List = "/b/api/v1/reports/files/";

    private static long _lastNumber = 1_000_000;

    public static long NextNumber() => Interlocked.Increment(ref _lastNumber);

    public Guid Id => id;

    public string Key => key;

    /// <summary>A client in process that sends the key.</summary>
    public HttpClient Client() => WithKey(app.Host.Server.CreateClient(), key);

    /// <summary>A client over a real connection that sends the key.</summary>
    public HttpClient RealClient() => WithKey(new HttpClient { BaseAddress = app.Address }, key);

    public HttpClient UserClient(string name, string password)
    {
        var client = app.Host.Server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")));
        return client;
    }

    /// <summary>A new user; name and password.</summary>
    public async Task<(string Name, string Password)> UserAsync(string[] permissions, bool isSuperuser = false)
    {
        var name = $"user-{Guid.CreateVersion7():n}";
        var password = Passwords.Generate();
        await app.Services.SendAsync(id, new RegisterUser.Command(name, password, permissions, isSuperuser), default);
        return (name, password);
    }

    public async Task<JsonElement> ListAsync(string query = "")
    {
        using var client = Client();
        return await GetJsonAsync(client, List + query);
    }

    public static async Task<JsonElement> GetJsonAsync(HttpClient client, string url)
    {
        using var response = await client.GetAsync(new Uri(url, UriKind.RelativeOrAbsolute));
        return await JsonAsync(response);
    }

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        using var document = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());
        return document.RootElement.Clone();
    }

    /// <summary>The path that the list gives for downloading a report.</summary>
    public async Task<string> DownloadPathAsync(string reportName) => PathOf(await ListedAsync(reportName));

    public async Task<string> EncryptedIdAsync(string reportName) =>
        (await ListedAsync(reportName)).GetProperty("encrypted_id").GetString()!;

    /// <summary>A report as the list shows it.</summary>
    public async Task<JsonElement> ListedAsync(string reportName) =>
        (await ListAsync("?limit=200&created_after=2001-01-01")).GetProperty("results").EnumerateArray()
            .Single(r => r.GetProperty("report_name").GetString() == reportName);

    public static string PathOf(JsonElement listed) =>
        new Uri(listed.GetProperty("download_action").GetProperty("url").GetString()!).AbsolutePath;

    /// <summary>A finished report, as if a generator had made and the service had verified it.</summary>
    public async Task<GivenReport> FinishedAsync(
        string name = "report.csv",
        byte[]? content = null,
        DateTimeOffset? createdAt = null,
        ReportInterval interval = ReportInterval.Daily,
        ReportSource source = ReportSource.Auto,
        DateTimeOffset? expiresAt = null,
        ReportPeriod? period = null)
    {
        content ??= Encoding.UTF8.GetBytes($"id,amount\r\n{Guid.CreateVersion7()},1.00\r\n");
        var created = createdAt ?? DateTimeOffset.UtcNow.AddMinutes(-5);
        var report = Guid.CreateVersion7();
        var files = app.Services.GetRequiredService<ReportFiles>();
        var storageKey = StorageKey.Parse($"{id:N}/{report:N}/1/report.csv");
        await using (var writer = files.Create(storageKey))
        {
            await writer.Stream.WriteAsync(content);
            await writer.CommitAsync(default);
        }

        var facts = await FileInspection.InspectAsync(files, storageKey, ReportFormat.Csv, default);
        period ??= new ReportPeriod(created.AddDays(-1), created, "Asia/Kuwait");
        var description = new ReportDescription(
            NextNumber(), name, interval, source, ReportFormat.Csv, new(), period, created);
        var given = new GivenReport(report, description.Number, storageKey.Value, content);
        await AppendAsync(
            report,
            new ReportRequested(report, id, description, Actor.Operator),
            new ReportGenerated(
                report, 1, storageKey.Value, content.Length, given.Sha256, facts.Records, [], Actor.Service, created.AddSeconds(9)),
            new ReportFinished(
                report, id, description, storageKey.Value, facts.Size, facts.Sha256, facts.Blocks, facts.Records,
                created.AddSeconds(9), created.AddSeconds(10), expiresAt ?? created.AddYears(20), Actor.Service));
        return given;
    }

    /// <summary>
    /// Waits until <c>since</c> shows what is finished: it waits for every older transaction of the database server, those
    /// of other tests too.
    /// </summary>
    public Task ShownSinceAsync() => Eventually.IsTrueAsync(
        async () =>
        {
            await using var command = app.Database.CreateCommand(
                """
                select not exists (
                    select from reports.finished_reports
                    where merchant_id = $1 and finished_xid >= pg_snapshot_xmin(pg_current_snapshot()))
                """);
            command.Parameters.AddWithValue(id);
            return (bool)(await command.ExecuteScalarAsync())!;
        },
        "older transactions to end");

    /// <summary>Starts a Report stream of this merchant.</summary>
    public async Task AppendAsync(Guid report, params object[] events)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(id.ToString());
        session.Events.StartStream<Report>(report, events);
        await session.SaveChangesAsync();
    }

    /// <summary>The end of a finished report's retention.</summary>
    public async Task ExpireAsync(Guid report)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(id.ToString());
        session.Events.Append(report, new ReportExpired(report, id, Actor.Service, DateTimeOffset.UtcNow));
        await session.SaveChangesAsync();
    }

    /// <summary>Gives this merchant quotas of its own; none for the installation's.</summary>
    public async Task ChangeQuotasAsync(int? requestsPerDay, int? downloadsPerHour)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(id.ToString());
        session.Events.Append(id, new MerchantChanged(
            id, "Test merchant", "UTC", 365, new MerchantQuotas(requestsPerDay, downloadsPerHour), Actor.Operator,
            DateTimeOffset.UtcNow));
        await session.SaveChangesAsync();
    }

    /// <summary>Every event of a stream of this merchant.</summary>
    public Task<IReadOnlyList<object>> EventsAsync(Guid stream) => EventsAsync(app, id.ToString(), stream);

    public static async Task<IReadOnlyList<object>> EventsAsync(ReportsApp app, string tenant, Guid stream)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().QuerySession(tenant);
        var events = await session.Events.FetchStreamAsync(stream);
        return [.. events.Select(e => e.Data)];
    }

    /// <summary>The two events of the attempt that an answer names.</summary>
    public async Task<(DownloadAttempted Attempted, object? End)> AttemptAsync(HttpResponseMessage response) =>
        await AttemptAsync(Guid.Parse(response.Headers.GetValues("Download-Id").Single()));

    public async Task<(DownloadAttempted Attempted, object? End)> AttemptAsync(Guid attempt) =>
        await AttemptAsync(app, id.ToString(), attempt);

    /// <summary>The two events of an attempt. The decision about it must be what follows from what is recorded.</summary>
    public static async Task<(DownloadAttempted Attempted, object? End)> AttemptAsync(
        ReportsApp app, string tenant, Guid attempt)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().QuerySession(tenant);
        var events = await session.Events.FetchStreamAsync(attempt);
        var (attempted, end) = events.Select(e => e.Data).ToList() switch
        {
            [DownloadAttempted one] => (one, null),
            [DownloadAttempted one, var last] => (one, last),
            var others => throw new InvalidOperationException(
                string.Create(CultureInfo.InvariantCulture, $"{others.Count} events for attempt {attempt}")),
        };
        var report = attempted.ReportId is { } id ? await session.Events.FetchStreamAsync(id) : [];
        var explained = DownloadExplanation.Of(
            attempted, end, report.Where(e => e.Sequence < events[0].Sequence).Select(e => e.Data));
        if (attempted.Inputs.PolicyVersion == DownloadPolicy.Version)
        {
            (explained.IsAsRecorded, explained.IsByEvents).ShouldBe(
                (explained.Recorded is null ? null : true, true), explained.ToString());
        }

        return (attempted, end);
    }

    /// <summary>Waits for the end of an attempt; it is recorded after the answer.</summary>
    public Task<object> EndOfAsync(Guid attempt) =>
        Eventually.GetAsync(async () => (await AttemptAsync(attempt)).End, $"the end of attempt {attempt}");

    private static HttpClient WithKey(HttpClient client, string key)
    {
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }
}
