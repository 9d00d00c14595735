using System.Security.Cryptography;

namespace Reports.Ledger;

/// <summary>The hashes of a Merkle tree (RFC 9162 section 2.1.1), SHA-256.</summary>
public static class MerkleHash
{
    /// <summary>The length of a hash in bytes.</summary>
    public const int Size = 32;

    /// <summary>The root of the tree without a leaf: the hash of nothing.</summary>
    public static byte[] Empty { get; } = SHA256.HashData([]);

    /// <summary>The hash of a leaf: of 0x00 and its data.</summary>
    /// <param name="data">What the leaf stands for.</param>
    /// <returns>The hash.</returns>
    public static byte[] Leaf(ReadOnlySpan<byte> data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([0]);
        hash.AppendData(data);
        return hash.GetHashAndReset();
    }

    /// <summary>The hash of a node: of 0x01 and the hashes below it.</summary>
    /// <param name="left">The left one.</param>
    /// <param name="right">The right one.</param>
    /// <returns>The hash.</returns>
    public static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> content = stackalloc byte[1 + Size + Size];
        content[0] = 1;
        left.CopyTo(content[1..]);
        right.CopyTo(content[(1 + Size)..]);
        return SHA256.HashData(content);
    }
}

/// <summary>
/// The right edge of a growing tree: the roots of the perfect subtrees that its leaves fill, the largest first, one for
/// each bit of the size. It takes a leaf in amortised constant time and gives the root in O(log n).
/// </summary>
public sealed class TreeEdge
{
    private readonly List<byte[]> _peaks;

    /// <summary>The edge of a tree without leaves.</summary>
    public TreeEdge() => _peaks = [];

    /// <summary>The edge of a tree that was left off.</summary>
    /// <param name="size">How many leaves it has.</param>
    /// <param name="peaks">What <see cref="ToBytes"/> gave.</param>
    /// <exception cref="ArgumentException">The bytes are not the edge of a tree of that size.</exception>
    public TreeEdge(long size, ReadOnlySpan<byte> peaks)
    {
        if (size < 0 || peaks.Length != long.PopCount(size) * MerkleHash.Size)
        {
            throw new ArgumentException($"{peaks.Length} bytes are not the edge of a tree of {size} leaves.", nameof(peaks));
        }

        Count = size;
        _peaks = [];
        for (var at = 0; at < peaks.Length; at += MerkleHash.Size)
        {
            _peaks.Add(peaks.Slice(at, MerkleHash.Size).ToArray());
        }
    }

    /// <summary>How many leaves the tree has.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a leaf.</summary>
    /// <param name="leaf">Its hash.</param>
    /// <param name="completed">
    /// Told of each node above the leaves that becomes perfect: its level (1 is above two leaves), its index in that
    /// level from 0, and its hash.
    /// </param>
    public void Append(byte[] leaf, Action<int, long, byte[]>? completed = null)
    {
        ArgumentNullException.ThrowIfNull(leaf);
        var (hash, level) = (leaf, 0);
        for (var below = Count; (below & 1) == 1; below >>= 1)
        {
            hash = MerkleHash.Node(_peaks[^1], hash);
            _peaks.RemoveAt(_peaks.Count - 1);
            completed?.Invoke(++level, below >> 1, hash);
        }

        _peaks.Add(hash);
        Count++;
    }

    /// <summary>The root of the tree.</summary>
    /// <returns>Its hash.</returns>
    public byte[] Root()
    {
        if (_peaks.Count == 0)
        {
            return MerkleHash.Empty;
        }

        var root = _peaks[^1];
        for (var i = _peaks.Count - 2; i >= 0; i--)
        {
            root = MerkleHash.Node(_peaks[i], root);
        }

        return root;
    }

    /// <summary>The roots of the perfect subtrees one after the other.</summary>
    /// <returns>32 bytes for each bit that is set in the size.</returns>
    public byte[] ToBytes() => [.. _peaks.SelectMany(p => p)];
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
        if (index < 0 || index >= size || !AreHashes(proof) || leaf is not { Length: MerkleHash.Size })
        {
            return false;
        }

        var (fn, sn, hash) = (index, size - 1, leaf);
        foreach (var step in proof)
        {
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                hash = MerkleHash.Node(step, hash);
                while ((fn & 1) == 0 && fn != 0)
                {
                    (fn, sn) = (fn >> 1, sn >> 1);
                }
            }
            else
            {
                hash = MerkleHash.Node(hash, step);
            }

            (fn, sn) = (fn >> 1, sn >> 1);
        }

        return sn == 0 && hash.AsSpan().SequenceEqual(root);
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
        if (first < 0 || first > second || !AreHashes(proof))
        {
            return false;
        }

        if (first == 0 || first == second)
        {
            return proof.Count == 0 && (first == second
                ? firstRoot.AsSpan().SequenceEqual(secondRoot)
                : firstRoot.AsSpan().SequenceEqual(MerkleHash.Empty));
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

        var (fr, sr) = isPower ? (firstRoot, firstRoot) : (proof[0], proof[0]);
        foreach (var step in proof.Skip(isPower ? 0 : 1))
        {
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                fr = MerkleHash.Node(step, fr);
                sr = MerkleHash.Node(step, sr);
                while ((fn & 1) == 0 && fn != 0)
                {
                    (fn, sn) = (fn >> 1, sn >> 1);
                }
            }
            else
            {
                sr = MerkleHash.Node(sr, step);
            }

            (fn, sn) = (fn >> 1, sn >> 1);
        }

        return sn == 0 && fr.AsSpan().SequenceEqual(firstRoot) && sr.AsSpan().SequenceEqual(secondRoot);
    }

    // The largest power of two below.
    private static long Split(long count) => 1L << (63 - (int)long.LeadingZeroCount(count - 1));

    private static bool AreHashes(IReadOnlyList<byte[]> proof) =>
        proof.Count <= 64 && proof.All(hash => hash is { Length: MerkleHash.Size });
}
