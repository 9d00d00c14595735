using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Audit;

/// <summary>What the replays of reports and of downloads have in common.</summary>
internal static class Replays
{
    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>An instant, a sequence, or neither.</summary>
    /// <exception cref="ProblemException">The text is none of these.</exception>
    public static AsOf AsOf(string? text) =>
        text is null ? new AsOf()
        : Parameters.Number(text) is { } sequence ? new AsOf(Sequence: sequence)
        : Times.Instant(text) is { } instant ? new AsOf(Instant: instant)
        : throw Parameters.Invalid(
            "as_of",
            "must be an RFC 3339 instant (2026-11-01T00:00:00Z) or a sequence; a plus sign is written %2B");

    /// <summary>The place as the record of the read names it.</summary>
    public static string? Text(AsOf asOf) => asOf switch
    {
        { Sequence: { } sequence } => sequence.ToString(CultureInfo.InvariantCulture),
        { Instant: { } instant } => Times.Text(instant),
        _ => null,
    };

    /// <summary>The sentence for an event of a download.</summary>
    public static string Told(ReplayOptions options, EventRow row) =>
        StoredEvents.Known(row) is { } known ? options.TellDownload(known) : "An event that is unknown here.";

    /// <summary>One event of a story.</summary>
    public static JsonObject Step(EventRow row, string story) => new()
    {
        ["sequence"] = row.Sequence,
        ["sealed"] = row.LeafIndex is not null,
        ["intact"] = row.IsIntact,
        ["recorded_at"] = EventLines.Text(row.RecordedAt),
        ["type"] = row.Type,
        ["principal"] = row.Fields.Principal,
        ["outcome"] = row.Fields.Outcome,
        ["story"] = story,
    };

    /// <summary>
    /// A decision made again: what was answered, what follows from what is recorded, whether they agree, and from what.
    /// </summary>
    public static JsonObject Decision(
        ReplayOptions options, DownloadAttempted attempted, object? end, IEnumerable<object> report)
    {
        var explained = options.ExplainDownload(attempted, end, report);
        JsonNode? Take(string name) => explained.Remove(name, out var value) ? value : null;
        return new JsonObject
        {
            ["policy_version"] = Take("policy_version"),
            ["ruling"] = Take("ruling"),
            ["recorded"] = Answer(Take("recorded")),
            ["recomputed"] = Answer(Take("recomputed")),
            ["agrees"] = Take("is_as_recorded"),
            ["by_events"] = Answer(Take("by_events")),
            ["agrees_by_events"] = Take("is_by_events"),
            ["lacks"] = Take("lacks") ?? new JsonArray(),
            ["inputs"] = JsonSerializer.SerializeToNode(attempted.Inputs, ContractJson.Options),
        };
    }

    /// <summary>Answers with an object.</summary>
    public static IResult Json(JsonObject body) =>
        Results.Text(body.ToJsonString(Plain), "application/json; charset=utf-8");

    // A code that is none is told as such: an answer always has the same members.
    private static JsonNode? Answer(JsonNode? answer)
    {
        if (answer is JsonObject given && !given.ContainsKey("code"))
        {
            given["code"] = null;
        }

        return answer;
    }
}
