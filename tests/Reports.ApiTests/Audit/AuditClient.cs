using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;

namespace Reports.ApiTests.Audit;

/// <summary>Somebody who reads the audit of the service under test.</summary>
internal sealed class AuditClient(ReportsApp app, HttpClient client) : IDisposable
{
    public const string Path = "/b/api/v1/audit/";

    public HttpClient Http => client;

    /// <summary>An auditor of a merchant, or of all.</summary>
    public static async Task<AuditClient> AuditorAsync(ReportsApp app, Guid? merchant = null) =>
        WithKey(app, await app.KeyAsync(merchant, isAuditor: true));

    public static AuditClient WithKey(ReportsApp app, string key)
    {
        var client = new HttpClient { BaseAddress = app.Address };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return new AuditClient(app, client);
    }

    public async Task<JsonElement> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        var url = new Uri(path.StartsWith('/') ? path : Path + path, UriKind.Relative);
        using var response = await client.GetAsync(url);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Every event that a query lets through, page by page, once all that is committed is sealed.</summary>
    public async Task<List<JsonElement>> EventsAsync(string query = "")
    {
        await SealedAsync(app);
        var events = new List<JsonElement>();
        for (string? next = $"{Path}events{query}"; next is not null;)
        {
            var page = await GetAsync(next);
            events.AddRange(page.GetProperty("results").EnumerateArray());
            next = page.GetProperty("next").GetString() is { } url ? new Uri(url).PathAndQuery : null;
        }

        return events;
    }

    /// <summary>Every line of a stream.</summary>
    public async Task<List<string>> LinesAsync(string query = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"{Path}events{query}", UriKind.Relative));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));
        using var response = await client.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/x-ndjson");
        return [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <summary>Waits until everything that is committed by now is sealed.</summary>
    public static async Task<long> SealedAsync(ReportsApp app)
    {
        var last = await NumberAsync(app, "select coalesce(max(seq_id), 0) from events.mt_events");
        await Eventually.IsTrueAsync(
            async () =>
            {
                return await NumberAsync(app, "select coalesce(max(last_seq), 0) from ledger.checkpoints") >= last;
            },
            "everything to be sealed");
        return last;
    }

    /// <summary>The record of the reads of a tenant, in order.</summary>
    public static Task<List<AuditRead>> ReadsAsync(ReportsApp app, string tenant) =>
        StoredAsync<AuditRead>(app, tenant, "audit.read.v1");

    /// <summary>The record of what a tenant was refused, in order.</summary>
    public static Task<List<AccessRefused>> RefusedAsync(ReportsApp app, string tenant) =>
        StoredAsync<AccessRefused>(app, tenant, "access.refused.v1");

    private static async Task<List<T>> StoredAsync<T>(ReportsApp app, string tenant, string type)
    {
        await using var command = app.Database.CreateCommand(
            "select data::text from events.mt_events where type = $2 and tenant_id = $1 order by seq_id");
        command.Parameters.AddWithValue(tenant);
        command.Parameters.AddWithValue(type);
        await using var row = await command.ExecuteReaderAsync();
        var found = new List<T>();
        while (await row.ReadAsync())
        {
            found.Add(JsonSerializer.Deserialize<T>(row.GetString(0), ContractJson.Options)!);
        }

        return found;
    }

    public static async Task<long> NumberAsync(ReportsApp app, string sql)
    {
        await using var command = app.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public void Dispose() => client.Dispose();
}
