using System.Text;

namespace Reports.Benchmarks;

/// <summary>Writes what was measured, with what it was measured on.</summary>
internal static class Page
{
    /// <summary>What people wrote about the figures, kept beside the page so that no run removes it.</summary>
    private const string Notes = "benchmarks-notes.md";

    /// <summary>The table for a terminal.</summary>
    public static string Summary(IReadOnlyList<Line> lines)
    {
        string[][] rows =
        [
            ["path", "target", "Reports", "yardstick", "figure", "rounds", ""],
            .. lines.Select(l => (string[])
                [l.Path, l.Target, l.Ours, l.Yardstick, l.Value, l.Spread, l.Verdict.Trim('*')]),
        ];
        var widths = rows[0].Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        return string.Join('\n', rows.Select(row =>
            string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()));
    }

    private static string Table(IReadOnlyList<Line> lines)
    {
        var table = new StringBuilder(
            "| path | target | Reports | yardstick | ratio or figure | rounds | | p50/p99/p99.9 ms: Reports; yardstick "
            + "| memory | database, a request: Reports; yardstick | |\n"
            + "|---|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var line in lines)
        {
            string[] cells =
            [
                line.Path, line.Target, line.Ours, line.Yardstick, line.Value, line.Spread, line.Verdict, line.Latency,
                line.Memory, line.Database, line.Remark,
            ];
            table.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
        }

        return table.ToString();
    }

    /// <summary>Writes the page and its plots.</summary>
    /// <returns>The page's path.</returns>
    public static async Task<string> WriteAsync(Bench bench, IReadOnlyList<Line> lines, TimeSpan duration)
    {
        var directory = Directory.CreateDirectory(bench.Options.Output).FullName;
        var path = Path.Combine(directory, "benchmarks.md");
        var notes = Path.Combine(directory, Notes);
        var mode = bench.Options.Size(" --quick, whose figures say nothing", "", " --full");
        var text = new StringBuilder(
            $"""
            # Benchmarks

            Written by `./build/bench`{mode}.
            Each figure is the median of rounds that alternate with those of the yardstick in the same session, and a
            ratio is the median of the rounds' ratios; *rounds* are the least and the largest of them. Load generator,
            service, yardstick and PostgreSQL share the machine.

            {await Surroundings.DescribeAsync(bench, duration)}

            {Table(lines)}

            """);
        if (bench.Growth is { Count: > 1 } growth)
        {
            await File.WriteAllTextAsync(Path.Combine(directory, "benchmarks-throughput.svg"), Plot.Svg(
                "Lists a second", growth.Select(p => (p.Reports, p.PerSecond))));
            await File.WriteAllTextAsync(Path.Combine(directory, "benchmarks-p99.svg"), Plot.Svg(
                "p99 of the list in milliseconds", growth.Select(p => (p.Reports, p.P99))));
            text.Append(
                """

                ## As the store grows

                ![Lists a second against reports in the store](benchmarks-throughput.svg)
                ![p99 of the list against reports in the store](benchmarks-p99.svg)

                """);
        }

        if (File.Exists(notes))
        {
            text.AppendLine().Append(await File.ReadAllTextAsync(notes));
        }

        await File.WriteAllTextAsync(path, text.ToString().ReplaceLineEndings("\n"));
        return path;
    }
}
