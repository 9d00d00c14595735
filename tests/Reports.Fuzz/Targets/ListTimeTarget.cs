using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Reports.BuildingBlocks;

namespace Reports.Fuzz.Targets;

/// <summary>Dates and instants in the address of a list.</summary>
internal static partial class ListTimeTarget
{
    private static readonly string[] ZoneNames = ["UTC", "Asia/Kuwait", "America/Santiago", "Pacific/Apia"];
    private static readonly TimeZoneInfo[] Zones = [.. ZoneNames.Select(TimeZoneInfo.FindSystemTimeZoneById)];

    public static FuzzTarget Create() => new(
        "list-times",
        "It never throws; a date that is accepted is written so, and begins before it ends in every zone, unless "
            + "its clocks skipped all of it; an instant is what the grammar of RFC 3339 and counting say, or the end of time.",
        [
            "2026-11-01", "0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "2011-12-30", "2026-11-01T00:00:00Z",
            "2026-11-01t03:00:00+03:00", "2026-10-31T19:00:00.000-05:00", "2026-11-01T00:00:00.000000000000z",
            "2026-11-01T00:00:00.9999999Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-14:00",
            "2026-11-01T00:00:00", "2026-11-01T24:00:00Z", "2026-11-01T00:00:60Z", "2026-11-01T00:00:00+15:00",
            "2026-11-01T00:00:00.Z", "",
        ],
        ["T", "Z", "+00:00", "-00:00", "+14:00", ".000", "2026-", "-02-29", ".Z", "23:59:59", "0000", "9999"],
        text => IsDay(text) | IsInstant(text));

    private static bool IsDay(string text)
    {
        if (Times.Day(text) is not { } day)
        {
            return false;
        }

        // The first year stands for ever: all of it starts where time does.
        BrokenPropertyException.Unless(
            day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) == text, $"{text} is read as {day:O}.");
        foreach (var zone in Zones)
        {
            var (start, end) = (Times.Start(day, zone), Times.End(day, zone));
            BrokenPropertyException.Unless(
                Times.Earliest <= start && (start < end || day.Year == 1 || IsSkipped(day, start, end)) && end <= Times.Latest,
                $"In {zone.Id}, {text} ends at {end:O}.");
        }

        return true;
    }

    // Samoa had no 30 December 2011.
    private static bool IsSkipped(DateOnly day, DateTimeOffset start, DateTimeOffset end) =>
        start == end && DateOnly.FromDateTime(start.DateTime) > day;

    private static bool IsInstant(string text)
    {
        if (Times.Instant(text) is not { } at)
        {
            return false;
        }

        var match = Rfc3339().Match(text);
        BrokenPropertyException.Unless(match.Success, $"{text} is no RFC 3339 instant.");
        var expected = BigInteger.Max(
            Times.Earliest.UtcTicks, BigInteger.Min(Times.Latest.AddDays(-1).UtcTicks, Ticks(match)));
        BrokenPropertyException.Unless(at.UtcTicks == expected, $"{text} is read as {at:O}.");
        BrokenPropertyException.Unless(
            Times.Instant(Times.Text(at)) == at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond)),
            $"{Times.Text(at)} is not read as it was written.");
        return true;
    }

    private static BigInteger Ticks(Match match)
    {
        BigInteger Number(string name) =>
            BigInteger.Parse($"0{match.Groups[name].Value}", CultureInfo.InvariantCulture);
        var day = new DateOnly((int)Number("y"), (int)Number("mo"), (int)Number("d")).DayNumber;
        var offset = (Number("oh") * 60 + Number("om")) * (match.Groups["sign"].Value == "-" ? -1 : 1);
        var minutes = (day * 24 + Number("h")) * 60 + Number("mi") - offset;
        var fraction = BigInteger.Parse(match.Groups["f"].Value.PadRight(7, '0')[..7], CultureInfo.InvariantCulture);
        return (minutes * 60 + Number("s")) * TimeSpan.TicksPerSecond + fraction;
    }

    [GeneratedRegex(@"\A(?<y>[0-9]{4})-(?<mo>[0-9]{2})-(?<d>[0-9]{2})"
        + @"[Tt](?<h>[0-9]{2}):(?<mi>[0-9]{2}):(?<s>[0-9]{2})"
        + @"(\.(?<f>[0-9]+))?([Zz]|(?<sign>[+-])(?<oh>[0-9]{2}):(?<om>[0-9]{2}))\z")]
    private static partial Regex Rfc3339();
}
