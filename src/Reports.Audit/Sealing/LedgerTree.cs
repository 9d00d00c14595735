using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>
/// Reads hashes of the tree. The roots of perfect subtrees of 256, 65,536, … leaves are kept, so that the root of any
/// range takes few rows.
/// </summary>
internal static class LedgerTree
{
    /// <summary>Every how many levels nodes are kept.</summary>
    public const int LevelStep = 8;

    private const int HighestLevel = 56;

    /// <summary>The root of some leaves, as a tree of their own.</summary>
    /// <param name="connection">Where to read.</param>
    /// <param name="range">The leaves; one that a proof consists of, or the first ones of the tree.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The hash; null when leaves or nodes are missing.</returns>
    public static async Task<byte[]?> RootAsync(
        NpgsqlConnection connection, LeafRange range, CancellationToken cancellation)
    {
        var peaks = new List<(int Level, byte[] Hash)>();
        for (var at = range.Start; at < range.End;)
        {
            var level = LevelAt(at, range.End);
            var end = End(level, at, range.End);
            var hashes = await HashesAsync(connection, level, at >> level, end >> level, cancellation);
            if (hashes.Count != (end - at) >> level)
            {
                return null;
            }

            foreach (var hash in hashes)
            {
                Push(peaks, level, hash);
            }

            at = end;
        }

        var root = peaks.Count == 0 ? MerkleHash.Empty : peaks[^1].Hash;
        for (var i = peaks.Count - 2; i >= 0; i--)
        {
            root = MerkleHash.Node(peaks[i].Hash, root);
        }

        return root;
    }

    /// <summary>The nodes of a kept level that are there.</summary>
    /// <returns>The hashes by their index.</returns>
    public static async Task<Dictionary<long, byte[]>> NodesAsync(
        NpgsqlConnection connection, int level, long first, long end, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "select idx, hash from ledger.nodes where level = $1 and idx >= $2 and idx < $3", connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = level });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = end });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var nodes = new Dictionary<long, byte[]>();
        while (await row.ReadAsync(cancellation))
        {
            nodes[row.GetInt64(0)] = row.GetFieldValue<byte[]>(1);
        }

        return nodes;
    }

    // Ranges begin where a perfect subtree of their size would: so equal neighbours always belong together.
    private static void Push(List<(int Level, byte[] Hash)> peaks, int level, byte[] hash)
    {
        for (; peaks is [.., var left] && left.Level == level; level++)
        {
            hash = MerkleHash.Node(left.Hash, hash);
            peaks.RemoveAt(peaks.Count - 1);
        }

        peaks.Add((level, hash));
    }

    // The highest kept level of which a subtree starts here and fits.
    private static int LevelAt(long at, long end)
    {
        var level = 0;
        for (var next = LevelStep; next <= HighestLevel; next += LevelStep)
        {
            if (at % (1L << next) != 0 || end - at < 1L << next)
            {
                break;
            }

            level = next;
        }

        return level;
    }

    // Up to where subtrees of this level follow one another, and a higher one does not start.
    private static long End(int level, long at, long end)
    {
        var last = end >> level << level;
        var parent = 1L << (level + LevelStep);
        var boundary = ((at / parent) + 1) * parent;
        return level == HighestLevel || boundary > last ? last : boundary;
    }

    private static async Task<List<byte[]>> HashesAsync(
        NpgsqlConnection connection, int level, long first, long end, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            level == 0
                ? "select leaf from ledger.leaves where idx >= $1 and idx < $2 order by idx"
                : "select hash from ledger.nodes where level = $3 and idx >= $1 and idx < $2 order by idx",
            connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = first });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = end });
        if (level > 0)
        {
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = level });
        }

        await using var row = await command.ExecuteReaderAsync(cancellation);
        var hashes = new List<byte[]>();
        while (await row.ReadAsync(cancellation))
        {
            hashes.Add(row.GetFieldValue<byte[]>(0));
        }

        return hashes;
    }
}
