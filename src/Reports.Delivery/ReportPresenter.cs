using System.Buffers;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>The body of the list. What is said of a member here stands in the OpenAPI document.</summary>
[Description("A page of finished reports.")]
internal sealed record ReportList(
    [property: Description("How many reports match, on all pages together.")]
    long Count,
    [property: Description("The absolute URL of the next page; null on the last one."), Url]
    string? Next,
    [property: Description("The absolute URL of the previous page; null on the first one."), Url]
    string? Previous,
    [property: Description("The reports of this page, by `created_at` from the newest to the oldest; with `since` as they were finished.")]
    IReadOnlyList<ListedReport> Results,
    [property: Description("A mark of this moment: `since` gives what is finished after it.")]
    string Watermark);

/// <summary>One report of the list.</summary>
[Description("A finished report.")]
internal sealed record ListedReport(
    [property: Description("The report's id. It stays the same, and is accepted for a download in place of a token.")]
    [property: RegularExpression("^[A-Za-z0-9_-]{44}$")]
    string EncryptedId,
    [property: Description("The file name that a download proposes.")]
    string ReportName,
    [property: Description("What kind of period the report covers.")]
    string Interval,
    [property: Description("What caused the report: `auto`, a schedule; `manual`, a request.")]
    string Source,
    [property: Description("The format of the file.")]
    string FileFormat,
    [property: Description("How many transactions the file holds.")]
    long RecordsAmount,
    [property: Description("Always `finished`: no other report is listed.")]
    string Status,
    [property: Description("When the report was requested; UTC.")]
    DateTime CreatedAt,
    [property: Description("When its file had been written; UTC.")]
    DateTime GeneratedAt,
    [property: Description("When its file had been verified and could be downloaded; UTC.")]
    DateTime FinishedAt,
    [property: Description("The first instant of the period, with the offset that `time_zone` had then.")]
    DateTimeOffset PeriodStart,
    [property: Description("The first instant after the period, with the offset that `time_zone` has then.")]
    DateTimeOffset PeriodEnd,
    [property: Description("The IANA name of the time zone in which the days of the period are counted.")]
    string TimeZone,
    [property: Description("The length of the file in bytes.")]
    long FileSize,
    [property: Description("The SHA-256 digest of the file, in hexadecimal.")]
    [property: RegularExpression("^[0-9a-f]{64}$")]
    string Sha256,
    [property: Description("Until when the file is kept; UTC.")]
    DateTime ExpiresAt,
    [property: Description("How to download the report.")]
    DownloadAction DownloadAction);

/// <summary>How to download a report.</summary>
[Description("The request that downloads a report. It needs the credential of the caller who was given it.")]
internal sealed record DownloadAction(
    [property: Description("The HTTP method.")]
    string Method,
    [property: Description("The absolute URL. It can be used more than once."), Url]
    string Url,
    [property: Description("Until when the URL is good; UTC. List the report again for a new one.")]
    DateTime ExpiresAt);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReportList))]
[JsonSerializable(typeof(ListedReport))]
internal sealed partial class DeliveryJson : JsonSerializerContext
{
    // URLs and names stay as they are: the body is JSON, never part of a page.
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    // What is written is what a serializer writes by itself, and not looked at again.
    private static readonly JsonWriterOptions Unchecked = new() { Encoder = Encoder, SkipValidation = true };

    public static DeliveryJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = Encoder,
    });

    /// <summary>
    /// Writes what <see cref="Plain"/> would write, by the code that was generated for the type: the serializer does not
    /// use that with an encoder of our own, and takes twice as long.
    /// </summary>
    /// <param name="body">Where to.</param>
    /// <param name="value">What is written.</param>
    /// <param name="type">Its type as <see cref="Default"/> knows it.</param>
    public static void Write<T>(IBufferWriter<byte> body, T value, JsonTypeInfo<T> type)
    {
        using var json = new Utf8JsonWriter(body, Unchecked);
        type.SerializeHandler!(json, value);
    }

    /// <summary>The answer that consists of a value.</summary>
    /// <param name="value">What is answered.</param>
    /// <param name="type">Its type as <see cref="Default"/> knows it.</param>
    public static IResult Answer<T>(T value, JsonTypeInfo<T> type) => new Body<T>(value, type);

    private sealed class Body<T>(T value, JsonTypeInfo<T> type) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            Write(httpContext.Response.BodyWriter, value, type);
            await httpContext.Response.BodyWriter.FlushAsync();
        }
    }
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
    public ReportList List(HttpRequest request, ListReports.Page page) => new(
        page.Count,
        page.Next is { } next ? url.For(request, ListReports.PathOf(next)) : null,
        page.Previous is { } previous ? url.For(request, ListReports.PathOf(previous)) : null,
        Show(request, page.Rows),
        page.Watermark);

    /// <summary>A list that is shown to others than its merchant: nothing of it leads to a download.</summary>
    public JsonObject ListAsOf(HttpRequest request, Guid merchant, ListReports.Page page)
    {
        var sealedIds = ids.Seal(merchant, page.Rows.Select(r => r.Id).ToArray());
        var nothing = new DownloadAction("", "", default);
        var list = JsonSerializer.SerializeToNode(
            new ReportList(
                page.Count,
                page.Next is { } next ? url.For(request, ListReports.PathOf(next)) : null,
                page.Previous is { } previous ? url.For(request, ListReports.PathOf(previous)) : null,
                [.. page.Rows.Zip(sealedIds, (row, id) => Show(row, id, nothing))],
                ""),
            DeliveryJson.Plain.ReportList)!.AsObject();
        list.Remove("watermark");
        foreach (var report in list["results"]!.AsArray())
        {
            report!.AsObject().Remove("download_action");
        }

        return list;
    }

    public ListedReport[] Show(HttpRequest request, IReadOnlyList<FinishedReport> rows)
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
        var (start, end) = (Times.InZone(row.PeriodStart, row.TimeZone), Times.InZone(row.PeriodEnd, row.TimeZone));
        return new ListedReport(
            id, row.Name, row.Interval, row.Source, row.Format, row.Records, "finished", row.CreatedAt, row.GeneratedAt,
            row.FinishedAt, start, end, row.TimeZone, row.FileSize, Convert.ToHexStringLower(row.Sha256), row.ExpiresAt,
            action);
    }
}
