using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class MerkleProofTests
{
    private const int Largest = 2000;
    private const int EachWithEach = 300;

    // The eight leaves of the Certificate Transparency project, whose roots and proofs every implementation is held to.
    private static readonly string[] KnownLeaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    private static readonly string[] KnownRoots =
    [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    private static readonly TestTree Known = new([.. KnownLeaves.Select(l => MerkleHash.Leaf(Convert.FromHexString(l)))], MerkleHash.Node);
    private static readonly TestTree Tree = new(Largest, MerkleHash.Node);
    private static readonly TestTree QuickTree = new(Largest, TestTree.Quick);
    private static readonly byte[][] TreeRoots = [.. Enumerable.Range(0, Largest + 1).Select(s => Tree.Root(s))];
    private static readonly byte[][] QuickRoots = [.. Enumerable.Range(0, Largest + 1).Select(s => QuickTree.Root(s))];

    [Fact]
    public void the_known_leaves_make_the_known_roots()
    {
        var edge = new TreeEdge();
        for (var size = 0; size < KnownRoots.Length; size++)
        {
            Convert.ToHexStringLower(edge.Root()).ShouldBe(KnownRoots[size]);
            Convert.ToHexStringLower(Known.Root(size)).ShouldBe(KnownRoots[size]);
            if (size < KnownLeaves.Length)
            {
                edge.Append(Known.Leaf(size));
            }
        }
    }

    [Theory]
    [InlineData(0, 1, "")]
    [InlineData(0, 8, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")]
    [InlineData(5, 8, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    [InlineData(2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")]
    [InlineData(1, 5, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")]
    public void known_inclusion_proofs_are_made_and_accepted(int index, int size, string proof)
    {
        string.Join(' ', Known.Inclusion(index, size).Select(Convert.ToHexStringLower)).ShouldBe(proof);
        MerkleProof.VerifyInclusion(Known.Leaf(index), index, size, Known.Inclusion(index, size), Known.Root(size)).ShouldBeTrue();
    }

    [Theory]
    [InlineData(1, 1, "")]
    [InlineData(1, 8, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")]
    [InlineData(6, 8, "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    [InlineData(2, 5, "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")]
    public void known_consistency_proofs_are_made_and_accepted(int first, int second, string proof)
    {
        string.Join(' ', Known.Consistency(first, second).Select(Convert.ToHexStringLower)).ShouldBe(proof);
        MerkleProof.VerifyConsistency(
            first, Known.Root(first), second, Known.Root(second), Known.Consistency(first, second)).ShouldBeTrue();
    }

    [Fact]
    public void the_edge_has_the_root_at_every_size_can_be_left_off_and_tells_of_every_node()
    {
        var edge = new TreeEdge();
        var told = new List<(int Level, long Index, byte[] Hash)>();
        for (var size = 0; size <= Largest; size++)
        {
            edge.Count.ShouldBe(size);
            edge.Root().AsSpan().SequenceEqual(TreeRoots[size]).ShouldBeTrue();
            edge = new TreeEdge(edge.Count, edge.ToBytes());
            if (size < Largest)
            {
                edge.Append(Tree.Leaf(size), (level, index, hash) => told.Add((level, index, hash)));
            }
        }

        told.Count.ShouldBe(Enumerable.Range(1, 10).Sum(level => Largest >> level));
        told.ShouldAllBe(n => Tree.At(Largest).Part(Part(n.Level, n.Index)).SequenceEqual(n.Hash));
    }

    [Fact]
    public void an_edge_of_another_size_or_a_leaf_of_another_length_is_refused()
    {
        Should.Throw<ArgumentException>(() => new TreeEdge(3, new byte[32]));
        Should.Throw<ArgumentException>(() => new TreeEdge(-1, []));
        Should.Throw<ArgumentException>(() => new TreeEdge().Append(new byte[31]));
        Should.Throw<ArgumentException>(() => MerkleHash.Node(new byte[31], new byte[32]));
    }

    [Fact]
    public void what_a_proof_consists_of_is_what_the_definition_says()
    {
        for (var size = 1; size <= Largest; size += size < EachWithEach ? 1 : 97)
        {
            for (var index = 0; index < size; index++)
            {
                Check(MerkleProof.Inclusion(index, size).SequenceEqual(Path(index, new LeafRange(0, size))));
                Check(MerkleProof.Consistency(index + 1, size).SequenceEqual(SubProof(index + 1, new LeafRange(0, size), true)));
            }
        }
    }

    [Fact]
    public void every_proof_up_to_three_hundred_leaves_is_accepted() =>
        Parallel.For(0, EachWithEach + 1, size => CheckAll(Tree, size, MerkleHash.Node));

    // Four million: the way through the tree is what may be wrong, so a quick mixture of bytes stands for the hash.
    [Fact]
    public void every_proof_up_to_two_thousand_leaves_is_accepted() =>
        Parallel.For(0, Largest + 1, size => CheckAll(QuickTree, size, TestTree.Quick));

    private static void CheckAll(TestTree tree, int size, NodeHash node)
    {
        var grown = tree.At(size);
        var root = grown.Root;
        for (var index = 0; index < size; index++)
        {
            Check(MerkleProof.VerifyInclusion(tree.Leaf(index), index, size, grown.Inclusion(index), root, node));
        }

        for (var first = 0; first <= size; first++)
        {
            Check(MerkleProof.VerifyConsistency(first, Roots(tree)[first], size, root, grown.Consistency(first), node));
        }
    }

    private static byte[][] Roots(TestTree tree) => tree == Tree ? TreeRoots : QuickRoots;

    // A shouldly assertion for each of millions would take longer than the proofs.
    private static void Check(bool isAccepted)
    {
        if (!isAccepted)
        {
            throw new InvalidOperationException("A proof is wrong, or was refused.");
        }
    }

    private static LeafRange Part(int level, long index) => new(index << level, (index + 1) << level);

    // PATH and SUBPROOF of RFC 9162, sections 2.1.3.1 and 2.1.4.1, word for word.
    private static List<LeafRange> Path(long m, LeafRange d)
    {
        if (d.Count == 1)
        {
            return [];
        }

        var k = 1L << (int)long.Log2(d.Count - 1);
        var (left, right) = (d with { End = d.Start + k }, d with { Start = d.Start + k });
        return m < k ? [.. Path(m, left), right] : [.. Path(m - k, right), left];
    }

    private static List<LeafRange> SubProof(long m, LeafRange d, bool b)
    {
        if (m == d.Count)
        {
            return b ? [] : [d];
        }

        var k = 1L << (int)long.Log2(d.Count - 1);
        var (left, right) = (d with { End = d.Start + k }, d with { Start = d.Start + k });
        return m <= k ? [.. SubProof(m, left, b), right] : [.. SubProof(m - k, right, false), left];
    }
}
