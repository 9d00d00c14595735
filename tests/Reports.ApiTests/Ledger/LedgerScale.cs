using System.Globalization;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// How much the long tests of the ledger do: little enough for every build, and more by the environment.
/// </summary>
internal static class LedgerScale
{
    /// <summary>A number from the environment.</summary>
    public static int Of(string variable, int standard) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : standard;
}
