using System.Buffers;
using System.Globalization;
using System.Text;

namespace Reports.Generator.Files;

/// <summary>Text as a workbook holds it.</summary>
internal static class XlsxText
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>
    /// Appends the text as XML. What XML cannot hold is written as <c>_xHHHH_</c> (ECMA-376 part 1, 22.9.2.19,
    /// ST_Xstring), and what only looks like such an escape has its underscore escaped, so that every text comes back
    /// as it was. A carriage return is escaped too: an XML reader would turn it into a line feed.
    /// </summary>
    public static void Append(StringBuilder xml, string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsSurrogate(c))
            {
                var isPair = char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
                _ = isPair ? xml.Append(c).Append(text[++i]) : xml.Append('\uFFFD');
            }
            else if (IsIllegal(c) || (c == '_' && LooksEscaped(text.AsSpan(i))))
            {
                xml.Append(CultureInfo.InvariantCulture, $"_x{(int)c:X4}_");
            }
            else
            {
                AppendLegal(xml, c);
            }
        }
    }

    private static void AppendLegal(StringBuilder xml, char c) => _ = c switch
    {
        '&' => xml.Append("&amp;"),
        '<' => xml.Append("&lt;"),
        '>' => xml.Append("&gt;"),
        _ => xml.Append(c),
    };

    private static bool IsIllegal(char c) => (c < ' ' && c is not ('\t' or '\n')) || c is '\uFFFE' or '\uFFFF';

    private static bool LooksEscaped(ReadOnlySpan<char> text) =>
        text.Length >= 7
        && text[1] == 'x'
        && text[6] == '_'
        && !text[2..6].ContainsAnyExcept(HexDigits);
}
