using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>The end of the ledger: what the next batch goes on from.</summary>
/// <param name="Note">The newest checkpoint; none before the first.</param>
/// <param name="Size">How many leaves there are.</param>
/// <param name="Root">The root of the tree.</param>
/// <param name="LastSequence">Up to which sequence everything is sealed.</param>
/// <param name="Edge">The right edge of the tree, to be added to.</param>
internal sealed record LedgerHead(string? Note, long Size, byte[] Root, long LastSequence, TreeEdge Edge)
{
    /// <summary>Reads the end, and makes sure that it is genuine: signed, and the tree's.</summary>
    /// <exception cref="LedgerFaultException">It is not.</exception>
    public static async Task<LedgerHead> LoadAsync(
        NpgsqlConnection connection, string origin, IReadOnlyList<CheckpointKey> believed,
        CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            select (select max(idx) from ledger.leaves), c.size, c.root, c.last_seq, c.edge, c.note
            from (select) as one left join lateral (
                select * from ledger.checkpoints order by size desc limit 1) c on true
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        var leaves = await row.IsDBNullAsync(0, cancellation) ? 0 : row.GetInt64(0) + 1;
        if (await row.IsDBNullAsync(1, cancellation))
        {
            return leaves == 0
                ? new LedgerHead(null, 0, MerkleHash.Empty, 0, new TreeEdge())
                : throw new LedgerFaultException(
                    LedgerVerdict.Truncated, 0, $"there are {leaves} leaves and no checkpoint");
        }

        var (size, root, last, edge, note) = (
            row.GetInt64(1), row.GetFieldValue<byte[]>(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4),
            row.GetString(5));
        if (SignedCheckpoint.Parse(note) is not { Checkpoint: var signed } parsed
            || signed.Origin != origin || !parsed.IsSignedBy(believed))
        {
            throw new LedgerFaultException(
                LedgerVerdict.BadSignature, last,
                $"the newest checkpoint, of size {size}, is not signed by a key of this node for the ledger {origin}");
        }

        if (leaves < size)
        {
            throw new LedgerFaultException(
                LedgerVerdict.Truncated, last, $"the newest checkpoint is of {size} leaves, and there are {leaves}");
        }

        if (signed.Size != size || signed.Sequence != last || !signed.Root.AsSpan().SequenceEqual(root)
            || leaves != size || RightEdge(size, edge) is not { } right || !right.Root().AsSpan().SequenceEqual(root))
        {
            throw new LedgerFaultException(
                LedgerVerdict.Fork, last, $"the newest checkpoint, of size {size}, is not that of the tree");
        }

        return new LedgerHead(note, size, root, last, right);
    }

    private static TreeEdge? RightEdge(long size, byte[] bytes) =>
        bytes.Length == long.PopCount(size) * MerkleHash.Size ? new TreeEdge(size, bytes) : null;
}
