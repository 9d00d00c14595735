namespace Reports.Benchmarks;

/// <summary>What can be measured, by name, in the order of the table.</summary>
internal static class BenchRows
{
    public static IReadOnlyDictionary<string, Func<Bench, Task<IReadOnlyList<Line>>>> All { get; } =
        new Dictionary<string, Func<Bench, Task<IReadOnlyList<Line>>>>
        {
            ["list"] = ListRow.RunAsync,
            ["growth"] = GrowthRow.RunAsync,
            ["download"] = DownloadRow.RunAsync,
            ["small-download"] = SmallDownloadRow.RunAsync,
            ["slow-downloads"] = SlowDownloadsRow.RunAsync,
            ["lifecycle"] = LifecycleRow.RunAsync,
            ["ledger"] = LedgerRow.RunAsync,
            ["export"] = ExportRow.RunAsync,
            ["rebuild"] = RebuildRow.RunAsync,
            ["generator"] = GeneratorRow.RunAsync,
            ["start"] = StartRow.RunAsync,
            ["micro"] = MicroRow.RunAsync,
        };
}
