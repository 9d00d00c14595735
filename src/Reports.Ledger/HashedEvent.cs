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

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="offset">Where it begins in the file.</param>
    public static HashedEvent Of(ReadOnlySpan<byte> line, long offset)
    {
        var hashed = new HashedEvent { Offset = offset, Length = line.Length };
        var isGood = EventLine.TryRead(line, out var read, out hashed.Flaw);
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
