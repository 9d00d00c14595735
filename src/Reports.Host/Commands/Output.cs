using System.Globalization;
using System.Text;

namespace Reports.Host.Commands;

/// <summary>Writes lists that people read and scripts can cut: columns with two spaces or more between them.</summary>
internal static class Output
{
    private const string Nothing = "-";

    public static void Table(string[] header, IEnumerable<string[]> rows)
    {
        var lines = rows.Prepend(header).ToList();
        var widths = header.Select((_, column) => lines.Max(line => line[column].Length)).ToArray();
        foreach (var line in lines)
        {
            var cells = line.Select((text, column) => text.PadRight(widths[column]));
            Console.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }

    public static string Text(string text) => text.Length > 0 ? text : Nothing;

    /// <summary>A stranger's text in one line: what a terminal would act on becomes a space.</summary>
    public static string Line(string text, int longest = int.MaxValue)
    {
        var line = string.Concat(text.EnumerateRunes().Select(r => Rune.IsControl(r) ? " " : r.ToString()));
        return Text(line.Length > longest ? $"{line[..(longest - 1)]}…" : line);
    }

    public static string Text(int? number, string otherwise = Nothing) =>
        number?.ToString(CultureInfo.InvariantCulture) ?? otherwise;

    public static string Text(DateTimeOffset? instant) =>
        instant?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? Nothing;
}
