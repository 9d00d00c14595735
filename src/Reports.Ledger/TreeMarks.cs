namespace Reports.Ledger;

/// <summary>
/// What is said of the tree at certain sizes: by the checkpoints of the export and by those that others kept. Each is
/// compared when the tree has grown to its size.
/// </summary>
internal sealed class TreeMarks : IDisposable
{
    // What is beyond is told at once, for it cannot be explained any more: it is never left out.
    private const int MostHeldFindings = 10_000;

    private readonly TrustedKeys _keys;
    private readonly string _origin;
    private readonly Action<Finding> _report;
    private readonly Ahead<(HeldCheckpoint Held, string? Flaw)> _own;
    private readonly Ahead<(HeldCheckpoint Held, string? Flaw)> _held;
    private readonly List<(Checkpoint Held, Finding Finding)> _heldFindings = [];
    private bool _isForked;
    private bool _hasOwn;
    private bool _hasHeld;

    public TreeMarks(ExportFolder folder, HeldCheckpoints held, TrustedKeys keys, string origin, Action<Finding> report)
    {
        (_keys, _origin, _report) = (keys, origin, report);
        _own = new(Read(folder.Checkpoints).Select(h => (h, Flaw(h))));
        _held = new(held.BySize().Select(h => (h, Flaw(h))));
    }

    /// <summary>The newest one that is good.</summary>
    public Checkpoint? Newest { get; private set; }

    /// <summary>The newest of the export that is good.</summary>
    public Checkpoint? NewestOwn { get; private set; }

    /// <summary>How many of the export are good.</summary>
    public long Good { get; private set; }

    /// <summary>How many that others kept are good.</summary>
    public long HeldGood { get; private set; }

    /// <summary>How many there are of the export.</summary>
    public long Count { get; private set; }

    /// <summary>Goes to the first of them.</summary>
    public void Begin()
    {
        NextOwn();
        NextHeld();
    }

    /// <summary>Compares the tree with what is said of it at its size.</summary>
    /// <returns>True when it is said by one that is good.</returns>
    public bool Check(TreeEdge tree)
    {
        byte[]? root = null;
        var isGood = false;
        for (; _hasOwn && _own.Current.Held.Size == tree.Count; NextOwn())
        {
            if (Signed(_own.Current) is { } checkpoint)
            {
                isGood |= CheckOwn(checkpoint, root ??= tree.Root());
            }
        }

        for (; _hasHeld && _held.Current.Held.Size == tree.Count; NextHeld())
        {
            if (Signed(_held.Current) is { } checkpoint)
            {
                isGood |= CheckHeld(_held.Current.Held, checkpoint, root ??= tree.Root());
            }
        }

        return isGood;
    }

    /// <summary>Tells what is left: of larger trees.</summary>
    public void Finish(long size, long described, bool isTreeBroken, RestoreDeclarations restores)
    {
        Checkpoint? largest = null;
        for (; _hasOwn; NextOwn())
        {
            largest = Signed(_own.Current) ?? largest;
        }

        if (largest is not null && !isTreeBroken)
        {
            _report(Truncated(largest, "a checkpoint of the export", size));
        }
        else if (size < described && !isTreeBroken)
        {
            _report(new Finding(
                Verdict.Truncated,
                null,
                $"by export.json the export has {described} leaves, of which {size} are there"));
        }

        for (; _hasHeld; NextHeld())
        {
            if (Signed(_held.Current) is { } checkpoint && !isTreeBroken)
            {
                var finding = Truncated(checkpoint, _held.Current.Held.Source, size);
                AddHeld(checkpoint, finding with
                {
                    Text = finding.Text + ": the export ends before it, so export again; when a fresh export ends "
                        + "before it too, the record was cut off",
                });
            }
        }

        // Whether a restored backup explains them is told by an event, so not before all were read.
        foreach (var finding in restores.Unexplained(_heldFindings))
        {
            _report(finding);
        }
    }

    public void Dispose()
    {
        _own.Dispose();
        _held.Dispose();
    }

    private static Finding Truncated(Checkpoint checkpoint, string source, long size) => new(
        Verdict.Truncated, checkpoint.Sequence, $"{source} covers {checkpoint.Size} leaves, of which {size} are there");

    private bool CheckOwn(Checkpoint checkpoint, byte[] root)
    {
        if (checkpoint.Root.AsSpan().SequenceEqual(root))
        {
            (Newest, NewestOwn, _isForked) = (checkpoint, checkpoint, false);
            Good++;
            return true;
        }

        // One cause makes every later checkpoint differ.
        if (!_isForked)
        {
            var agreed = Newest is { } newest
                ? $"that of {newest.Size} leaves, up to sequence {newest.Sequence}, agrees"
                : "none before it agrees";
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

        AddHeld(checkpoint, Differing(checkpoint, held.Source, root, ""));
        return false;
    }

    private static Finding Differing(Checkpoint checkpoint, string source, byte[] root, string more) => new(
        Verdict.Fork,
        checkpoint.Sequence,
        $"{source} covers {checkpoint.Size} leaves with the root {Convert.ToHexStringLower(checkpoint.Root)}, "
        + $"but they make {Convert.ToHexStringLower(root)}{more}");

    private void AddHeld(Checkpoint held, Finding finding)
    {
        if (_heldFindings.Count < MostHeldFindings)
        {
            _heldFindings.Add((held, finding));
        }
        else
        {
            _report(finding);
        }
    }

    private Checkpoint? Signed((HeldCheckpoint Held, string? Flaw) read)
    {
        var checkpoint = read.Held.Note?.Checkpoint;
        if (read.Flaw is null)
        {
            return checkpoint;
        }

        _report(new Finding(
            Verdict.BadSignature,
            checkpoint?.Sequence,
            $"{read.Held.Source}, for {read.Held.Size} leaves, {read.Flaw}"));
        return null;
    }

    private string? Flaw(HeldCheckpoint held) =>
        held.Note is not { Checkpoint: var checkpoint } ? "is no checkpoint"
        : checkpoint.Size != held.Size ? $"is the checkpoint of {checkpoint.Size} leaves"
        : checkpoint.Origin != _origin ? $"is of the ledger `{checkpoint.Origin}`, not of `{_origin}`"
        : !_keys.Accept(held.Note) ? "is not signed by a key that is trusted, or not as it stands there"
        : null;

    private static IEnumerable<HeldCheckpoint> Read(string path)
    {
        using var lines = new Lines(path);
        for (var last = -1L; lines.Read();)
        {
            if (!CheckpointLine.TryRead(lines.Current, out var size, out var text) || size <= last)
            {
                throw lines.Unusable("that is no checkpoint, or not in the order of sizes");
            }

            yield return new HeldCheckpoint("the checkpoint of the export", size, SignedCheckpoint.Parse(text));
            last = size;
        }
    }

    private void NextHeld() => _hasHeld = _held.Read();

    private void NextOwn()
    {
        _hasOwn = _own.Read();
        Count += _hasOwn ? 1 : 0;
    }
}
