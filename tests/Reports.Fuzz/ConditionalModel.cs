using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Reports.Contracts.Events;
using Reports.Delivery;

namespace Reports.Fuzz;

/// <summary>
/// The same rules as <see cref="ConditionalRequest"/>, written another way: grammars as regular expressions over the
/// joined lines of a field, numbers without limits. The two are compared, so neither may borrow from the other.
/// </summary>
internal static partial class ConditionalModel
{
    private const string Tag = @"(?:W/)?""[\x21\x23-\x7E\x80-\uFFFF]*""";
    private const string Day = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
    private const string LongDay = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
    private const string Month = "(?<m>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
    private const string Time = "(?<t>(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]|23:59:60)";
    private const string Imf = $"{Day}, (?<d>[0-9]{{2}}) {Month} (?<y>[0-9]{{4}}) {Time} GMT";
    private const string Rfc850 = $"{LongDay}, (?<d>[0-9]{{2}})-{Month}-(?<y>[0-9]{{2}}) {Time} GMT";
    private const string Asctime = $"{Day} {Month} (?: (?<d>[0-9])|(?<d>[0-9]{{2}})) {Time} (?<y>[0-9]{{4}})";

    public static (DownloadSelection Kind, BigInteger First, BigInteger Last) Evaluate(
        string method, IHeaderDictionary headers, Representation stored)
    {
        string? Field(string name) => headers[name] is { Count: > 0 } lines ? string.Join(", ", [.. lines]) : null;
        BigInteger? DateOf(string name) => Field(name) is { } text ? Date(text, stored.LastModified) : null;
        var modified = new BigInteger(stored.LastModified.ToUnixTimeSeconds());
        var (isGet, isHead) = (Is(method, "GET"), Is(method, "HEAD"));
        var everything = (DownloadSelection.Full, BigInteger.Zero, new BigInteger(stored.Length) - 1);
        if (Is(method, "CONNECT") || Is(method, "OPTIONS") || Is(method, "TRACE"))
        {
            return everything;
        }

        if (Field("If-Match") is { } ifMatch && !Lists(ifMatch, t => t == stored.ETag))
        {
            return (DownloadSelection.PreconditionFailed, 0, -1);
        }

        if (Field("If-Match") is null && DateOf("If-Unmodified-Since") < modified)
        {
            return (DownloadSelection.PreconditionFailed, 0, -1);
        }

        if (Field("If-None-Match") is { } ifNoneMatch && Lists(ifNoneMatch, t => t.TrimStart('W', '/') == stored.ETag))
        {
            return (isGet || isHead ? DownloadSelection.NotModified : DownloadSelection.PreconditionFailed, 0, -1);
        }

        if (Field("If-None-Match") is null && (isGet || isHead) && DateOf("If-Modified-Since") >= modified)
        {
            return (DownloadSelection.NotModified, 0, -1);
        }

        var isChanged = Field("If-Range") is { } ifRange
            && ifRange.Trim(' ', '\t') != stored.ETag && Date(ifRange, stored.LastModified) != modified;
        return isGet && !isChanged && headers.Range.Count == 1 && stored.Length > 0
            ? Range(headers.Range.ToString(), stored.Length) ?? everything
            : everything;
    }

    private static bool Is(string method, string name) => method.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static bool Lists(string field, Func<string, bool> isMeant) => field.Trim(' ', '\t') == "*"
        || (TagList().IsMatch(field) && Tags().Matches(field).Any(m => isMeant(m.Value)));

    private static (DownloadSelection Kind, BigInteger First, BigInteger Last)? Range(string field, BigInteger length)
    {
        if (SingleRange().Match(field) is not { Success: true } match)
        {
            return null;
        }

        BigInteger? Position(string name) => match.Groups[name] is { Success: true, Value: var digits }
            ? BigInteger.Parse(digits, CultureInfo.InvariantCulture)
            : null;
        var from = Position("first") ?? BigInteger.Max(0, length - (Position("suffix") ?? 0));
        var to = Position("last") ?? length;
        return Position("last") < from ? null
            : from < length ? (DownloadSelection.Partial, from, BigInteger.Min(to, length - 1))
            : (DownloadSelection.RangeNotSatisfiable, 0, -1);
    }

    private static BigInteger? Date(string field, DateTimeOffset reference)
    {
        var match = HttpDates().Match(field.Trim(' ', '\t'));
        BigInteger? At(int year) => DateTime.TryParseExact(
            $"{match.Groups["d"].Value} {match.Groups["m"].Value} {year:0000}",
            "d MMM yyyy",
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var day)
            ? new BigInteger((day - DateTime.UnixEpoch).TotalDays) * 86_400 + SecondOfDay(match.Groups["t"].Value)
            : null;
        if (!match.Success)
        {
            return null;
        }

        var year = int.Parse(match.Groups["y"].Value, CultureInfo.InvariantCulture);
        if (match.Groups["y"].Length == 4)
        {
            return At(year);
        }

        var inFiftyYears = reference.ToUniversalTime().AddYears(50);
        var near = Enumerable.Range(inFiftyYears.Year - 99, 100).Single(y => y % 100 == year);
        return near == inFiftyYears.Year && At(near) > inFiftyYears.ToUnixTimeSeconds() ? At(near - 100) : At(near);
    }

    private static BigInteger SecondOfDay(string time) => time.Split(':').Aggregate(
        BigInteger.Zero, (sum, part) => sum * 60 + BigInteger.Parse(part, CultureInfo.InvariantCulture));

    [GeneratedRegex($@"\A(?:[ \t]*{Tag})?(?:[ \t]*,(?:[ \t]*{Tag})?)*[ \t]*\z")]
    private static partial Regex TagList();

    [GeneratedRegex(Tag)]
    private static partial Regex Tags();

    [GeneratedRegex(@"\A[ \t]*[bB][yY][tT][eE][sS]=(?:(?:[ \t]*,)+[ \t]*)?"
        + @"(?:(?<first>[0-9]+)-(?<last>[0-9]+)?|-(?<suffix>[0-9]+))(?:[ \t]*,)*[ \t]*\z")]
    private static partial Regex SingleRange();

    [GeneratedRegex($@"\A(?:{Imf}|{Rfc850}|{Asctime})\z")]
    private static partial Regex HttpDates();
}
