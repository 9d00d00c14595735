namespace Reports.Benchmarks;

/// <summary>How fast the list is with so many reports in the store.</summary>
/// <param name="Reports">The reports.</param>
/// <param name="PerSecond">Lists a second.</param>
/// <param name="P99">The 99th percentile in milliseconds.</param>
internal sealed record GrowthPoint(long Reports, double PerSecond, double P99);
