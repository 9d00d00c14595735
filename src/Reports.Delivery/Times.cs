using System.Globalization;
using System.Text.RegularExpressions;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>Dates and instants as the addresses of the API write them.</summary>
internal static partial class Times
{
    public static readonly DateTimeOffset Earliest = new(1, 1, 2, 0, 0, 0, TimeSpan.Zero);
    public static readonly DateTimeOffset Latest = new(9999, 12, 30, 0, 0, 0, TimeSpan.Zero);

    // The years 1 and 9999 stand for ever, and no zone can move anything out of the calendar.
    private static readonly DateTimeOffset LastStart = Latest.AddDays(-1);

    private static readonly string[] InstantFormats =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    [GeneratedRegex(@"(?<=\.[0-9]{7})[0-9]+(?=[^0-9])")]
    private static partial Regex BeyondTicks();

    /// <summary>A time zone by its IANA name; null when there is none of this name.</summary>
    public static TimeZoneInfo? Zone(string name) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) && zone.HasIanaId ? zone : null;

    /// <summary>A date; null when the text is none.</summary>
    public static DateOnly? Day(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day
            : null;

    /// <summary>The first instant of a local day.</summary>
    public static DateTimeOffset Start(DateOnly day, TimeZoneInfo zone) => day.Year switch
    {
        1 => Earliest,
        9999 => LastStart,
        _ => LocalDays.Start(day, zone),
    };

    /// <summary>The first instant after a local day.</summary>
    public static DateTimeOffset End(DateOnly day, TimeZoneInfo zone) => day.Year switch
    {
        1 => Earliest.AddDays(1),
        9999 => Latest,
        _ => LocalDays.Start(day.AddDays(1), zone),
    };

    /// <summary>An RFC 3339 instant; its offset must be written.</summary>
    public static DateTimeOffset? Instant(string text)
    {
        var hasOffset = text.Length > 19
            && (text.EndsWith('Z') || text.EndsWith('z') || text[^6] is '+' or '-');

        // The formats would take a point without a digit after it.
        return hasOffset && (text[19] != '.' || (text.Length > 20 && char.IsAsciiDigit(text[20])))
            && DateTimeOffset.TryParseExact(
                BeyondTicks().Replace(text.ToUpperInvariant(), ""), InstantFormats, CultureInfo.InvariantCulture,
                DateTimeStyles.None, out var at)
            ? at < Earliest ? Earliest : at > LastStart ? LastStart : at
            : null;
    }

    public static string Text(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
}
