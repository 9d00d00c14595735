using System.Globalization;

namespace Reports.Benchmarks;

/// <summary>A line of the table.</summary>
/// <param name="Path">What is measured.</param>
/// <param name="Target">The target; none for lines that only inform.</param>
/// <param name="Ours">Our figure, as text.</param>
/// <param name="Yardstick">The yardstick's.</param>
/// <param name="Value">What the target is compared with: a ratio, where there is a yardstick.</param>
/// <param name="Spread">The smallest and the largest of the rounds.</param>
/// <param name="IsMet">Whether the target is met.</param>
internal sealed record Line(
    string Path, string Target, string Ours, string Yardstick, string Value, string Spread, bool? IsMet)
{
    /// <summary>p50, p99 and p99.9 of both sides, in milliseconds.</summary>
    public string Latency { get; init; } = "";

    /// <summary>The most memory that the service's process held.</summary>
    public string Memory { get; init; } = "";

    /// <summary>How long the database worked for each request of both sides.</summary>
    public string Database { get; init; } = "";

    public string Remark { get; init; } = "";

    public string Verdict => IsMet switch { true => "met", false => "**missed**", null => "" };

    /// <summary>A rate that must reach a part of the yardstick's.</summary>
    public static Line AtLeast(string path, Comparison comparison, double target, string unit)
    {
        var ratio = Statistics.Median(comparison.Ratios);
        return new Line(
            path,
            $"≥ {Number(target)}",
            $"{Number(comparison.Ours.Median)} {unit}",
            $"{Number(comparison.Yardstick.Median)} {unit}",
            Number(ratio),
            Range(comparison.Ratios),
            ratio >= target) { Latency = Latencies(comparison) };
    }

    /// <summary>A percentile of the latency that must not pass a multiple of the yardstick's.</summary>
    public static Line Tail(string path, Comparison comparison, double most, double percentile = 99)
    {
        var ratios = comparison.LatencyRatios(percentile);
        var ratio = Statistics.Median(ratios);
        return new Line(
            path,
            $"≤ {Number(most)}",
            $"{Number(comparison.Ours.At(percentile))} ms",
            $"{Number(comparison.Yardstick.At(percentile))} ms",
            Number(ratio),
            Range(ratios),
            ratio <= most) { Latency = Latencies(comparison) };
    }

    /// <summary>A figure without a yardstick that must reach something.</summary>
    public static Line Least(string path, IReadOnlyList<double> values, double least, string unit)
    {
        var median = Statistics.Median(values);
        return new Line(
            path, $"≥ {Number(least)} {unit}", $"{Number(median)} {unit}", "", Number(median), Range(values),
            median >= least);
    }

    /// <summary>A figure without a yardstick that must not pass something.</summary>
    public static Line Most(string path, IReadOnlyList<double> values, double most, string unit)
    {
        var median = Statistics.Median(values);
        return new Line(
            path, $"≤ {Number(most)} {unit}", $"{Number(median)} {unit}", "", Number(median), Range(values),
            median <= most);
    }

    /// <summary>A row that could not be measured.</summary>
    public static Line Failed(string name, string reason) => new(name, "", "", "", "", "", false) { Remark = reason };

    public static string Range(IReadOnlyList<double> values) =>
        values.Count < 2 ? "" : $"{Number(values.Min())}–{Number(values.Max())}";

    /// <summary>Three digits that count.</summary>
    public static string Number(double value) => value switch
    {
        double.NaN => "–",
        >= 1000 => value.ToString("#,0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        >= 0.1 or 0 => value.ToString("0.00", CultureInfo.InvariantCulture),
        _ => value.ToString("0.0000", CultureInfo.InvariantCulture),
    };

    private static string Latencies(Comparison comparison) => comparison switch
    {
        { Ours.Loads: [] } => "",
        { Yardstick.Loads: [] } => Percentiles(comparison.Ours),
        _ => $"{Percentiles(comparison.Ours)}; {Percentiles(comparison.Yardstick)}",
    };

    private static string Percentiles(Side side) =>
        $"{Number(side.At(50))}/{Number(side.At(99))}/{Number(side.At(99.9))}";
}
