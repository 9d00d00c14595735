using System.Globalization;
using System.Text.RegularExpressions;

namespace Reports.BuildingBlocks;

/// <summary>Local days and times as instants, those too that do not exist or come twice.</summary>
public static class LocalDays
{
    /// <summary>The first instant of a local day.</summary>
    /// <param name="day">The day.</param>
    /// <param name="zone">The zone in which it is a day.</param>
    /// <returns>The instant, with the offset that holds in the zone at it.</returns>
    /// <remarks>
    /// Where clocks skip midnight, the day begins when they start again; where they show it twice, at the first time.
    /// </remarks>
    public static DateTimeOffset Start(DateOnly day, TimeZoneInfo zone) =>
        At(day, TimeOnly.MinValue, zone);

    /// <summary>The first instant at which the clocks of a zone show a local time.</summary>
    /// <param name="day">The day.</param>
    /// <param name="time">The time of day.</param>
    /// <param name="zone">The zone in which both are local.</param>
    /// <returns>The instant, with the offset that holds in the zone at it.</returns>
    /// <remarks>
    /// Where clocks skip the time, it is when they go on after it; where they show it twice, it is the first time.
    /// </remarks>
    public static DateTimeOffset At(DateOnly day, TimeOnly time, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(zone);
        var local = day.ToDateTime(time);

        // No offset is a whole day, so the clocks show less than the time at the one and more at the other.
        var utc = new DateTimeOffset(local, TimeSpan.Zero);
        var (before, after) = (utc.AddDays(-1), utc.AddDays(1));
        foreach (var offset in new[] { before, after }.Select(zone.GetUtcOffset).OrderDescending())
        {
            var at = new DateTimeOffset(local, offset);
            if (zone.GetUtcOffset(at) == offset)
            {
                return at;
            }
        }

        // Skipped: the instant between the two at which the clocks jump over it.
        while (after - before > TimeSpan.FromTicks(1))
        {
            var middle = before + ((after - before) / 2);
            (before, after) = TimeZoneInfo.ConvertTime(middle, zone).DateTime < local ? (middle, after) : (before, middle);
        }

        return TimeZoneInfo.ConvertTime(after, zone);
    }
}

/// <summary>
/// The system's clock in whole microseconds, the resolution of PostgreSQL: what an event says and what a table says of
/// the same instant are equal.
/// </summary>
public sealed class MicrosecondClock : TimeProvider
{
    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        var now = base.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}

/// <summary>Dates, instants and zones as the texts of the API write them.</summary>
public static partial class Times
{
    /// <summary>No instant is taken for an earlier one.</summary>
    public static readonly DateTimeOffset Earliest = new(1, 1, 2, 0, 0, 0, TimeSpan.Zero);

    /// <summary>No instant is taken for this or a later one.</summary>
    public static readonly DateTimeOffset Latest = new(9999, 12, 30, 0, 0, 0, TimeSpan.Zero);

    // The years 1 and 9999 stand for ever, and no zone can move anything out of the calendar.
    private static readonly DateTimeOffset LastStart = Latest.AddDays(-1);

    private static readonly string[] InstantFormats =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    [GeneratedRegex(@"(?<=\.[0-9]{7})[0-9]+(?=[^0-9])")]
    private static partial Regex BeyondTicks();

    /// <summary>A time zone by its IANA name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The zone; null when there is none of this name.</returns>
    public static TimeZoneInfo? Zone(string name) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) && zone.HasIanaId ? zone : null;

    /// <summary>A date.</summary>
    /// <param name="text">The text, such as <c>2026-11-01</c>.</param>
    /// <returns>The date; null when the text is none.</returns>
    public static DateOnly? Day(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day
            : null;

    /// <summary>The first instant of a local day.</summary>
    /// <param name="day">The day.</param>
    /// <param name="zone">The zone in which it is a day.</param>
    /// <returns>The instant.</returns>
    public static DateTimeOffset Start(DateOnly day, TimeZoneInfo zone) => day.Year switch
    {
        1 => Earliest,
        9999 => LastStart,
        _ => LocalDays.Start(day, zone),
    };

    /// <summary>The first instant after a local day.</summary>
    /// <param name="day">The day.</param>
    /// <param name="zone">The zone in which it is a day.</param>
    /// <returns>The instant.</returns>
    public static DateTimeOffset End(DateOnly day, TimeZoneInfo zone) => day.Year switch
    {
        1 => Earliest.AddDays(1),
        9999 => Latest,
        _ => LocalDays.Start(day.AddDays(1), zone),
    };

    /// <summary>An RFC 3339 instant; its offset must be written.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The instant; null when the text is none.</returns>
    public static DateTimeOffset? Instant(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
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

    /// <summary>An instant as its text.</summary>
    /// <param name="at">The instant.</param>
    /// <returns>In UTC, to the microsecond.</returns>
    public static string Text(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);

    /// <summary>The instant that a table keeps in UTC, with the offset that holds in a zone at it.</summary>
    /// <param name="utc">The instant.</param>
    /// <param name="zone">The IANA name of the zone.</param>
    /// <returns>The same instant.</returns>
    public static DateTimeOffset InZone(DateTime utc, string zone) =>
        TimeZoneInfo.ConvertTime(new DateTimeOffset(utc), TimeZoneInfo.FindSystemTimeZoneById(zone));
}
