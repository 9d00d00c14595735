namespace Reports.Delivery;

/// <summary>The three forms of an HTTP-date (RFC 9110 section 5.6.7), case-sensitive, in whole seconds.</summary>
/// <remarks>
/// The name of the day must be one; that it is the date's own is not asked. A leap second, at 23:59:60 only, counts as
/// the second after it.
/// </remarks>
internal static class HttpDate
{
    private const string Months = "JanFebMarAprMayJunJulAugSepOctNovDec";

    private static readonly string[] Days =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    /// <summary>The seconds since 1970 that a text stands for; null when it is no HTTP-date.</summary>
    /// <param name="text">The text, without whitespace around it.</param>
    /// <param name="reference">
    /// What a year of two digits is near to: at most 50 years after it, as section 5.6.7 has it of the present.
    /// </param>
    public static long? Parse(ReadOnlySpan<char> text, DateTimeOffset reference)
    {
        if (Fits(text, "???, ?? ??? ???? ??:??:?? GMT"))
        {
            return IsDay(text[..3], isShort: true)
                ? Seconds(Number(text.Slice(12, 4)), text.Slice(8, 3), text.Slice(5, 2), text.Slice(17, 8))
                : null;
        }

        if (Fits(text, "??? ??? ?? ??:??:?? ????"))
        {
            var day = text[8] == ' ' ? text.Slice(9, 1) : text.Slice(8, 2);
            return IsDay(text[..3], isShort: true)
                ? Seconds(Number(text.Slice(20, 4)), text.Slice(4, 3), day, text.Slice(11, 8))
                : null;
        }

        var comma = Math.Max(0, text.IndexOf(','));
        return Fits(text[comma..], ", ??-???-?? ??:??:?? GMT") && IsDay(text[..comma], isShort: false)
            ? TwoDigitYear(text[(comma + 2)..], reference)
            : null;
    }

    private static long? TwoDigitYear(ReadOnlySpan<char> text, DateTimeOffset reference)
    {
        var digits = Number(text.Slice(7, 2));
        if (digits < 0)
        {
            return null;
        }

        var limit = reference.UtcDateTime.Year + 50;
        var year = limit - ((limit + 100 - digits) % 100);
        var date = Seconds(year, text.Slice(3, 3), text[..2], text.Slice(10, 8));
        return year == limit && date > AtLimit(reference) || year > DateTime.MaxValue.Year
            ? Seconds(year - 100, text.Slice(3, 3), text[..2], text.Slice(10, 8))
            : date;
    }

    private static long AtLimit(DateTimeOffset reference) =>
        reference.Year < DateTime.MaxValue.Year - 50 ? reference.AddYears(50).ToUnixTimeSeconds() : long.MaxValue;

    private static long? Seconds(int year, ReadOnlySpan<char> month, ReadOnlySpan<char> day, ReadOnlySpan<char> time)
    {
        var monthNumber = Month(month);
        var dayNumber = Number(day);
        var (hour, minute, second) = (Number(time[..2]), Number(time.Slice(3, 2)), Number(time.Slice(6, 2)));
        var isDate = year is > 0 and < 10_000 && monthNumber > 0 && dayNumber > 0
            && dayNumber <= DateTime.DaysInMonth(year, monthNumber);
        var isTime = hour is >= 0 and < 24 && minute is >= 0 and < 60
            && (second is >= 0 and < 60 || (hour, minute, second) == (23, 59, 60));
        return isDate && isTime
            ? new DateTimeOffset(year, monthNumber, dayNumber, hour, minute, 0, default).ToUnixTimeSeconds() + second
            : null;
    }

    // Whether a text has the punctuation of a form; a question mark stands for any character.
    private static bool Fits(ReadOnlySpan<char> text, string form)
    {
        var fits = text.Length == form.Length;
        for (var i = 0; fits && i < form.Length; i++)
        {
            fits = form[i] == '?' || form[i] == text[i];
        }

        return fits;
    }

    private static bool IsDay(ReadOnlySpan<char> name, bool isShort)
    {
        foreach (var day in Days)
        {
            if (name.SequenceEqual(isShort ? day.AsSpan(0, 3) : day))
            {
                return true;
            }
        }

        return false;
    }

    private static int Month(ReadOnlySpan<char> name)
    {
        for (var month = 1; month <= 12; month++)
        {
            if (name.SequenceEqual(Months.AsSpan((month - 1) * 3, 3)))
            {
                return month;
            }
        }

        return 0;
    }

    // -1 when there is anything but digits.
    private static int Number(ReadOnlySpan<char> text)
    {
        var number = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return -1;
            }

            number = (number * 10) + (c - '0');
        }

        return number;
    }
}
