namespace Reports.Benchmarks;

/// <summary>How long the database worked for each request that it was asked for by loads.</summary>
internal sealed class Meter(BenchDatabase database)
{
    private double _milliseconds;
    private long _requests;

    public string PerRequest => $"{Line.Number(_milliseconds / _requests)} ms";

    /// <summary>Meters a load.</summary>
    public async Task<LoadResult> OfAsync(Func<Task<LoadResult>> load)
    {
        var before = await database.ActiveMillisecondsAsync();
        var result = await load();
        _milliseconds += await database.ActiveMillisecondsAsync() - before;
        _requests += result.Requests;
        return result;
    }
}
