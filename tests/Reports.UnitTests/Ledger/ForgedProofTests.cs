using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

/// <summary>
/// Half a million forged inclusion proofs and as many of consistency. The size alone is not forged: a proof does not
/// tell it, the signed checkpoint does, together with the root.
/// </summary>
public sealed class ForgedProofTests
{
    private const int Largest = 130; // deep enough, and a hash is what takes the time
    private const int Forgeries = 500_000;

    private static readonly TestTree Tree = new(Largest, MerkleHash.Node);
    private static readonly TestTree.Grown[] Grown = [.. Enumerable.Range(0, Largest + 1).Select(s => Tree.At(s))];
    private static readonly byte[][] Roots = [.. Grown.Select(g => g.Root)];

    [Fact]
    public void no_forged_inclusion_proof_is_accepted()
    {
        var random = new Random(1);
        for (var i = 0; i < Forgeries; i++)
        {
            var size = random.Next(1, Largest + 1);
            var index = random.Next(size);
            var (leaf, root, proof) = (Tree.Leaf(index), Roots[size], Grown[size].Inclusion(index));
            long said = index;
            switch (random.Next(4))
            {
                case 0 when size > 1:
                    said = (index + random.Next(1, size)) % size;
                    break;
                case 1:
                    leaf = Flipped(random, leaf);
                    break;
                case 2:
                    root = size < Largest && random.Next(2) == 0 ? Roots[size + 1] : Flipped(random, root);
                    break;
                default:
                    proof = Forged(random, proof);
                    break;
            }

            if (MerkleProof.VerifyInclusion(leaf, said, size, proof, root))
            {
                throw new InvalidOperationException($"Forgery {i} of leaf {index} of {size} was accepted.");
            }
        }
    }

    [Fact]
    public void no_forged_consistency_proof_is_accepted()
    {
        var random = new Random(2);
        for (var i = 0; i < Forgeries; i++)
        {
            var second = random.Next(2, Largest + 1);
            var first = random.Next(1, second);
            var (old, root, proof) = (Roots[first], Roots[second], Grown[second].Consistency(first));
            switch (random.Next(4))
            {
                case 0:
                    old = random.Next(2) == 0 ? Flipped(random, old) : Roots[first - 1];
                    break;
                case 1:
                    root = random.Next(2) == 0 ? Flipped(random, root) : Roots[second - 1];
                    break;
                default:
                    proof = Forged(random, proof);
                    break;
            }

            if (MerkleProof.VerifyConsistency(first, old, second, root, proof))
            {
                throw new InvalidOperationException($"Forgery {i} from {first} to {second} was accepted.");
            }
        }
    }

    [Fact]
    public void what_is_no_proof_at_all_is_refused_without_an_exception()
    {
        var (leaf, root) = (Tree.Leaf(0), Roots[2]);
        List<byte[]> proof = Tree.Inclusion(0, 2);
        MerkleProof.VerifyInclusion(leaf, 0, 2, proof, root).ShouldBeTrue();
        MerkleProof.VerifyInclusion(leaf, -1, 2, proof, root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 2, 2, proof, root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 0, 0, [], root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, long.MaxValue - 1, long.MaxValue, proof, root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf[1..], 0, 2, proof, root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(null!, 0, 2, proof, root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 0, 2, [proof[0][1..]], root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 0, 2, [null!], root).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 0, 2, proof, null!).ShouldBeFalse();
        MerkleProof.VerifyInclusion(leaf, 0, 2, [.. Enumerable.Repeat(leaf, 100)], root).ShouldBeFalse();

        MerkleProof.VerifyConsistency(1, leaf, 2, root, [Tree.Leaf(1)]).ShouldBeTrue();
        MerkleProof.VerifyConsistency(0, MerkleHash.Empty, 2, root, []).ShouldBeTrue();
        MerkleProof.VerifyConsistency(0, leaf, 2, root, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(0, leaf, 0, leaf, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(0, MerkleHash.Empty, 0, leaf, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(0, MerkleHash.Empty, 0, MerkleHash.Empty, []).ShouldBeTrue();
        MerkleProof.VerifyConsistency(0, MerkleHash.Empty, 2, root, [leaf]).ShouldBeFalse();
        MerkleProof.VerifyConsistency(2, root, 2, root, [leaf]).ShouldBeFalse();
        MerkleProof.VerifyConsistency(2, root, 2, leaf, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(2, root, 1, leaf, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(1, leaf, 2, root, []).ShouldBeFalse();
        MerkleProof.VerifyConsistency(1, leaf[1..], 2, root, [Tree.Leaf(1)]).ShouldBeFalse();
        MerkleProof.VerifyConsistency(-1, leaf, 2, root, [Tree.Leaf(1)]).ShouldBeFalse();
        MerkleProof.VerifyConsistency(1, null!, 2, root, [Tree.Leaf(1)]).ShouldBeFalse();
        MerkleProof.VerifyConsistency(1, leaf, 2, null!, [Tree.Leaf(1)]).ShouldBeFalse();
    }

    private static List<byte[]> Forged(Random random, List<byte[]> proof)
    {
        var at = random.Next(proof.Count + 1);
        switch (random.Next(5))
        {
            case 0 when proof.Count > 0:
                at = random.Next(proof.Count);
                proof[at] = Flipped(random, proof[at]);
                break;
            case 1 when proof.Count > 0:
                proof.RemoveAt(random.Next(proof.Count));
                break;
            case 2 when proof.Count > 1:
                at = random.Next(proof.Count - 1);
                (proof[at], proof[at + 1]) = (proof[at + 1], proof[at]);
                break;
            case 3 when proof.Count > 0:
                proof.Insert(at, proof[random.Next(proof.Count)]);
                break;
            default:
                proof.Insert(at, Tree.Leaf(random.Next(Largest)));
                break;
        }

        return proof;
    }

    private static byte[] Flipped(Random random, byte[] hash)
    {
        byte[] flipped = [.. hash];
        flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
        return flipped;
    }
}
