using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace Reports.Benchmarks;

/// <summary>The parts of a request that need no other process, by BenchmarkDotNet.</summary>
internal static class MicroRow
{
    private const double MostForAuthentication = 20;

    public static Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        // In this process: the programs that BenchmarkDotNet writes and builds would each cost half a minute.
        var job = Job.ShortRun
            .WithIterationTime(TimeInterval.FromMilliseconds(bench.Options.Size(50, 200, 500)))
            .WithToolchain(InProcessEmitToolchain.Instance);
        var config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddLogger(NullLogger.Instance)
            .WithArtifactsPath(Path.GetFullPath(Path.Combine("artifacts", "bench")))
            .WithOptions(ConfigOptions.DisableOptimizationsValidator);
        var summary = BenchmarkRunner.Run<Micro>(config);
        return Task.FromResult<IReadOnlyList<Line>>(
        [
            .. summary.Reports.Select(report =>
            {
                var name = report.BenchmarkCase.Descriptor.WorkloadMethodDisplayInfo.Trim('\'');
                var microseconds = report.ResultStatistics?.OriginalValues.Select(ns => ns / 1000).ToArray() ?? [];
                var line = microseconds is []
                    ? Line.Failed(name, "gave no result")
                    : Line.Most(name, microseconds, MostForAuthentication, "µs") with
                    {
                        Memory = $"{report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase)} B allocated",
                    };
                var hasTarget = microseconds is [] || name.StartsWith("authentication", StringComparison.Ordinal);
                return hasTarget ? line : line with { Target = "", IsMet = null };
            }),
        ]);
    }
}
