using System.Buffers.Binary;
using Reports.Ledger;

namespace Reports.UnitTests.Ledger;

/// <summary>A tree of made-up leaves that knows the root of every part that a proof may ask for.</summary>
internal sealed class TestTree
{
    private readonly List<byte[][]> _levels = [];
    private readonly NodeHash _node;

    public TestTree(int size, NodeHash node)
        : this([.. Enumerable.Range(0, size).Select(i => MerkleHash.Leaf(BitConverter.GetBytes(i)))], node)
    {
    }

    public TestTree(byte[][] leaves, NodeHash node)
    {
        _node = node;
        for (var level = leaves; level.Length > 0;)
        {
            _levels.Add(level);
            level = [.. level.Chunk(2).Where(p => p.Length == 2).Select(p => Node(p[0], p[1]))];
        }
    }

    /// <summary>No hash at all, but twenty times as quick: every place in the tree has another value.</summary>
    public static void Quick(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> destination)
    {
        var mixed = 0x9E3779B97F4A7C15UL;
        for (var at = 0; at < MerkleHash.Size; at += sizeof(ulong))
        {
            mixed = (mixed ^ BinaryPrimitives.ReadUInt64LittleEndian(left[at..])) * 0xBF58476D1CE4E5B9UL;
            mixed = ((mixed >> 29) ^ mixed ^ BinaryPrimitives.ReadUInt64LittleEndian(right[at..])) * 0x94D049BB133111EBUL;
            BinaryPrimitives.WriteUInt64LittleEndian(destination[at..], mixed);
        }
    }

    public byte[] Leaf(long index) => _levels[0][index];

    public byte[] Root(long size) => At(size).Root;

    public List<byte[]> Inclusion(long index, long size) => At(size).Inclusion(index);

    public List<byte[]> Consistency(long first, long second) => At(second).Consistency(first);

    /// <summary>The tree when it had a size.</summary>
    public Grown At(long size) => new(this, size);

    private byte[] Node(byte[] left, byte[] right)
    {
        var node = new byte[MerkleHash.Size];
        _node(left, right, node);
        return node;
    }

    internal sealed class Grown(TestTree tree, long size)
    {
        private readonly Dictionary<long, byte[]> _ragged = []; // up to the end of the tree, by where they begin

        public byte[] Root => size == 0 ? MerkleHash.Empty : Part(new LeafRange(0, size));

        public List<byte[]> Inclusion(long index) => Parts(MerkleProof.Inclusion(index, size));

        public List<byte[]> Consistency(long first) => Parts(MerkleProof.Consistency(first, size));

        /// <summary>The root of a part, by the definition (RFC 9162 section 2.1.1).</summary>
        public byte[] Part(LeafRange range)
        {
            if (long.IsPow2(range.Count) && range.Start % range.Count == 0)
            {
                return tree._levels[(int)long.Log2(range.Count)][range.Start / range.Count];
            }

            if (range.End != size)
            {
                throw new InvalidOperationException($"No proof of a tree of {size} needs {range}.");
            }

            if (!_ragged.TryGetValue(range.Start, out var root))
            {
                var split = range.Start + (1L << (int)long.Log2(range.Count - 1));
                root = tree.Node(Part(range with { End = split }), Part(range with { Start = split }));
                _ragged.Add(range.Start, root);
            }

            return root;
        }

        private List<byte[]> Parts(IReadOnlyList<LeafRange> ranges)
        {
            var parts = new List<byte[]>(ranges.Count);
            foreach (var range in ranges)
            {
                parts.Add(Part(range));
            }

            return parts;
        }
    }
}
