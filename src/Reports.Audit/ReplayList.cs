using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;

namespace Reports.Audit;

/// <summary>
/// What a merchant's list answered at an instant, all but what leads to downloads (<c>docs/contract.md</c> section 7).
/// </summary>
internal static class ReplayList
{
    public const string Path = AuditedReadEndpoints.Path + "list";

    // Clocks may differ by a little; what is later than that has not happened yet.
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(1);

    private static readonly string[] Filters =
        ["created_after", "created_before", "tz", "interval", "source", "limit", "offset"];

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        AuditReading reading,
        AuditorDatabase database,
        ReplayOptions options,
        PublicUrl url,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        var parameters = http.Request.Query;
        var named = Parameters.Once(parameters, "merchant");
        if (named is not null && !AuditTarget.IsUuid(named))
        {
            throw Parameters.Invalid("merchant", "must be a merchant's id");
        }

        reading.Narrow(named);
        var merchant = reading.Merchant ?? throw Parameters.Invalid("merchant", "must be given: there are many lists");
        var now = clock.GetUtcNow();
        var asOf = Parameters.Once(parameters, "as_of") is not { } text ? now
            : Times.Instant(text) is { } instant && instant <= now + Skew ? instant
            : throw Parameters.Invalid(
                "as_of", "must be an RFC 3339 instant (2026-11-01T00:00:00Z) that is over; a plus sign is written %2B");
        (string, object?)[] asked = [("merchant", merchant), ("as_of", Times.Text(asOf))];
        reading.Note(asked);
        var list = await options.ListAsOf(http, database.Source, merchant, asOf, cancellation);

        // Only now are they known to be what they should.
        reading.Note([.. asked, .. Filters.Select(f => (f, (object?)Parameters.Once(parameters, f)))]);

        // The links of the body are those of the list then; these lead on here.
        string? Here(string link) => list[link]?.GetValue<string>() is { } then
            ? url.For(http.Request, QueryHelpers.AddQueryString(
                $"{Path}{new Uri(then, UriKind.RelativeOrAbsolute).Query()}",
                new Dictionary<string, string?> { ["merchant"] = $"{merchant}", ["as_of"] = Times.Text(asOf) }))
            : null;
        if (Parameters.Links(Here("next"), Here("previous")) is { Length: > 0 } links)
        {
            http.Response.Headers.Link = links;
        }

        return Replays.Json(list);
    }

    // Also of an address without a host, which has none of the parts that the type knows.
    private static string Query(this Uri address) =>
        address.OriginalString.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at
            ? address.OriginalString[at..]
            : "";
}
