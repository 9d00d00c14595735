namespace Reports.Ledger;

/// <summary>
/// Events that are not what was sealed under their sequence. Where one of them is what was sealed under the sequence of
/// another, they were moved, not altered; that is found out at the end, by reading them once more.
/// </summary>
internal sealed class MisplacedEvents(string path, Action<Finding> report)
{
    private const int Most = 20_000;
    private const int EachWithEach = 1000;
    private const int Neighbours = 100; // on either side, when there are more

    private readonly List<(long Sequence, long? Recorded, byte[] Leaf, long Offset, int Length)> _events = [];

    public void Add(in HashedEvent read, ReadOnlySpan<byte> leaf)
    {
        if (_events.Count < Most)
        {
            _events.Add((read.Sequence, read.Recorded, leaf.ToArray(), read.Offset, read.Length));
        }
        else
        {
            report(Altered(read.Sequence));
        }
    }

    public void Resolve(CancellationToken cancellation)
    {
        if (_events.Count == 0)
        {
            return;
        }

        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var around = _events.Count <= EachWithEach ? EachWithEach : Neighbours;
        for (var i = 0; i < _events.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var line = new byte[_events[i].Length];
            RandomAccess.Read(file, line, _events[i].Offset);
            var sequence = _events[i].Sequence;
            report(OwnerOf(line, i, around) is { } owner
                ? new Finding(Verdict.Reordered, sequence, $"what stands there was sealed under the sequence {owner}")
                : Altered(sequence));
        }
    }

    private static Finding Altered(long sequence) =>
        new(Verdict.Modified, sequence, "it is not what was sealed");

    private long? OwnerOf(byte[] line, int index, int around)
    {
        if (!EventLine.TryRead(line, out var read, out _))
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[MerkleHash.Size];
        var end = Math.Min(_events.Count, index + around + 1);
        for (var other = Math.Max(0, index - around); other < end; other++)
        {
            // The time by the database's clock is kept beside the event: it may have gone along, or not.
            var (sequence, recorded, leaf, _, _) = _events[other];
            read.Hash(hash, sequence, recorded);
            var isMoved = hash.SequenceEqual(leaf);
            if (!isMoved)
            {
                read.Hash(hash, sequence, read.RecordedMicroseconds);
                isMoved = hash.SequenceEqual(leaf);
            }

            if (isMoved && other != index)
            {
                return sequence;
            }
        }

        return null;
    }
}
