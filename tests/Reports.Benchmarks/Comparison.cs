namespace Reports.Benchmarks;

/// <summary>Figures of one side of a comparison, the rounds in their order.</summary>
internal sealed record Side(IReadOnlyList<double> Rates, IReadOnlyList<LoadResult> Loads)
{
    public double Median => Statistics.Median(Rates);

    /// <summary>The median over the rounds of a percentile of the latency, in milliseconds.</summary>
    public double At(double percentile) => Statistics.Median([.. Loads.Select(l => l.At(percentile))]);
}

/// <summary>Ours against a yardstick, in rounds that alternate.</summary>
internal sealed record Comparison(Side Ours, Side Yardstick)
{
    /// <summary>How many rounds of a load go before those that count.</summary>
    public const int WarmUps = 3;

    public IReadOnlyList<double> Ratios => [.. Ours.Rates.Zip(Yardstick.Rates, (ours, theirs) => ours / theirs)];

    /// <summary>The ratio of a percentile of the latency in each round.</summary>
    public IReadOnlyList<double> LatencyRatios(double percentile) =>
        [.. Ours.Loads.Zip(Yardstick.Loads, (ours, theirs) => ours.At(percentile) / theirs.At(percentile))];

    /// <summary>Loads both sides in turn.</summary>
    public static async Task<Comparison> OfLoadsAsync(
        Func<Task<LoadResult>> ours, Func<Task<LoadResult>> yardstick, int rounds, int warmUps = WarmUps)
    {
        var sides = await OfLoadsAsync([ours, yardstick], rounds, warmUps);
        return new Comparison(sides[0], sides[1]);
    }

    /// <summary>
    /// Runs all sides in turn; the side that begins changes with each round, and the first ones count for nothing: code
    /// that is compiled while it runs takes some seconds of load until it is as fast as it gets.
    /// </summary>
    public static async Task<IReadOnlyList<Side>> OfLoadsAsync(
        IReadOnlyList<Func<Task<LoadResult>>> sides, int rounds, int warmUps)
    {
        var loads = await AlternateAsync(sides, rounds, warmUps);
        return [.. loads.Select(side => new Side([.. side.Select(l => l.PerSecond)], side))];
    }

    /// <summary>The same for work whose rate is told by itself.</summary>
    public static async Task<Comparison> OfRatesAsync(
        Func<Task<double>> ours, Func<Task<double>> yardstick, int rounds, int warmUps = 1)
    {
        var rates = await AlternateAsync([ours, yardstick], rounds, warmUps);
        return new Comparison(new Side(rates[0], []), new Side(rates[1], []));
    }

    private static async Task<IReadOnlyList<List<T>>> AlternateAsync<T>(
        IReadOnlyList<Func<Task<T>>> sides, int rounds, int warmUps)
    {
        var results = sides.Select(_ => new List<T>()).ToList();
        for (var round = 0; round < warmUps + rounds; round++)
        {
            for (var turn = 0; turn < sides.Count; turn++)
            {
                var side = (round + turn) % sides.Count;
                var result = await sides[side]();
                if (round >= warmUps)
                {
                    results[side].Add(result);
                }
            }
        }

        return results;
    }
}
