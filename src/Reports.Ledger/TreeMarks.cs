namespace Reports.Ledger;

/// <summary>
/// What is said of the tree at certain sizes: by the checkpoints of the export and by those that others kept. Each is
/// compared when the tree has grown to its size.
/// </summary>
internal sealed class TreeMarks : IDisposable
{
    private const int MostHeldFindings = 1000;

    private readonly TrustedKeys _keys;
    private readonly string _origin;
    private readonly Action<Finding> _report;
    private readonly IEnumerator<HeldCheckpoint> _held;
    private readonly List<(long Size, Finding Finding)> _heldFindings = [];
    private readonly Lines _lines;
    private HeldCheckpoint? _nextHeld;
    private HeldCheckpoint? _nextOwn;
    private bool _isForked;

    public TreeMarks(ExportFolder folder, HeldCheckpoints held, TrustedKeys keys, string origin, Action<Finding> report)
    {
        (_keys, _origin, _report) = (keys, origin, report);
        _lines = new Lines(folder.Checkpoints);
        _held = held.BySize().GetEnumerator();
        NextHeld();
        NextOwn();
    }

    /// <summary>The newest one that is good.</summary>
    public Checkpoint? Newest { get; private set; }

    /// <summary>How many of the export are good.</summary>
    public long Good { get; private set; }

    /// <summary>How many that others kept are good.</summary>
    public long HeldGood { get; private set; }

    /// <summary>How many there are of the export.</summary>
    public long Count { get; private set; }

    /// <summary>Compares the tree with what is said of it at its size.</summary>
    /// <returns>True when it is said by one that is good.</returns>
    public bool Check(TreeEdge tree)
    {
        byte[]? root = null;
        var isGood = false;
        for (; _nextOwn?.Size == tree.Count; NextOwn())
        {
            if (Signed(_nextOwn) is { } checkpoint)
            {
                isGood |= CheckOwn(checkpoint, root ??= tree.Root());
            }
        }

        for (; _nextHeld?.Size == tree.Count; NextHeld())
        {
            if (Signed(_nextHeld) is { } checkpoint)
            {
                isGood |= CheckHeld(_nextHeld, checkpoint, root ??= tree.Root());
            }
        }

        return isGood;
    }

    /// <summary>Tells what is left: of larger trees.</summary>
    public void Finish(long size, bool isTreeBroken, RestoreDeclarations restores)
    {
        Checkpoint? largest = null;
        for (; _nextOwn is not null; NextOwn())
        {
            largest = Signed(_nextOwn) ?? largest;
        }

        if (largest is not null && !isTreeBroken)
        {
            _report(Truncated(largest, "a checkpoint of the export", size));
        }

        for (; _nextHeld is not null; NextHeld())
        {
            if (Signed(_nextHeld) is { } checkpoint && !isTreeBroken)
            {
                AddHeld(checkpoint.Size, Truncated(checkpoint, _nextHeld.Source, size));
            }
        }

        // Whether a restored backup explains them is told by an event, so not before all were read.
        _heldFindings.Where(f => !restores.Explain(f.Size, f.Finding)).ToList().ForEach(f => _report(f.Finding));
    }

    public void Dispose()
    {
        _lines.Dispose();
        _held.Dispose();
    }

    private static Finding Truncated(Checkpoint checkpoint, string source, long size) => new(
        Verdict.Truncated, checkpoint.Sequence, $"{source} covers {checkpoint.Size} leaves, of which {size} are there");

    private bool CheckOwn(Checkpoint checkpoint, byte[] root)
    {
        if (checkpoint.Root.AsSpan().SequenceEqual(root))
        {
            (Newest, _isForked) = (checkpoint, false);
            Good++;
            return true;
        }

        // One cause makes every later checkpoint differ.
        if (!_isForked)
        {
            var agreed = Newest is { } n ? $"that of {n.Size} leaves, up to sequence {n.Sequence}, agrees" : "none before it agrees";
            _report(Differing(checkpoint, "the checkpoint of the export", root, $"; {agreed}"));
            _isForked = true;
        }

        return false;
    }

    private bool CheckHeld(HeldCheckpoint held, Checkpoint checkpoint, byte[] root)
    {
        if (checkpoint.Root.AsSpan().SequenceEqual(root))
        {
            Newest = checkpoint.Size > (Newest?.Size ?? -1) ? checkpoint : Newest;
            HeldGood++;
            return true;
        }

        AddHeld(checkpoint.Size, Differing(checkpoint, held.Source, root, ""));
        return false;
    }

    private static Finding Differing(Checkpoint checkpoint, string source, byte[] root, string more) => new(
        Verdict.Fork,
        checkpoint.Sequence,
        $"{source} covers {checkpoint.Size} leaves with the root {Convert.ToHexStringLower(checkpoint.Root)}, "
        + $"but they make {Convert.ToHexStringLower(root)}{more}");

    private void AddHeld(long size, Finding finding)
    {
        if (_heldFindings.Count < MostHeldFindings)
        {
            _heldFindings.Add((size, finding));
        }
    }

    private Checkpoint? Signed(HeldCheckpoint held)
    {
        var checkpoint = held.Note?.Checkpoint;
        var flaw = held.Note is null || checkpoint is null ? "is no checkpoint"
            : checkpoint.Size != held.Size ? $"is the checkpoint of {checkpoint.Size} leaves"
            : checkpoint.Origin != _origin ? $"is of the ledger `{checkpoint.Origin}`, not of `{_origin}`"
            : !_keys.Accept(held.Note) ? "is not signed by a key that is trusted, or not as it stands there"
            : null;
        if (flaw is null)
        {
            return checkpoint;
        }

        _report(new Finding(Verdict.BadSignature, checkpoint?.Sequence, $"{held.Source}, for {held.Size} leaves, {flaw}"));
        return null;
    }

    private void NextHeld() => _nextHeld = _held.MoveNext() ? _held.Current : null;

    private void NextOwn()
    {
        var last = _nextOwn?.Size ?? -1;
        if (!_lines.Read())
        {
            _nextOwn = null;
            return;
        }

        Count++;
        if (!CheckpointLine.TryRead(_lines.Current, out var size, out var text) || size <= last)
        {
            throw _lines.Unusable("that is no checkpoint, or not in the order of sizes");
        }

        _nextOwn = new HeldCheckpoint("the checkpoint of the export", size, SignedCheckpoint.Parse(text));
    }
}
