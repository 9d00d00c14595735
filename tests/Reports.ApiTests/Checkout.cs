namespace Reports.ApiTests;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    /// <summary>The host as it was built beside the tests.</summary>
    public static string Host { get; } = Path.Combine(
        AppContext.BaseDirectory.Replace("Reports.ApiTests", "Reports.Host", StringComparison.Ordinal), "Reports.Host.dll");

    private static string Find(DirectoryInfo directory) =>
        File.Exists(Path.Combine(directory.FullName, "Reports.sln")) ? directory.FullName : Find(directory.Parent!);
}
