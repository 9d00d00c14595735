using System.Runtime.CompilerServices;

namespace Reports.Ledger;

/// <summary>A hash within what holds it.</summary>
[InlineArray(MerkleHash.Size)]
internal struct LeafHash
{
    private byte _first;
}

/// <summary>What is left of the line of an event when its leaf was made.</summary>
internal struct HashedEvent
{
    public long Sequence;

    /// <summary>Where its line begins in the file.</summary>
    public long Offset;
    public int Length;

    /// <summary>When it was recorded by the database's clock, in microseconds; none when it was not.</summary>
    public long? Recorded;

    /// <summary>Which leaf it is said to be; -1 when none.</summary>
    public long Index;
    public LeafHash Leaf;

    /// <summary>The member from which on the line cannot be read; none when it can, and there is a leaf.</summary>
    public string? Flaw;

    /// <summary>The data of an event that declares a restored backup.</summary>
    public byte[]? Restore;

    /// <summary>Reads the events of an export.</summary>
    /// <exception cref="UnusableExportException">They are not in their order, or a line is none.</exception>
    public static IEnumerable<HashedEvent> Read(string path)
    {
        using var lines = new Lines(path);
        for (var last = 0L; lines.Read();)
        {
            var read = Of(lines);
            yield return read.Sequence > last
                ? read
                : throw lines.Unusable(read.Sequence == 0
                    ? "that is no event"
                    : $"the event {read.Sequence} stands behind the event {last}");
            last = read.Sequence;
        }
    }

    private static HashedEvent Of(Lines lines)
    {
        var hashed = new HashedEvent { Offset = lines.Offset, Length = lines.Current.Length };
        var isGood = EventLine.TryRead(lines.Current, out var read, out hashed.Flaw);
        hashed.Sequence = read.Sequence;
        if (isGood)
        {
            read.Hash(hashed.Leaf);
            hashed.Index = read.LeafIndex ?? -1;
            hashed.Recorded = read.RecordedMicroseconds;
            hashed.Restore = read.Type.SequenceEqual(RestoreDeclarations.Type) ? read.Data.ToArray() : null;
        }

        return hashed;
    }
}
