using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>The header fields of a download that is given: 200, 206 and 304 (<c>docs/contract.md</c> section 4).</summary>
internal static class DownloadHeaders
{
    /// <summary>The file's digest. The tag is strong: the file never changes.</summary>
    public static string ETag(StoredReport report) => $"\"{Convert.ToHexStringLower(report.Sha256)}\"";

    /// <summary>Which bytes are answered, when it is a part of the file.</summary>
    public static ContentRange? Range(StoredReport report, Selection selection) =>
        selection.Kind == DownloadSelection.Partial
            ? new ContentRange(selection.First, selection.Last, report.FileSize)
            : null;

    /// <summary>The <c>Content-Range</c> of a 416.</summary>
    public static string Unsatisfied(StoredReport report) => new ContentRangeHeaderValue(report.FileSize).ToString();

    public static void Write(HttpResponse response, StoredReport report, Selection selection, DateTimeOffset now)
    {
        var headers = response.GetTypedHeaders();
        response.Headers.ETag = ETag(report);

        // It must not be later than the answer's Date (RFC 9110 section 8.8.2.1), whatever other clocks said.
        headers.LastModified = report.FinishedAt > now.UtcDateTime ? now : report.FinishedAt;
        if (selection.Kind == DownloadSelection.NotModified)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = report.Format switch
        {
            "csv" => "text/csv; charset=utf-8",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _ => "application/octet-stream",
        };
        response.ContentLength = selection.Length;
        response.Headers.ContentDisposition = ContentDisposition.Attachment(report.Name);
        response.Headers.AcceptRanges = "bytes";

        // Of the whole file, on a part of it too (RFC 9530 section 3).
        response.Headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(report.Sha256)}:";
        if (Range(report, selection) is { } range)
        {
            response.StatusCode = StatusCodes.Status206PartialContent;
            headers.ContentRange = new ContentRangeHeaderValue(range.First, range.Last, range.Length);
        }
    }
}
