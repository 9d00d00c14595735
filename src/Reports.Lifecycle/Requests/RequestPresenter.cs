using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle.Requests;

/// <summary>The body of the list. What is said of a member here stands in the OpenAPI document.</summary>
[Description("A page of requests.")]
internal sealed record RequestList(
    [property: Description("How many requests match, on all pages together.")]
    long Count,
    [property: Description("The absolute URL of the next page; null on the last one."), Url]
    string? Next,
    [property: Description("The absolute URL of the previous page; null on the first one."), Url]
    string? Previous,
    [property: Description("The requests of this page, by `created_at` from the newest to the oldest.")]
    IReadOnlyList<ShownRequest> Results);

/// <summary>One request.</summary>
[Description("A report in whatever state, from its request on.")]
internal sealed record ShownRequest(
    [property: Description("The report's id. It stays the same, and is that of the finished report.")]
    [property: RegularExpression("^[A-Za-z0-9_-]{44}$")]
    string EncryptedId,
    [property: Description("The file name that a download will propose.")]
    string ReportName,
    [property: Description("How far it has come. `requested` and `generating` go on; the others are ends.")]
    string Status,
    [property: Description("What kind of period the report covers.")]
    string Interval,
    [property: Description("What caused the report: `auto`, a schedule; `manual`, a request.")]
    string Source,
    [property: Description("The format of the file.")]
    string FileFormat,
    [property: Description("The first instant of the period, with the offset that `time_zone` had then.")]
    DateTimeOffset PeriodStart,
    [property: Description("The first instant after the period, with the offset that `time_zone` has then.")]
    DateTimeOffset PeriodEnd,
    [property: Description("The IANA name of the time zone in which the days of the period are counted.")]
    string TimeZone,
    [property: Description("The columns of the file, in their order; null for the standard ones.")]
    IReadOnlyList<string>? Columns,
    [property: Description("The language of the column labels; null for the columns' own names.")]
    string? Locale,
    [property: Description("Whether a CSV file starts with a byte order mark.")]
    bool ByteOrderMark,
    [property: Description("Whether the sheets of a workbook run from right to left.")]
    bool RightToLeft,
    [property: Description("The schedule that asked for it; null for a manual report.")]
    Guid? ScheduleId,
    [property: Description("When it was requested; UTC.")]
    DateTime CreatedAt,
    [property: Description("When the generator began with the current try; UTC. Null before.")]
    DateTime? StartedAt,
    [property: Description("When it was finished, had failed or was cancelled; UTC. Null before.")]
    DateTime? EndedAt,
    [property: Description("The try that is under way or was the last, from 1.")]
    int Attempt,
    [property: Description("When the next try begins; UTC. Null unless one is waited for.")]
    DateTime? RetryAt,
    [property: Description("How far the generator says it is; null when nothing is known.")]
    ShownProgress? Progress,
    [property: Description("How the last try failed that did, while the next is on its way too; null when none did.")]
    ShownFailure? Failure,
    [property: Description("Until when the file is kept; UTC. Null before the report is finished.")]
    DateTime? ExpiresAt,
    [property: Description("What to go on with; null unless the report is finished.")]
    ShownLinks? Links);

/// <summary>How far a generator is.</summary>
[Description("How far the generator says it is.")]
internal sealed record ShownProgress(
    [property: Description("How many records it has written.")]
    long Records,
    [property: Description("How many it expects to write; null when it does not say.")]
    long? ExpectedRecords,
    [property: Description("The one as a share of the other; null when it does not say.")]
    int? Percent,
    [property: Description("When it was heard of; UTC.")]
    DateTime HeardAt);

/// <summary>How a try failed.</summary>
[Description("Why a try failed.")]
internal sealed record ShownFailure(
    [property: Description("A word for what went wrong, the generator's own; `timeout` when nothing was heard of it, `verification` when the file is not what it says.")]
    string Code,
    [property: Description("The same for a person.")]
    string Message,
    [property: Description("Whether asking again may help.")]
    bool Retryable,
    [property: Description("The try that failed, from 1.")]
    int Attempt);

/// <summary>Where to go on.</summary>
[Description("Where to go on.")]
internal sealed record ShownLinks(
    [property: Description("The absolute URL of the finished report, with its download."), Url]
    string Report);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RequestList))]
[JsonSerializable(typeof(ShownRequest))]
internal sealed partial class RequestsJson : JsonSerializerContext
{
    /// <summary>Writes URLs and names as they are: the body is JSON, never part of a page.</summary>
    public static RequestsJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>Shows requests to the caller they belong to: ids sealed, times in their zones.</summary>
internal sealed class RequestPresenter(EncryptedIds ids, PublicUrl url, CurrentCaller current, TimeProvider clock)
{
    /// <summary>After how many seconds to look at a new request for the first time.</summary>
    public const int FirstLook = 2;

    private const string Files = "/b/api/v1/reports/files/";
    private const int SlowestLook = 60;

    public RequestList List(HttpRequest request, ListRequests.Page page) => new(
        page.Count,
        page.Next is { } next ? url.For(request, ListRequests.PathOf(next)) : null,
        page.Previous is { } previous ? url.For(request, ListRequests.PathOf(previous)) : null,
        Show(request, page.Rows));

    public ShownRequest[] Show(HttpRequest request, IReadOnlyList<RequestRow> rows)
    {
        var sealedIds = ids.Seal(current.RequiredTenant, rows.Select(r => r.Id).ToArray());
        return [.. rows.Select((row, i) => Show(row, sealedIds[i], url.For(request, $"{Files}{sealedIds[i]}/")))];
    }

    /// <summary>The body that answers a request which is about to be committed.</summary>
    public byte[] Accepted(ReportRequested requested) => JsonSerializer.SerializeToUtf8Bytes(
        Show(RequestRow.Of(requested), ids.Seal(requested.MerchantId, [requested.ReportId])[0], report: ""),
        RequestsJson.Plain.ShownRequest);

    /// <summary>The absolute address of a request.</summary>
    public string Address(HttpRequest request, Guid report) =>
        url.For(request, $"{RequestEndpoints.Path}{ids.Seal(current.RequiredTenant, [report])[0]}/");

    /// <summary>
    /// After how many seconds it is worth looking again: the longer it has taken, the later. Null when it has ended.
    /// </summary>
    public int? LookAgainAfter(RequestRow row)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var due = ((row.RetryAt ?? now) - now).TotalSeconds;
        var since = (now - (row.StartedAt ?? row.CreatedAt)).TotalSeconds;
        return row.IsRunning ? (int)Math.Max(Math.Clamp(since / 10, FirstLook, SlowestLook), Math.Ceiling(due)) : null;
    }

    internal static ShownRequest Show(RequestRow row, string id, string report) => new(
        id,
        row.Name,
        row.Status,
        row.Interval,
        row.Source,
        row.Format,
        Times.InZone(row.PeriodStart, row.TimeZone),
        Times.InZone(row.PeriodEnd, row.TimeZone),
        row.TimeZone,
        row.Layout.Columns,
        row.Layout.Locale?.Word(),
        row.Layout.ByteOrderMark,
        row.Layout.RightToLeft,
        row.ScheduleId,
        row.CreatedAt,
        row.StartedAt,
        row.EndedAt,
        row.Attempt,
        row.RetryAt,
        row.IsRunning && row.Progress is { } p ? new(p.Records, p.Expected, Percent(p), p.HeardAt) : null,
        row.Failure is { } f ? new(f.Code, f.Message, f.IsRetryable, f.Attempt) : null,
        row.ExpiresAt,
        row.Status == "finished" ? new(report) : null);

    private static int? Percent(RequestProgress progress) => progress.Expected is > 0 and var expected
        ? (int)Math.Clamp(100m * progress.Records / expected, 0, 100)
        : null;
}
