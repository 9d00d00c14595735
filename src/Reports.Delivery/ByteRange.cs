using System.Globalization;
using System.Text;
using Microsoft.Extensions.Primitives;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>
/// A single byte range (RFC 9110 section 14.1.2); a Range field that asks for anything else is ignored.
/// </summary>
internal static class ByteRange
{
    private const string Unit = "bytes=";

    /// <summary>
    /// What a Range field selects of so many bytes: one range, nothing when it lies beyond them, or else everything.
    /// </summary>
    public static Selection Select(StringValues field, long length)
    {
        // Several lines are a mistake of the sender, since the field is no list. Of an empty file no range makes sense.
        if (field.Count != 1 || length == 0)
        {
            return Selection.Whole(length);
        }

        var text = field[0].AsSpan().Trim(HttpText.Whitespace);
        return text.Length > Unit.Length && Ascii.EqualsIgnoreCase(text[..Unit.Length], Unit)
            ? Resolve(OnlyOne(text[Unit.Length..]), length)
            : Selection.Whole(length);
    }

    // The one range of a set; empty when there is none or more than one. Empty elements do not count, and whitespace
    // may surround a comma, but not follow the equals sign (section 5.6.1.2).
    private static ReadOnlySpan<char> OnlyOne(ReadOnlySpan<char> set)
    {
        ReadOnlySpan<char> only = [];
        foreach (var part in set.Split(','))
        {
            var isFirst = part.Start.Value == 0;
            var range = set[part].TrimEnd(HttpText.Whitespace);
            range = isFirst ? range : range.TrimStart(HttpText.Whitespace);
            if (!range.IsEmpty && !only.IsEmpty)
            {
                return [];
            }

            only = range.IsEmpty ? only : range;
        }

        return only;
    }

    private static Selection Resolve(ReadOnlySpan<char> range, long length)
    {
        var dash = range.IndexOf('-');
        if (dash < 0 || range.Length == 1 || !AreDigits(range[..dash]) || !AreDigits(range[(dash + 1)..]))
        {
            return Selection.Whole(length);
        }

        var (isSuffix, isOpen) = (dash == 0, dash == range.Length - 1);
        var first = range[..dash].TrimStart('0');
        var last = range[(dash + 1)..].TrimStart('0');
        if (!isSuffix && !isOpen && Compare(last, first) < 0)
        {
            return Selection.Whole(length);
        }

        var start = isSuffix ? length - Math.Min(length, Number(last)) : Number(first);
        var end = isSuffix || isOpen ? length - 1 : Math.Min(length - 1, Number(last));
        return start < length
            ? new Selection(DownloadSelection.Partial, start, end)
            : Selection.Nothing(DownloadSelection.RangeNotSatisfiable);
    }

    private static bool AreDigits(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }
        }

        return true;
    }

    // Numbers without leading zeros, of any length: those too that no integer type holds.
    private static int Compare(ReadOnlySpan<char> x, ReadOnlySpan<char> y) =>
        x.Length != y.Length ? x.Length.CompareTo(y.Length) : x.SequenceCompareTo(y);

    // No file has a position that a long cannot hold: section 14.1.2 wants such numerals understood, not refused.
    private static long Number(ReadOnlySpan<char> digits) =>
        digits.IsEmpty ? 0
        : long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : long.MaxValue;
}
