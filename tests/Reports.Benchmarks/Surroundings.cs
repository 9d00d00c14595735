using System.Globalization;
using System.Runtime.InteropServices;

namespace Reports.Benchmarks;

/// <summary>What the figures were measured on.</summary>
internal static class Surroundings
{
    public static async Task<string> DescribeAsync(Bench bench, TimeSpan duration)
    {
        var cluster = new BenchDatabase(bench.Cluster, "postgres");
        var server = await cluster.ScalarAsync<string>("show server_version");
        var settings = await cluster.ScalarAsync<string>(
            """
            select string_agg(name || ' = ' || current_setting(name), ', ' order by name) from pg_settings
            where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size')
            """);
        var date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return
            $"""
            | | |
            |---|---|
            | date | {date} UTC, {duration.TotalMinutes:0} minutes |
            | machine | {Cpu()}, {Environment.ProcessorCount} cores, {Memory()} GiB |
            | system | {RuntimeInformation.OSDescription}, {RuntimeInformation.RuntimeIdentifier} |
            | .NET | {Environment.Version} |
            | PostgreSQL | {server}; {settings} |
            | Reports | {Environment.GetEnvironmentVariable("REPORTS_BENCH_COMMIT") ?? "unknown commit"} |
            """;
    }

    private static string Cpu() =>
        Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static long Memory() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1L << 30);

    private static string? Field(string file, string name) => !File.Exists(file) ? null : File.ReadLines(file)
        .FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim();
}
