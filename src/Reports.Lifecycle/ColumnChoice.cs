using Reports.Contracts;

namespace Reports.Lifecycle;

/// <summary>Which columns a report may be asked for with, wherever somebody chooses them.</summary>
internal static class ColumnChoice
{
    public static readonly string Message =
        $"must name at least one column, and each only once, out of {string.Join(", ", ReportColumnNames.All)}";

    /// <summary>Whether columns may be asked for. None is fine: then the standard ones come.</summary>
    public static bool IsUsable(IReadOnlyList<string>? columns) => columns is null
        || (columns.Count > 0 && columns.All(ReportColumnNames.All.Contains) && columns.Distinct().Count() == columns.Count);
}
