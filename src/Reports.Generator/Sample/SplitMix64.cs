namespace Reports.Generator.Sample;

/// <summary>
/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): the same
/// numbers on every machine and in every version of .NET. Its 2^64 numbers are all different, so each is an id too.
/// </summary>
internal sealed class SplitMix64(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 until before <paramref name="limit"/>, each as likely to within 1 in 2^32.</summary>
    public int Below(int limit) => (int)((Next() >> 32) * (ulong)limit >> 32);

    /// <summary>True in so many of a thousand cases.</summary>
    public bool InThousand(int cases) => Below(1000) < cases;

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>The index of a weight, each as often as its weight says.</summary>
    public int PickWeighted(IReadOnlyList<int> weights)
    {
        var left = Below(weights.Sum());
        var index = 0;
        while (left >= weights[index])
        {
            left -= weights[index++];
        }

        return index;
    }
}
