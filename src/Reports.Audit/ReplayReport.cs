using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>
/// A report's story: every event of its stream and of its downloads in the order of the store, the state after each,
/// and the decisions about its downloads made again (<c>docs/contract.md</c> section 7).
/// </summary>
internal static class ReplayReport
{
    public const string Path = AuditedReadEndpoints.Path + "reports/{id}";
    public const int MaximumLimit = 1000;

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        [FromRoute(Name = "id")] string id,
        AuditReading reading,
        StoredEvents store,
        EncryptedIds ids,
        ReplayOptions options,
        PublicUrl url,
        CancellationToken cancellation)
    {
        var parameters = http.Request.Query;
        var asOf = Replays.AsOf(Parameters.Once(parameters, "as_of"));
        var after = Number(parameters, "after", least: 0) ?? 0;
        var limit = (int)Math.Min(MaximumLimit, Number(parameters, "limit", least: 1) ?? MaximumLimit);
        var merchant = Parameters.Once(parameters, "merchant");
        if (merchant is not null && !AuditTarget.IsUuid(merchant))
        {
            throw Parameters.Invalid("merchant", "must be a merchant's id");
        }

        if (!AuditTarget.IsShaped(id))
        {
            throw Parameters.Invalid("id", "must be an encrypted_id or a report's UUID");
        }

        var named = reading.Narrow(merchant);
        var report = AuditTarget.Report(ids, reading.Merchant, id);
        reading.Note(
            ("report", report), ("merchant", named), ("as_of", Replays.Text(asOf)), ("after", after), ("limit", limit));
        var found = report is { } given ? await store.TenantOfAsync(given, cancellation) : null;
        var tenant = reading.Found(named is null || named == found ? found : null);
        var own = await store.OfStreamsAsync(tenant, [report!.Value], asOf, cancellation);
        if (own is not [{ Type: "report.requested.v1" }, ..])
        {
            throw new ProblemException(Problem.NotFound);
        }

        var rows = await store.OfReportAsync(tenant, report.Value, asOf, after, limit + 1, cancellation);
        var (page, hasMore) = (rows.Take(limit).ToList(), rows.Count > limit);
        var story = new ReportReplay(own, options);
        var body = new JsonObject
        {
            ["report_id"] = report,
            ["encrypted_id"] = reading.Merchant is { } owner ? ids.Seal(owner, [report.Value])[0] : null,
            ["merchant"] = tenant,
            ["as_of"] = Replays.Text(asOf),
            ["state"] = story.StateAt(long.MaxValue),
            ["steps"] = new JsonArray([.. page.Select(story.Step)]),
            ["downloads"] = await DownloadsAsync(store, tenant, asOf, page, story, cancellation),
            ["next"] = hasMore ? url.For(http.Request, Next(http.Request, page[^1].Sequence)) : null,
        };
        return Replays.Json(body);
    }

    // Each download with the attempt; its end may stand on a later page.
    private static async Task<JsonArray> DownloadsAsync(
        StoredEvents store,
        string tenant,
        AsOf asOf,
        List<EventRow> page,
        ReportReplay story,
        CancellationToken cancellation)
    {
        var attempts = page.Where(r => r.Type == "download.attempted.v1" && r.StreamId is not null)
            .Select(r => r.StreamId!.Value).ToArray();
        var ends = (await store.OfStreamsAsync(tenant, attempts, asOf, cancellation))
            .Where(r => r.Version == 2).ToLookup(r => r.StreamId);
        return new JsonArray(
        [
            .. from attempt in page
               where attempt.Type == "download.attempted.v1"
               let known = StoredEvents.Known(attempt) as DownloadAttempted
               where known is not null
               select story.Download(attempt, known, ends[attempt.StreamId].FirstOrDefault()),
        ]);
    }

    private static string Next(HttpRequest request, long after) => QueryHelpers.AddQueryString(
        request.Path,
        request.Query.Where(p => p.Key is "as_of" or "limit" or "merchant")
            .Select(p => KeyValuePair.Create(p.Key, (string?)p.Value))
            .Append(KeyValuePair.Create("after", (string?)after.ToString(CultureInfo.InvariantCulture))));

    private static long? Number(IQueryCollection parameters, string name, long least) =>
        Parameters.Once(parameters, name) is not { } text ? null
        : Parameters.Number(text) is { } number && number >= least ? number
        : throw Parameters.Invalid(name, $"must be a whole number, at least {least}");
}

/// <summary>The events of a report's own stream, told, with the state after each.</summary>
internal sealed class ReportReplay
{
    private readonly ReplayOptions _options;
    private readonly List<(long Sequence, object Event, string Sentence, JsonObject? State)> _steps;

    public ReportReplay(IEnumerable<EventRow> own, ReplayOptions options)
    {
        var known = own.Select(row => (row.Sequence, Event: StoredEvents.Known(row)))
            .Where(row => row.Event is not null).Select(row => (row.Sequence, Event: row.Event!)).ToList();
        var told = options.TellReport(known.Select(row => row.Event));
        _options = options;
        _steps = [.. known.Zip(told, (row, step) => (row.Sequence, row.Event, step.Sentence, step.State))];
    }

    /// <summary>The state after everything up to a sequence.</summary>
    public JsonNode? StateAt(long sequence) =>
        _steps.LastOrDefault(step => step.Sequence <= sequence).State?.DeepClone();

    public JsonNode Step(EventRow row)
    {
        var sentence = _steps.Find(step => step.Sequence == row.Sequence).Sentence
            ?? Replays.Told(_options, row);
        var step = Replays.Step(row, sentence);
        step["download_id"] = row.Type.StartsWith("download.", StringComparison.Ordinal) ? row.StreamId : null;
        step["state"] = StateAt(row.Sequence);
        return step;
    }

    public JsonNode Download(EventRow attempt, DownloadAttempted attempted, EventRow? end)
    {
        var before = _steps.Where(step => step.Sequence < attempt.Sequence).Select(step => step.Event);
        var ended = end is null ? null : StoredEvents.Known(end);
        return new JsonObject
        {
            ["download_id"] = attempted.AttemptId,
            ["sequence"] = attempt.Sequence,
            ["attempted_at"] = EventLines.Text(attempt.RecordedAt),
            ["ended_at"] = EventLines.Text(end?.RecordedAt),
            ["principal"] = attempt.Fields.Principal,
            ["story"] = ended is null ? "It has not ended yet." : _options.TellDownload(ended),
            ["decision"] = Replays.Decision(_options, attempted, ended, before),
        };
    }
}
