using System.Collections.Frozen;
using Reports.Contracts;

namespace Reports.Generator.Files;

/// <summary>The columns of one report, and what its header calls them.</summary>
internal sealed class ReportTable
{
    private static readonly FrozenDictionary<string, ReportColumn> ByName =
        ReportColumns.All.ToFrozenDictionary(column => column.Name, StringComparer.Ordinal);

    private ReportTable(IReadOnlyList<ReportColumn> columns, ReportLocale? locale)
    {
        Columns = columns;
        Labels = [.. columns.Select(column => Label(column, locale))];
    }

    public IReadOnlyList<ReportColumn> Columns { get; }

    public IReadOnlyList<string> Labels { get; }

    /// <summary>Whether any column needs what was given back of a payment.</summary>
    public bool HasBreakdown => Columns.Any(column => column.IsBreakdown);

    /// <summary>What a layout asks for.</summary>
    /// <exception cref="GenerationRefusedException">It names no column, an unknown one, or one twice.</exception>
    public static ReportTable Of(ReportLayout layout)
    {
        var names = layout.Columns ?? ReportColumnNames.Standard;
        if (names.Count == 0)
        {
            throw Refusal("A report needs at least one column.");
        }

        var chosen = new List<ReportColumn>(names.Count);
        foreach (var name in names)
        {
            if (!ByName.TryGetValue(name ?? "", out var column))
            {
                throw Refusal($"The column '{name}' is not known.");
            }

            if (chosen.Contains(column))
            {
                throw Refusal($"The column '{name}' is asked for twice.");
            }

            chosen.Add(column);
        }

        return new ReportTable(chosen, layout.Locale);
    }

    private static string Label(ReportColumn column, ReportLocale? locale) =>
        locale is { } language
            ? language switch { ReportLocale.En => column.English, ReportLocale.Ar => column.Arabic }
            : column.Name;

    private static GenerationRefusedException Refusal(string message) => new("unknown_column", message);
}
