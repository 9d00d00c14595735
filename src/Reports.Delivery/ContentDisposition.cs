using System.Globalization;
using System.Text;

namespace Reports.Delivery;

/// <summary>
/// <c>Content-Disposition</c> of a download (RFC 6266, RFC 8187): an ASCII name for old clients, then the real one.
/// </summary>
internal static class ContentDisposition
{
    private const int LongestName = 200;
    private const int LongestExtension = 10;
    private const string AttributeChars = "!#$&+-.^_`|~";

    // Windows opens a device where a file has one of these names, whatever its extension.
    private static readonly HashSet<string> Devices = new(
        ["CON", "PRN", "AUX", "NUL", .. "0123456789¹²³".SelectMany(n => new[] { $"COM{n}", $"LPT{n}" })],
        StringComparer.OrdinalIgnoreCase);

    public static string Attachment(string name)
    {
        var safe = Safe(name);
        return $"attachment; filename=\"{Ascii(safe)}\"; filename*=UTF-8''{Encode(safe)}";
    }

    // Control and format characters (a right-to-left override among them) have no place in a file name, nor have
    // separators of paths, nor halves of characters, which are read as the replacement character.
    private static string Safe(string name)
    {
        var safe = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            var isUnsafe = rune.Value is '/' or '\\' || rune == Rune.ReplacementChar
                || category is UnicodeCategory.Control or UnicodeCategory.Format
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
            safe.Append(isUnsafe ? "_" : rune.ToString());
        }

        var trimmed = Cut(safe.ToString().Trim(' ', '.'));
        return trimmed.Length == 0 ? "report"
            : Devices.Contains(trimmed.Split('.')[0].TrimEnd()) ? $"_{trimmed}"
            : trimmed;
    }

    // What a long name loses is its middle: the extension says what the file opens with.
    private static string Cut(string name)
    {
        if (name.Length <= LongestName)
        {
            return name;
        }

        var dot = name.LastIndexOf('.');
        var extension = name.Length - dot <= LongestExtension ? name[dot..] : "";
        var end = LongestName - extension.Length;
        return name[..(char.IsHighSurrogate(name[end - 1]) ? end - 1 : end)] + extension;
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
