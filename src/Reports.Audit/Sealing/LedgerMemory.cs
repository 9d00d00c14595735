using System.Globalization;
using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>
/// What is known of the ledger outside of the database: the anchors, and what this process has sealed itself. The
/// database must have all of it, unless an operator has declared, signed, that a backup was restored.
/// </summary>
internal sealed class LedgerMemory(LedgerOptions options, LedgerKeys keys, TimeProvider clock)
{
    // Whoever writes events could write such a one: what it says is in what is signed, and nowhere else.
    private const string Declared =
        """
        select e.data ->> 'declaration', (select l.idx from ledger.leaves l where l.seq_id = e.seq_id)
        from events.mt_events e join ledger.row_hashes h on h.seq_id = e.seq_id and h.leaf = ledger.leaf(e, h.recorded_at)
        where e.type = 'audit.restored-from-backup.v1' and jsonb_typeof(e.data -> 'declaration') = 'string'
        """;

    private readonly Anchors? _anchors = options.AnchorDirectory is { } directory ? new Anchors(directory) : null;
    private SignedCheckpoint? _sealed;
    private long _anchored = -1;
    private DateTimeOffset _anchoredAt = DateTimeOffset.MinValue;

    /// <summary>Remembers what is sealed.</summary>
    public void Note(SignedCheckpoint? signed) => _sealed = signed;

    /// <summary>Lays the newest checkpoint down, if it is time to and there is a new one.</summary>
    /// <param name="isLast">Whether the sealer stops: then it is time.</param>
    public void Anchor(bool isLast = false)
    {
        var now = clock.GetUtcNow();
        if (_anchors is not null && _sealed is { Checkpoint: var newest } signed && newest.Size != _anchored
            && (isLast || now - _anchoredAt >= options.AnchorInterval))
        {
            _anchors.Write(newest, signed.Note());
            (_anchored, _anchoredAt) = (newest.Size, now);
        }
    }

    /// <summary>The largest checkpoint that is known and that the database is too short for.</summary>
    /// <returns>The checkpoint; null when nothing is lost that is not declared.</returns>
    /// <exception cref="LedgerFaultException">The database is not too short, but has another ledger.</exception>
    public async Task<Checkpoint?> LostAsync(
        NpgsqlConnection connection, long size, CancellationToken cancellation)
    {
        var restorations = await RestorationsAsync(connection, size, cancellation);
        foreach (var (place, known) in Known())
        {
            if (await HasAsync(connection, size, known.Checkpoint, cancellation))
            {
                return null;
            }

            if (!restorations.Exists(r => r.Covers(known.Checkpoint)))
            {
                return known.Checkpoint.Size > size
                    ? known.Checkpoint
                    : throw Fault(place, known.Checkpoint, size);
            }
        }

        return null;
    }

    /// <summary>Compares what is known with what is there.</summary>
    /// <exception cref="LedgerFaultException">The ledger is shorter, or another.</exception>
    public async Task CheckAsync(NpgsqlConnection connection, LedgerHead head, CancellationToken cancellation)
    {
        if (head.Size == 0 && _sealed is null && _anchors?.Begin() == false)
        {
            return;
        }

        if (_sealed is { Checkpoint.Size: var size } && size > head.Size)
        {
            // It is the only proof of what is gone.
            Anchor(isLast: true);
        }

        List<RestoreDeclaration>? restorations = null;
        foreach (var (place, known) in Known())
        {
            var checkpoint = known.Checkpoint;
            if (await HasAsync(connection, head.Size, checkpoint, cancellation))
            {
                if (place is not null)
                {
                    // The smaller ones were laid down before it, on the way to it.
                    break;
                }

                continue;
            }

            restorations ??= await RestorationsAsync(connection, head.Size, cancellation);
            if (!restorations.Exists(r => r.Covers(checkpoint)))
            {
                throw Fault(place, checkpoint, head.Size);
            }
        }
    }

    private IEnumerable<(string? Place, SignedCheckpoint Signed)> Known()
    {
        IEnumerable<(string?, SignedCheckpoint)> own = _sealed is null ? [] : [(null, _sealed)];
        return own.Concat(_anchors?.LargestFirst().Where(a => a.Signed.Checkpoint.Origin == options.Origin)
            .Select(a => ((string?)a.File, a.Signed)) ?? []);
    }

    private static async Task<bool> HasAsync(
        NpgsqlConnection connection, long size, Checkpoint known, CancellationToken cancellation) =>
        known.Size <= size
        && await LedgerTree.RootAsync(connection, new LeafRange(0, known.Size), cancellation) is { } root
        && root.AsSpan().SequenceEqual(known.Root);

    private static LedgerFaultException Fault(string? place, Checkpoint known, long size)
    {
        var source = place is null ? "what this process has sealed" : $"the anchor {place}";
        return known.Size > size
            ? new LedgerFaultException(
                LedgerVerdict.Truncated, known.Sequence,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the ledger has {size} leaves, and by {source} it had {known.Size}"))
            : new LedgerFaultException(
                LedgerVerdict.Fork, known.Sequence,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the first {known.Size} leaves are not those of {source}"));
    }

    // Those that are signed, lose something that is known, and go on from the tree that is there.
    private async Task<List<RestoreDeclaration>> RestorationsAsync(
        NpgsqlConnection connection, long size, CancellationToken cancellation)
    {
        var signed = new List<RestoreDeclaration>();
        await using (var command = new NpgsqlCommand(Declared, connection))
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                var index = await row.IsDBNullAsync(1, cancellation) ? size : row.GetInt64(1);
                if (RestoreDeclaration.Read(row.GetString(0), options.Origin, keys.Believed) is { } declaration
                    && declaration.ResumedSize <= index)
                {
                    signed.Add(declaration);
                }
            }
        }

        var good = new List<RestoreDeclaration>();
        foreach (var declaration in signed)
        {
            if (declaration.ResumedSize <= size && Known().Any(k => declaration.IsLost(k.Signed.Checkpoint))
                && await LedgerTree.RootAsync(connection, new LeafRange(0, declaration.ResumedSize), cancellation)
                    is { } root
                && root.AsSpan().SequenceEqual(declaration.ResumedRoot))
            {
                good.Add(declaration);
            }
        }

        return good;
    }
}
