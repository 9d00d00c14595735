using System.Globalization;
using Npgsql;
using Reports.Ledger;

namespace Reports.Audit.Sealing;

/// <summary>
/// What is known of the ledger outside of the database: the anchors, and what this process has sealed itself. The
/// database must have all of it, unless an operator has declared that a backup was restored.
/// </summary>
internal sealed class LedgerMemory(LedgerOptions options, TimeProvider clock)
{
    private const string Declared =
        """
        select (e.data ->> 'lost_size')::bigint, e.data ->> 'lost_root', (e.data ->> 'resumed_size')::bigint
        from events.mt_events e join ledger.row_hashes h on h.seq_id = e.seq_id and h.leaf = ledger.leaf(e, h.recorded_at)
        where e.type = 'audit.restored-from-backup.v1'
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
        NpgsqlConnection connection, LedgerView ledger, CancellationToken cancellation)
    {
        var restorations = await RestorationsAsync(connection, cancellation);
        foreach (var (place, known) in Known())
        {
            if (await HasAsync(connection, ledger.Size, known.Checkpoint, cancellation))
            {
                return null;
            }

            if (!restorations.Any(r => r.Explains(known.Checkpoint)))
            {
                return known.Checkpoint.Size > ledger.Size
                    ? known.Checkpoint
                    : throw Fault(place, known.Checkpoint, ledger.Size);
            }
        }

        return null;
    }

    /// <summary>Compares what is known with what is there.</summary>
    /// <exception cref="LedgerFaultException">The ledger is shorter, or another.</exception>
    public async Task CheckAsync(NpgsqlConnection connection, LedgerHead head, CancellationToken cancellation)
    {
        if (_sealed is { Checkpoint.Size: var size } && size > head.Size)
        {
            // It is the only proof of what is gone.
            Anchor(isLast: true);
        }

        List<Restoration>? restorations = null;
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

            restorations ??= await RestorationsAsync(connection, cancellation);
            if (!restorations.Any(r => r.Explains(checkpoint)))
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

    private static async Task<List<Restoration>> RestorationsAsync(
        NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Declared, connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var restorations = new List<Restoration>();
        while (await row.ReadAsync(cancellation))
        {
            restorations.Add(new Restoration(row.GetInt64(0), row.GetString(1), row.GetInt64(2)));
        }

        return restorations;
    }

    private sealed record Restoration(long LostSize, string LostRoot, long ResumedSize)
    {
        // What lay between the backup and the largest checkpoint that was known is what was lost.
        public bool Explains(Checkpoint known) =>
            known.Size > ResumedSize && known.Size <= LostSize
            && (known.Size < LostSize || Convert.ToHexStringLower(known.Root) == LostRoot);
    }
}
