using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>The body of the list.</summary>
internal sealed record ReportList(
    long Count, string? Next, string? Previous, IReadOnlyList<ListedReport> Results);

/// <summary>One report of the list.</summary>
internal sealed record ListedReport(
    string EncryptedId,
    string ReportName,
    string Interval,
    string Source,
    string FileFormat,
    long RecordsAmount,
    string Status,
    DateTime CreatedAt,
    DateTime GeneratedAt,
    DateTime FinishedAt,
    DateTimeOffset PeriodStart,
    DateTimeOffset PeriodEnd,
    string TimeZone,
    long FileSize,
    string Sha256,
    DateTime ExpiresAt,
    DownloadAction DownloadAction);

/// <summary>How to download a report.</summary>
internal sealed record DownloadAction(string Method, string Url, DateTime ExpiresAt);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReportList))]
internal sealed partial class DeliveryJson : JsonSerializerContext
{
    /// <summary>Writes URLs and names as they are: the body is JSON, never part of a page.</summary>
    public static DeliveryJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>Shows rows to the caller they belong to: ids sealed, download URLs minted, times in their zones.</summary>
internal sealed class ReportPresenter(
    DownloadTokens tokens,
    EncryptedIds ids,
    DeliveryOptions options,
    PublicUrl url,
    CurrentCaller current,
    TimeProvider clock)
{
    public ReportList Body(HttpContext http, ListReports.Page page, Func<long, string> link)
    {
        var hasNext = page.Offset < page.Count - page.Limit;
        var previous = Math.Max(0, Math.Min(page.Offset, page.Count) - page.Limit);
        return new ReportList(
            page.Count,
            hasNext ? url.For(http.Request, link(page.Offset + page.Limit)) : null,
            page.Offset > 0 ? url.For(http.Request, link(previous)) : null,
            Show(http.Request, page.Rows));
    }

    private ListedReport[] Show(HttpRequest request, IReadOnlyList<FinishedReport> rows)
    {
        var numbers = rows.Select(r => r.Number).ToArray();
        var guids = rows.Select(r => r.Id).ToArray();
        var expires = DownloadTokens.Expiry(clock.GetUtcNow(), options.TokenLifetime);
        var sealedTokens = tokens.Seal(numbers, current.Required.PrincipalNumber, expires);
        var sealedIds = ids.Seal(current.RequiredTenant, guids);
        var start = url.For(request, ListReports.Path);
        var shown = new ListedReport[rows.Count];
        for (var i = 0; i < shown.Length; i++)
        {
            var action = new DownloadAction("GET", $"{start}{sealedTokens[i]}/download/", expires.UtcDateTime);
            shown[i] = Show(rows[i], sealedIds[i], action);
        }

        return shown;
    }

    private static ListedReport Show(FinishedReport row, string id, DownloadAction action)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(row.TimeZone);
        return new ListedReport(
            id, row.Name, row.Interval, row.Source, row.Format, row.Records, "finished", row.CreatedAt, row.GeneratedAt,
            row.FinishedAt, InZone(row.PeriodStart, zone), InZone(row.PeriodEnd, zone), row.TimeZone, row.FileSize,
            Convert.ToHexStringLower(row.Sha256), row.ExpiresAt, action);
    }

    private static DateTimeOffset InZone(DateTime utc, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(new DateTimeOffset(utc), zone);
}
