using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Reports.Contracts;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>A service of its own, two nodes of it, whose generators are reached by another road.</summary>
public abstract class RoadApp : IAsyncLifetime
{
    private readonly ReportsApp _app;
    private int _days;

    protected RoadApp(params string[] settings) => _app = new ReportsApp { Settings = settings };

    public ReportsApp App => _app;

    public virtual ValueTask InitializeAsync() => _app.InitializeAsync();

    public virtual async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Asks for a report, of another day each time: the same one is never made twice at once.</summary>
    public async Task<Guid> RequestAsync(TestMerchant? merchant = null)
    {
        merchant ??= await _app.MerchantAsync();
        return await _app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv,
                new DateOnly(2026, 3, 1).AddDays(-Interlocked.Increment(ref _days))),
            default);
    }

    public Task FinishedAsync(Guid report, TimeSpan? patience = null) => Eventually.GetAsync(
        async () => await ScalarAsync(
            "select status from reports.report_requests where report_id = $1", report) is "finished" ? report.ToString() : null,
        $"report {report} to be finished",
        patience);

    public async Task<object?> ScalarAsync(string sql, params object[] parameters)
    {
        await using var command = _app.Database.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return await command.ExecuteScalarAsync();
    }

    public async Task<long> CountAsync(string sql, params object[] parameters) =>
        (long)(await ScalarAsync(sql, parameters))!;

    /// <summary>Dead letters whose body holds a text.</summary>
    public Task<long> DeadAsync(string text) => CountAsync(
        "select count(*) from wolverine.wolverine_dead_letters where position($1::bytea in body) > 0",
        Encoding.UTF8.GetBytes(text));

    /// <summary>Rows of the inbox whose body holds a text, handled or not.</summary>
    public Task<long> InboxAsync(string text) => CountAsync(
        "select count(*) from wolverine.wolverine_incoming_envelopes where position($1::bytea in body) > 0",
        Encoding.UTF8.GetBytes(text));

    /// <summary>Waits until a message is handled.</summary>
    public Task HandledAsync(string text, long copies = 1, TimeSpan? patience = null) => Eventually.GetAsync(
        async () => await CountAsync(
            """
            select count(*) from wolverine.wolverine_incoming_envelopes
            where status = 'Handled' and position($1::bytea in body) > 0
            """,
            Encoding.UTF8.GetBytes(text)) == copies ? text : null,
        $"the message with {text} to be handled",
        patience);

    public Task DiesAsync(string text) => Eventually.GetAsync(
        async () => await DeadAsync(text) > 0 ? text : null, $"the message with {text} to be a dead letter");

    /// <summary>What a generator does with an order: writes the file, and claims it.</summary>
    public JsonObject Fulfil(JsonElement order, string generator = "test-generator/1.0")
    {
        var content = Encoding.UTF8.GetBytes("id,amount\r\n1,2.00\r\n2,3.00\r\n");
        var path = Path.Combine(_app.FilesRoot, order.GetProperty("storage_prefix").GetString()!, "report.csv");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        var answer = Answer(order, generator);
        answer["file_name"] = "report.csv";
        answer["file_size"] = content.Length;
        answer["sha256"] = Convert.ToHexStringLower(SHA256.HashData(content));
        answer["records"] = 2;
        answer["totals"] = new JsonArray();
        return answer;
    }

    public static JsonObject Heartbeat(JsonElement order, string generator)
    {
        var answer = Answer(order, generator);
        answer["records"] = 1;
        return answer;
    }

    public static JsonObject CloudEvent(string id, string type, JsonNode data) => new()
    {
        ["specversion"] = "1.0",
        ["id"] = id,
        ["source"] = "urn:test:generator",
        ["type"] = type,
        ["tenantid"] = "another-tenant",
        ["data"] = data,
    };

    public static string Unique() => string.Create(CultureInfo.InvariantCulture, $"test-{Guid.CreateVersion7():N}");

    /// <summary>An order is a clean CloudEvent.</summary>
    public static JsonElement Data(JsonElement order)
    {
        order.EnumerateObject().Select(p => p.Name)
            .ShouldBe(["specversion", "id", "source", "type", "time", "datacontenttype", "data"], ignoreOrder: true);
        order.GetProperty("specversion").GetString().ShouldBe("1.0");
        Guid.TryParse(order.GetProperty("id").GetString(), out _).ShouldBeTrue();
        order.GetProperty("source").GetString().ShouldBe("reports");
        order.GetProperty("type").GetString().ShouldBe("reports.generate-report.v1");
        order.GetProperty("time").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(5));
        order.GetProperty("datacontenttype").GetString().ShouldBe("application/json");
        order.GetRawText().ShouldNotContain(":null");
        return order.GetProperty("data");
    }

    /// <summary>The members that every answer has.</summary>
    public static JsonObject Answer(JsonElement order, string generator) => new()
    {
        ["report_id"] = order.GetProperty("report_id").GetString(),
        ["attempt"] = order.GetProperty("attempt").GetInt32(),
        ["grant"] = order.GetProperty("grant").GetString(),
        ["generator"] = generator,
    };
}
