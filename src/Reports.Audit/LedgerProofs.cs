using System.Data;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.Audit.Sealing;
using Reports.Ledger;

namespace Reports.Audit;

/// <summary>A signed head of the tree.</summary>
/// <param name="Size">How many leaves the tree has.</param>
/// <param name="Root">Its root.</param>
/// <param name="Note">The signed note.</param>
internal sealed record LedgerCheckpoint(long Size, byte[] Root, string Note);

/// <summary>That an event is in the tree.</summary>
/// <param name="Event">The event.</param>
/// <param name="Leaf">Its leaf.</param>
/// <param name="Proof">The hashes from the leaf to the root.</param>
/// <param name="Checkpoint">The head of the tree.</param>
internal sealed record InclusionProof(
    EventRow Event, byte[] Leaf, IReadOnlyList<byte[]> Proof, LedgerCheckpoint Checkpoint)
{
    /// <summary>The same as a C2SP tlog-proof.</summary>
    public string Text()
    {
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"c2sp.org/tlog-proof@v1\nindex {Event.LeafIndex}\n");
        foreach (var hash in Proof)
        {
            text.Append(Convert.ToBase64String(hash)).Append('\n');
        }

        return text.Append('\n').Append(Checkpoint.Note).ToString();
    }
}

/// <summary>
/// Reads proofs. The ledger proves every one to itself before anybody gets it: one that does not hold means that the
/// tables of the ledger were changed.
/// </summary>
internal sealed partial class LedgerProofs(AuditorDatabase database, ILogger<LedgerProofs> log)
{
    /// <summary>The events of a stream; whose, is not known.</summary>
    private const string OfStream =
        """
        from tenants t join events.mt_events e on e.tenant_id = t.tenant_id and e.stream_id = $1
        left join ledger.row_hashes h on h.seq_id = e.seq_id
        left join ledger.leaves l on l.seq_id = e.seq_id
        where e.type like 'download.%' order by e.seq_id
        """;

    /// <summary>
    /// Those who have events, as <c>tenants</c>: one step of an index for each, because no index begins with the stream.
    /// </summary>
    public const string Tenants =
        """
        with recursive tenants as (
            (select tenant_id from events.mt_events order by tenant_id limit 1)
            union all
            select (select e.tenant_id from events.mt_events e where e.tenant_id > t.tenant_id
                    order by e.tenant_id limit 1)
            from tenants t where t.tenant_id is not null)
        """;

    /// <summary>The newest checkpoint, or that of a size.</summary>
    /// <returns>The checkpoint; null when there is none.</returns>
    public async Task<LedgerCheckpoint?> CheckpointAsync(long? size, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(
            $"select size, root, note from ledger.checkpoints {(size is null ? "" : "where size = $1")} order by size desc limit 1");
        if (size is { } wanted)
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = wanted });
        }

        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? new LedgerCheckpoint(row.GetInt64(0), row.GetFieldValue<byte[]>(1), row.GetString(2))
            : null;
    }

    /// <summary>An event by its sequence or its id.</summary>
    public async Task<EventRow?> EventAsync(long? sequence, Guid? id, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(
            $"select {EventRow.Columns} from {EventRow.From} where {(sequence is null ? "e.id" : "e.seq_id")} = $1");
        command.Parameters.Add(sequence is { } number
            ? new NpgsqlParameter<long> { TypedValue = number }
            : new NpgsqlParameter<Guid> { TypedValue = id!.Value });
        await using var row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellation);
        return await row.ReadAsync(cancellation) ? EventRow.Read(row) : null;
    }

    /// <summary>The events of a download attempt, of a merchant or of anybody.</summary>
    public async Task<IReadOnlyList<EventRow>> AttemptAsync(
        Guid attempt, string? tenant, CancellationToken cancellation)
    {
        var tenants = tenant is null ? Tenants : "with tenants as (select $2 as tenant_id)";
        await using var command = database.Source.CreateCommand($"{tenants} select {EventRow.Columns} {OfStream}");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = attempt });
        if (tenant is not null)
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = tenant });
        }

        await using var row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellation);
        var events = new List<EventRow>();
        while (await row.ReadAsync(cancellation))
        {
            events.Add(EventRow.Read(row));
        }

        return events;
    }

    /// <summary>That a sealed event is in the tree of a checkpoint.</summary>
    public async Task<InclusionProof> ProveAsync(
        EventRow stored, LedgerCheckpoint checkpoint, CancellationToken cancellation)
    {
        var index = stored.LeafIndex!.Value;
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        var leaf = await LedgerTree.RootAsync(connection, new LeafRange(index, index + 1), cancellation);
        var proof = await HashesAsync(connection, MerkleProof.Inclusion(index, checkpoint.Size), cancellation);
        return leaf is not null && proof is not null
            && MerkleProof.VerifyInclusion(leaf, index, checkpoint.Size, proof, checkpoint.Root)
                ? new InclusionProof(stored, leaf, proof, checkpoint)
                : throw Broken(stored.Sequence);
    }

    /// <summary>That a tree has grown from a smaller one.</summary>
    /// <returns>The roots of both, and the hashes.</returns>
    public async Task<(byte[] FromRoot, byte[] ToRoot, IReadOnlyList<byte[]> Proof)> ProveAsync(
        long from, long to, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        var fromRoot = await LedgerTree.RootAsync(connection, new LeafRange(0, from), cancellation);
        var toRoot = await LedgerTree.RootAsync(connection, new LeafRange(0, to), cancellation);
        var proof = await HashesAsync(connection, MerkleProof.Consistency(from, to), cancellation);
        return fromRoot is not null && toRoot is not null && proof is not null
            && MerkleProof.VerifyConsistency(from, fromRoot, to, toRoot, proof)
                ? (fromRoot, toRoot, proof)
                : throw Broken(null);
    }

    private static async Task<IReadOnlyList<byte[]>?> HashesAsync(
        NpgsqlConnection connection, IReadOnlyList<LeafRange> ranges, CancellationToken cancellation)
    {
        var hashes = new List<byte[]>();
        foreach (var range in ranges)
        {
            if (await LedgerTree.RootAsync(connection, range, cancellation) is not { } hash)
            {
                return null;
            }

            hashes.Add(hash);
        }

        return hashes;
    }

    private InvalidOperationException Broken(long? sequence)
    {
        NotProved(log, sequence);
        return new InvalidOperationException("The ledger does not prove what is in it.");
    }

    [LoggerMessage(
        LogLevel.Critical, "The tables of the ledger are not as they were: what they prove does not hold (sequence {Sequence})")]
    private static partial void NotProved(ILogger log, long? sequence);
}
