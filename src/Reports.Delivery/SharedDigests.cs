using System.Collections.Concurrent;

namespace Reports.Delivery;

/// <summary>
/// Lets downloads of one large file hold one list of digests: a gigabyte has 128 KiB of them, and a slow download holds
/// them for hours. Held as long as a download has them.
/// </summary>
internal sealed class SharedDigests
{
    private const int LeastShared = 4096;
    private const int MostKept = 1000;

    private readonly ConcurrentDictionary<Guid, WeakReference<byte[]>> _lists = new();

    /// <summary>The same digests: those that another download of the report has, or these.</summary>
    public byte[] Share(Guid report, byte[] digests)
    {
        if (digests.Length < LeastShared)
        {
            return digests;
        }

        if (_lists.TryGetValue(report, out var held)
            && held.TryGetTarget(out var same)
            && same.AsSpan().SequenceEqual(digests))
        {
            return same;
        }

        if (_lists.Count >= MostKept)
        {
            foreach (var (id, list) in _lists)
            {
                if (!list.TryGetTarget(out _))
                {
                    _lists.TryRemove(id, out _);
                }
            }
        }

        _lists[report] = new WeakReference<byte[]>(digests);
        return digests;
    }
}
