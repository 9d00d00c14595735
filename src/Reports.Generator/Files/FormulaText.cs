using System.Buffers;

namespace Reports.Generator.Files;

/// <summary>
/// Text that a spreadsheet would take for a formula when it opens a CSV file. It gets an apostrophe in front, which
/// spreadsheets read as "text". Only what comes from outside is treated so; numbers never are.
/// </summary>
internal static class FormulaText
{
    // OWASP's list of first characters, with NUL and the full-width forms that some spreadsheets fold to ASCII.
    private static readonly SearchValues<char> Triggers = SearchValues.Create("=+-@\t\r\n\0＝＋－＠");

    public static bool IsOne(string text) => text.Length > 0 && Triggers.Contains(text[0]);

    public static string Neutralise(string text) => IsOne(text) ? $"'{text}" : text;
}
