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

    /// <summary>
    /// Runs both sides in turn; the side that begins changes with each round, and the first ones count for nothing: code
    /// that is compiled while it runs takes some seconds of load until it is as fast as it gets.
    /// </summary>
    public static async Task<Comparison> OfLoadsAsync(
        Func<Task<LoadResult>> ours, Func<Task<LoadResult>> yardstick, int rounds, int warmUps = WarmUps)
    {
        var (mine, theirs) = await AlternateAsync(ours, yardstick, rounds, warmUps);
        return new Comparison(Of(mine), Of(theirs));
    }

    /// <summary>The same for work whose rate is told by itself.</summary>
    public static async Task<Comparison> OfRatesAsync(
        Func<Task<double>> ours, Func<Task<double>> yardstick, int rounds, int warmUps = 1)
    {
        var (mine, theirs) = await AlternateAsync(ours, yardstick, rounds, warmUps);
        return new Comparison(new Side(mine, []), new Side(theirs, []));
    }

    private static async Task<(List<T> Ours, List<T> Theirs)> AlternateAsync<T>(
        Func<Task<T>> ours, Func<Task<T>> yardstick, int rounds, int warmUps)
    {
        var (mine, theirs) = (new List<T>(), new List<T>());
        for (var round = 1 - warmUps; round <= rounds; round++)
        {
            var oursFirst = int.IsEvenInteger(round);
            var (first, second) = oursFirst ? (ours, yardstick) : (yardstick, ours);
            var (one, two) = (await first(), await second());
            if (round > 0)
            {
                mine.Add(oursFirst ? one : two);
                theirs.Add(oursFirst ? two : one);
            }
        }

        return (mine, theirs);
    }

    private static Side Of(List<LoadResult> loads) => new([.. loads.Select(l => l.PerSecond)], loads);
}
