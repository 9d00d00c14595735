using System.Diagnostics;

namespace Reports.Benchmarks;

/// <summary>What a load was answered with.</summary>
/// <param name="Seconds">How long it lasted.</param>
/// <param name="Bytes">Bytes of answers, headers among them.</param>
/// <param name="Milliseconds">The time of each request, ascending.</param>
internal sealed record LoadResult(double Seconds, long Bytes, double[] Milliseconds)
{
    public int Requests => Milliseconds.Length;

    public double PerSecond => Requests / Seconds;

    public double MegabytesPerSecond => Bytes / 1e6 / Seconds;

    public double At(double percentile) => Milliseconds.Length == 0
        ? double.NaN
        : Milliseconds[Math.Min(Milliseconds.Length - 1, (int)(Milliseconds.Length * percentile / 100))];
}

/// <summary>
/// Sends prepared requests of HTTP/1.1 over a fixed number of connections, each with one request at a time, and counts
/// what comes back. It parses no more than it must, since it shares the machine with what it measures.
/// </summary>
internal static class LoadGenerator
{
    /// <summary>Loads a server for some time.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="request">The request with that number, as bytes; called from every connection.</param>
    /// <param name="connections">How many at once.</param>
    /// <param name="duration">For how long new requests are sent.</param>
    /// <exception cref="InvalidOperationException">An answer was neither 200 nor 206.</exception>
    public static async Task<LoadResult> RunAsync(
        Uri address, Func<int, byte[]> request, int connections, TimeSpan duration)
    {
        var number = -1;
        var start = Stopwatch.GetTimestamp();
        var workers = Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            using var connection = await HttpConnection.OpenAsync(address);
            var times = new List<double>();
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                var sent = Stopwatch.GetTimestamp();
                var status = await connection.SendAsync(request(Interlocked.Increment(ref number)));
                times.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                if (status is not (200 or 206))
                {
                    throw new InvalidOperationException($"A request of the load was answered with {status}.");
                }
            }

            return (times, connection.Received);
        })).ToArray();
        var done = await Task.WhenAll(workers);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var all = done.SelectMany(d => d.times).ToArray();
        Array.Sort(all);
        return new LoadResult(seconds, done.Sum(d => d.Received), all);
    }
}
