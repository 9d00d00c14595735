using System.Net;
using System.Text;
using System.Text.Json;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;

namespace Reports.ApiTests.Requests;

/// <summary>A merchant's program that requests reports.</summary>
internal sealed class RequestClient(HttpClient http) : IDisposable
{
    public const string Path = "/b/api/v1/reports/requests/";

    public HttpClient Http => http;

    public Task<HttpResponseMessage> PostAsync(string body, string? key = null, string type = "application/json")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Path, UriKind.Relative))
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)),
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        return http.SendAsync(request);
    }

    /// <summary>Requests a report that can be; how it is shown.</summary>
    public async Task<JsonElement> AcceptedAsync(string body)
    {
        using var response = await PostAsync(body);
        response.StatusCode.ShouldBe(HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return await TestMerchant.JsonAsync(response);
    }

    public Task<HttpResponseMessage> GetAsync(string id) => http.GetAsync(new Uri($"{Path}{id}/", UriKind.Relative));

    public Task<HttpResponseMessage> DeleteAsync(string id) => http.DeleteAsync(new Uri($"{Path}{id}/", UriKind.Relative));

    public Task<JsonElement> ShowAsync(string id) => TestMerchant.GetJsonAsync(http, $"{Path}{id}/");

    public Task<JsonElement> ListAsync(string query = "") => TestMerchant.GetJsonAsync(http, Path + query);

    public void Dispose() => http.Dispose();

    /// <summary>A body that nobody else sends: the day decides.</summary>
    public static string Daily(int day) =>
        $$"""{"interval":"daily","first_day":"{{new DateOnly(2025, 1, 1).AddDays(day):yyyy-MM-dd}}"}""";

    /// <summary>A request as the store has it, that no generator was told of.</summary>
    public static ReportRequested Requested(
        TestMerchant merchant,
        DateTimeOffset? at = null,
        ReportInterval interval = ReportInterval.Daily,
        ReportSource source = ReportSource.Auto,
        Guid? schedule = null)
    {
        var created = at ?? DateTimeOffset.UtcNow.AddMinutes(-5);
        var period = new ReportPeriod(created.AddDays(-1), created, "Asia/Kuwait");
        return new ReportRequested(
            Guid.CreateVersion7(),
            merchant.Id,
            new ReportDescription(
                TestMerchant.NextNumber(), "report.csv", interval, source, ReportFormat.Csv, new(), period, created),
            Actor.Operator,
            schedule);
    }
}
