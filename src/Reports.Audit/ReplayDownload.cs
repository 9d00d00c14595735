using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>
/// A download: the attempt, its end, and the decision about it made again from what is recorded
/// (<c>docs/contract.md</c> section 7).
/// </summary>
internal static class ReplayDownload
{
    public const string Path = AuditedReadEndpoints.Path + "downloads/{download_id}";

    internal static async Task<IResult> Endpoint(
        [FromRoute(Name = "download_id")] string id,
        AuditReading reading,
        StoredEvents store,
        ReplayOptions options,
        CancellationToken cancellation)
    {
        if (!AuditTarget.IsUuid(id))
        {
            throw Parameters.Invalid("download_id", "must be a UUID, as the Download-Id of an answer");
        }

        var download = Guid.ParseExact(id, "D");
        reading.Narrow(named: null);
        reading.Note(("download", download));
        var tenant = reading.Found(await store.TenantOfAsync(download, cancellation));
        var rows = await store.OfStreamsAsync(tenant, [download], new AsOf(), cancellation, areCompared: true);
        if (rows is not [var first, ..] || StoredEvents.Known(first) is not DownloadAttempted attempted)
        {
            throw new ProblemException(Problem.NotFound);
        }

        var end = rows is [_, var second, ..] ? StoredEvents.Known(second) : null;
        var report = attempted.ReportId is { } reportId
            ? await store.OfStreamsAsync(tenant, [reportId], new AsOf(Sequence: first.Sequence - 1), cancellation)
            : [];
        return Replays.Json(new JsonObject
        {
            ["download_id"] = download,
            ["merchant"] = tenant,
            ["report_id"] = attempted.ReportId,
            ["request_id"] = attempted.RequestId,
            ["steps"] = new JsonArray([.. rows.Select(row => Replays.Step(row, Replays.Told(options, row)))]),
            ["decision"] = Replays.Decision(
                options, attempted, end, report.Select(StoredEvents.Known).OfType<object>()),
        });
    }
}
