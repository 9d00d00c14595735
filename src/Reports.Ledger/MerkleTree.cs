using System.Security.Cryptography;

namespace Reports.Ledger;

/// <summary>The hashes of a Merkle tree (RFC 9162 section 2.1.1), SHA-256.</summary>
public static class MerkleHash
{
    /// <summary>The length of a hash in bytes.</summary>
    public const int Size = 32;

    [ThreadStatic]
    private static IncrementalHash? _sha256;

    /// <summary>The root of the tree without a leaf: the hash of nothing.</summary>
    public static byte[] Empty { get; } = SHA256.HashData([]);

    // One for each thread: to begin anew takes a third of the time of the hash of a node.
    internal static IncrementalHash Sha256 => _sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>The hash of a leaf: of 0x00 and its data.</summary>
    /// <param name="data">What the leaf stands for.</param>
    /// <returns>The hash.</returns>
    public static byte[] Leaf(ReadOnlySpan<byte> data)
    {
        Sha256.AppendData([0]);
        Sha256.AppendData(data);
        return Sha256.GetHashAndReset();
    }

    /// <summary>The hash of a node: of 0x01 and the hashes below it.</summary>
    /// <param name="left">The left one.</param>
    /// <param name="right">The right one.</param>
    /// <returns>The hash.</returns>
    /// <exception cref="ArgumentException">One of them is not a hash.</exception>
    public static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var hash = new byte[Size];
        Node(left, right, hash);
        return hash;
    }

    /// <summary>The hash of a node, put where it is wanted; that may be the place of one of the two.</summary>
    /// <param name="left">The left one.</param>
    /// <param name="right">The right one.</param>
    /// <param name="destination">Where the hash goes.</param>
    /// <exception cref="ArgumentException">One of them is not a hash.</exception>
    public static void Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> destination)
    {
        if (left.Length != Size || right.Length != Size)
        {
            throw new ArgumentException($"{left.Length} and {right.Length} bytes are not two hashes.");
        }

        Span<byte> content = stackalloc byte[1 + Size + Size];
        content[0] = 1;
        left.CopyTo(content[1..]);
        right.CopyTo(content[(1 + Size)..]);
        Sha256.AppendData(content);
        Sha256.GetHashAndReset(destination);
    }
}

/// <summary>How the hash of a node is made; tests of shapes take a cheaper one.</summary>
internal delegate void NodeHash(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> destination);

/// <summary>
/// The right edge of a growing tree: the roots of the perfect subtrees that its leaves fill, the largest first, one for
/// each bit of the size. It takes a leaf in amortised constant time and gives the root in O(log n).
/// </summary>
public sealed class TreeEdge
{
    private const int MostPeaks = 63; // the bits of a size

    private readonly byte[] _peaks = new byte[MostPeaks * MerkleHash.Size];
    private int _length;

    /// <summary>The edge of a tree without leaves.</summary>
    public TreeEdge()
    {
    }

    /// <summary>The edge of a tree that was left off.</summary>
    /// <param name="size">How many leaves it has.</param>
    /// <param name="peaks">What <see cref="ToBytes"/> gave.</param>
    /// <exception cref="ArgumentException">The bytes are not the edge of a tree of that size.</exception>
    public TreeEdge(long size, ReadOnlySpan<byte> peaks)
    {
        if (size < 0 || peaks.Length != long.PopCount(size) * MerkleHash.Size)
        {
            throw new ArgumentException(
                $"{peaks.Length} bytes are not the edge of a tree of {size} leaves.", nameof(peaks));
        }

        Count = size;
        _length = peaks.Length;
        peaks.CopyTo(_peaks);
    }

    /// <summary>How many leaves the tree has.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a leaf.</summary>
    /// <param name="leaf">Its hash.</param>
    /// <param name="completed">
    /// Told of each node above the leaves that becomes perfect: its level (1 is above two leaves), its index in that
    /// level from 0, and its hash.
    /// </param>
    /// <exception cref="ArgumentException">It is not a hash.</exception>
    public void Append(ReadOnlySpan<byte> leaf, Action<int, long, byte[]>? completed = null)
    {
        if (leaf.Length != MerkleHash.Size)
        {
            throw new ArgumentException($"{leaf.Length} bytes are not a hash.", nameof(leaf));
        }

        leaf.CopyTo(_peaks.AsSpan(_length));
        _length += MerkleHash.Size;
        var level = 0;
        for (var below = Count; (below & 1) == 1; below >>= 1)
        {
            var left = _peaks.AsSpan(_length - (2 * MerkleHash.Size), MerkleHash.Size);
            MerkleHash.Node(left, _peaks.AsSpan(_length - MerkleHash.Size, MerkleHash.Size), left);
            _length -= MerkleHash.Size;
            completed?.Invoke(++level, below >> 1, left.ToArray());
        }

        Count++;
    }

    /// <summary>The root of the tree.</summary>
    /// <returns>Its hash.</returns>
    public byte[] Root()
    {
        if (_length == 0)
        {
            return [.. MerkleHash.Empty];
        }

        var root = _peaks.AsSpan(_length - MerkleHash.Size, MerkleHash.Size).ToArray();
        for (var at = _length - (2 * MerkleHash.Size); at >= 0; at -= MerkleHash.Size)
        {
            MerkleHash.Node(_peaks.AsSpan(at, MerkleHash.Size), root, root);
        }

        return root;
    }

    /// <summary>The roots of the perfect subtrees one after the other.</summary>
    /// <returns>32 bytes for each bit that is set in the size.</returns>
    public byte[] ToBytes() => _peaks[.._length];
}

/// <summary>
/// Some leaves of a tree, one beside the other: those from <paramref name="Start"/> up to, not including,
/// <paramref name="End"/>.
/// </summary>
/// <param name="Start">The first, from 0.</param>
/// <param name="End">The first that is not among them.</param>
public readonly record struct LeafRange(long Start, long End)
{
    /// <summary>How many there are.</summary>
    public long Count => End - Start;
}

/// <summary>
/// Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4). What a proof consists of is told as ranges of
/// leaves, so that whoever holds the tree looks their hashes up in its own way.
/// </summary>
public static class MerkleProof
{
    private const int MostSteps = 64; // a tree of 2^63 leaves needs no more

    /// <summary>The subtrees whose roots prove that a leaf is in a tree, from the leaf's sibling up.</summary>
    /// <param name="index">The leaf, from 0.</param>
    /// <param name="size">How many leaves the tree has.</param>
    /// <returns>The subtrees.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tree has no such leaf.</exception>
    public static IReadOnlyList<LeafRange> Inclusion(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var path = new List<LeafRange>();
        for (var range = new LeafRange(0, size); range.Count > 1;)
        {
            var middle = range.Start + Split(range.Count);
            var (left, right) = (range with { End = middle }, range with { Start = middle });
            path.Add(index < middle ? right : left);
            range = index < middle ? left : right;
        }

        path.Reverse();
        return path;
    }

    /// <summary>The subtrees whose roots prove that a tree has grown from a smaller one by leaves alone.</summary>
    /// <param name="first">How many leaves the smaller tree has.</param>
    /// <param name="second">How many the larger has.</param>
    /// <returns>The subtrees; none when either tree proves nothing (equal sizes, or nothing at first).</returns>
    /// <exception cref="ArgumentOutOfRangeException">The first is not the smaller one.</exception>
    public static IReadOnlyList<LeafRange> Consistency(long first, long second)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, second);
        if (first == 0 || first == second)
        {
            return [];
        }

        var path = new List<LeafRange>();
        var (range, isWhole) = (new LeafRange(0, second), true);
        while (range.End != first)
        {
            var middle = range.Start + Split(range.Count);
            var (left, right) = (range with { End = middle }, range with { Start = middle });
            if (first <= middle)
            {
                path.Add(right);
                range = left;
            }
            else
            {
                path.Add(left);
                (range, isWhole) = (right, false);
            }
        }

        if (!isWhole)
        {
            path.Add(range);
        }

        path.Reverse();
        return path;
    }

    /// <summary>Whether a proof shows that a leaf is in a tree (RFC 9162 section 2.1.3.2).</summary>
    /// <param name="leaf">The leaf's hash.</param>
    /// <param name="index">Its index, from 0.</param>
    /// <param name="size">How many leaves the tree has.</param>
    /// <param name="proof">The hashes of the proof.</param>
    /// <param name="root">The root of the tree.</param>
    /// <returns>True when it does; anything unusable proves nothing.</returns>
    public static bool VerifyInclusion(
        byte[] leaf, long index, long size, IReadOnlyList<byte[]> proof, byte[] root)
    {
        ArgumentNullException.ThrowIfNull(proof);
        return VerifyInclusion(leaf, index, size, proof, root, MerkleHash.Node);
    }

    internal static bool VerifyInclusion(
        byte[] leaf, long index, long size, IReadOnlyList<byte[]> proof, byte[] root, NodeHash node)
    {
        if (index < 0 || index >= size || !AreHashes(proof) || !AreHashes([leaf, root]))
        {
            return false;
        }

        var (fn, sn) = (index, size - 1);
        Span<byte> hash = stackalloc byte[MerkleHash.Size];
        leaf.CopyTo(hash);
        foreach (var step in proof)
        {
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                node(step, hash, hash);
                while ((fn & 1) == 0 && fn != 0)
                {
                    (fn, sn) = (fn >> 1, sn >> 1);
                }
            }
            else
            {
                node(hash, step, hash);
            }

            (fn, sn) = (fn >> 1, sn >> 1);
        }

        return sn == 0 && hash.SequenceEqual(root);
    }

    /// <summary>
    /// Whether a proof shows that a tree has grown from a smaller one by leaves alone (RFC 9162 section 2.1.4.2).
    /// </summary>
    /// <param name="first">How many leaves the smaller tree has; from 1, for the empty tree is in every other.</param>
    /// <param name="firstRoot">Its root.</param>
    /// <param name="second">How many the larger has.</param>
    /// <param name="secondRoot">Its root.</param>
    /// <param name="proof">The hashes of the proof.</param>
    /// <returns>True when it does; anything unusable proves nothing.</returns>
    public static bool VerifyConsistency(
        long first, byte[] firstRoot, long second, byte[] secondRoot, IReadOnlyList<byte[]> proof)
    {
        ArgumentNullException.ThrowIfNull(proof);
        return VerifyConsistency(first, firstRoot, second, secondRoot, proof, MerkleHash.Node);
    }

    internal static bool VerifyConsistency(
        long first, byte[] firstRoot, long second, byte[] secondRoot, IReadOnlyList<byte[]> proof, NodeHash node)
    {
        if (first < 0 || first > second || !AreHashes(proof) || !AreHashes([firstRoot, secondRoot]))
        {
            return false;
        }

        if (first == 0 || first == second)
        {
            // There is but one tree without leaves.
            return proof.Count == 0 && (first > 0 || firstRoot.AsSpan().SequenceEqual(MerkleHash.Empty))
                && (first < second || firstRoot.AsSpan().SequenceEqual(secondRoot));
        }

        var isPower = long.IsPow2(first);
        if (proof.Count == 0)
        {
            return false;
        }

        var (fn, sn) = (first - 1, second - 1);
        while ((fn & 1) == 1)
        {
            (fn, sn) = (fn >> 1, sn >> 1);
        }

        Span<byte> fr = stackalloc byte[MerkleHash.Size];
        Span<byte> sr = stackalloc byte[MerkleHash.Size];
        (isPower ? firstRoot : proof[0]).CopyTo(fr);
        fr.CopyTo(sr);
        for (var i = isPower ? 0 : 1; i < proof.Count; i++)
        {
            var step = proof[i];
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                node(step, fr, fr);
                node(step, sr, sr);
                while ((fn & 1) == 0 && fn != 0)
                {
                    (fn, sn) = (fn >> 1, sn >> 1);
                }
            }
            else
            {
                node(sr, step, sr);
            }

            (fn, sn) = (fn >> 1, sn >> 1);
        }

        return sn == 0 && fr.SequenceEqual(firstRoot) && sr.SequenceEqual(secondRoot);
    }

    // The largest power of two below.
    private static long Split(long count) => 1L << (63 - (int)long.LeadingZeroCount(count - 1));

    private static bool AreHashes(IReadOnlyList<byte[]> hashes)
    {
        for (var i = 0; i < hashes.Count; i++)
        {
            if (hashes[i] is not { Length: MerkleHash.Size })
            {
                return false;
            }
        }

        return hashes.Count <= MostSteps;
    }
}
