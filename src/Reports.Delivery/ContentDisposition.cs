using System.Globalization;
using System.Text;

namespace Reports.Delivery;

/// <summary>
/// <c>Content-Disposition</c> of a download (RFC 6266, RFC 8187): an ASCII name for old clients, then the real one.
/// </summary>
internal static class ContentDisposition
{
    private const int LongestName = 200;
    private const string AttributeChars = "!#$&+-.^_`|~";

    public static string Attachment(string name)
    {
        var safe = Safe(name);
        return $"attachment; filename=\"{Ascii(safe)}\"; filename*=UTF-8''{Encode(safe)}";
    }

    // Control and format characters (a right-to-left override among them) have no place in a file name, nor have
    // separators of paths.
    private static string Safe(string name)
    {
        var safe = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            var isUnsafe = rune.Value is '/' or '\\' || category is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
            if (safe.Length < LongestName)
            {
                safe.Append(isUnsafe ? "_" : rune.ToString());
            }
        }

        var trimmed = safe.ToString().Trim(' ', '.');
        return trimmed.Length > 0 ? trimmed : "report";
    }

    // RFC 6266 appendix D: no quotes, backslashes, percent signs or characters outside ASCII in the plain parameter.
    private static string Ascii(string name) =>
        string.Concat(name.Select(c => c is >= ' ' and < '\x7f' and not '"' and not '\\' and not '%' ? c : '_'));

    private static string Encode(string name)
    {
        var encoded = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(name))
        {
            var c = (char)b;
            encoded = char.IsAsciiLetterOrDigit(c) || AttributeChars.Contains(c, StringComparison.Ordinal)
                ? encoded.Append(c)
                : encoded.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return encoded.ToString();
    }
}
