namespace Reports.Ledger;

/// <summary>What an export is verified against.</summary>
/// <param name="Pinned">Keys trusted by other means than the export; without any, the export's own are.</param>
/// <param name="Held">What others kept.</param>
/// <param name="Merchant">Whose events the export is known to have; none for those of all.</param>
/// <param name="Restores">The sequences of declared restored backups that are accepted.</param>
public sealed record VerificationOptions(
    IReadOnlyList<CheckpointKey> Pinned,
    HeldCheckpoints Held,
    string? Merchant = null,
    IReadOnlyCollection<long>? Restores = null);

/// <summary>How far a verification has come.</summary>
/// <param name="Done">Bytes that were read.</param>
/// <param name="All">Bytes that there are.</param>
public readonly record struct VerificationProgress(long Done, long All);

/// <summary>
/// Verifies an exported audit without the service: that the leaves make the trees that were signed and that others
/// hold, and that each event is the one of its leaf. It reads events, leaves and checkpoints once, side by side, and
/// keeps the right edge of the tree and a bounded number of findings.
/// </summary>
public sealed class ExportVerifier : IDisposable
{
    // Events without a leaf wait for a late one; altered events for one whose place they took.
    private const int MostWaiting = 50_000;
    private const int MostSingleFindings = 20;
    private const int ProgressEvery = 1 << 14;

    private readonly ExportFolder _folder;
    private readonly VerificationOptions _options;
    private readonly ExportDescription _description;
    private readonly Action<Finding> _report;
    private readonly IProgress<VerificationProgress>? _progress;

    private readonly Dictionary<Verdict, long> _counts = [];
    private readonly List<string> _notes = [];
    private readonly Queue<long> _orphans = new();
    private readonly Dictionary<long, byte[]> _orphanLeaves = [];
    private readonly MisplacedEvents _altered;
    private readonly RestoreDeclarations _restores;
    private readonly TreeEdge _tree = new();
    private readonly TreeMarks _marks;

    private long _events;
    private long _leavesWithoutEvent;
    private long _lastLeafSequence;
    private bool _isTreeBroken;
    private (long Count, long First, long Last) _unsealed;

    private ExportVerifier(
        ExportFolder folder,
        VerificationOptions options,
        ExportDescription description,
        TrustedKeys keys,
        Action<Finding> report,
        IProgress<VerificationProgress>? progress)
    {
        (_folder, _options, _description, _report, _progress) = (folder, options, description, report, progress);
        _altered = new MisplacedEvents(folder.Events, Report);
        _restores = new RestoreDeclarations(description.Origin, keys, options.Restores ?? []);
        _marks = new TreeMarks(folder, options.Held, keys, description.Origin, Report);
    }

    private bool IsWhole => _description.Scope == ExportDescription.All;

    /// <summary>Verifies an export.</summary>
    /// <param name="folder">The export.</param>
    /// <param name="options">What it is verified against.</param>
    /// <param name="report">Told of each finding as soon as it is certain.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>What it came to.</returns>
    /// <exception cref="UnusableExportException">The folder is no whole export.</exception>
    public static Verification Verify(
        ExportFolder folder,
        VerificationOptions options,
        Action<Finding> report,
        IProgress<VerificationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(report);
        var description = ExportDescription.Read(folder)
            ?? throw new UnusableExportException(
                $"{folder.Path} is no export: there is no {Path.GetFileName(folder.Description)} in it.");
        if (!description.Complete)
        {
            throw new UnusableExportException(
                $"The export in {folder.Path} was not finished; a second `audit export` into the folder completes it.");
        }

        // The description is signed by nobody: what it says must not switch off what is looked for.
        if (description.Scope != (options.Merchant ?? ExportDescription.All))
        {
            throw new UnusableExportException(description.Scope == ExportDescription.All
                ? $"The export in {folder.Path} has the events of all, not of {options.Merchant}: leave out --merchant."
                : $"The export in {folder.Path} says that it has the events of the merchant {description.Scope} only, "
                    + "in which nothing can be found to be missing. If that is what you asked for, give "
                    + $"--merchant {description.Scope}; if you asked for all, it was altered.");
        }

        var keys = Trust(folder, options);
        using var verifier = new ExportVerifier(folder, options, description, keys, report, progress);
        return verifier.Run(keys, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _marks.Dispose();

    private static TrustedKeys Trust(ExportFolder folder, VerificationOptions options)
    {
        var own = TrustedKeys.ReadFolder(folder.Keys);
        var keys = new TrustedKeys(options.Pinned.Count > 0 ? options.Pinned : own, own);
        if (keys.Trusted.Count == 0)
        {
            throw new UnusableExportException($"There is no public key in {folder.Keys}, and none was given.");
        }

        // A key may be named before or after those that are trusted already: until nothing is learnt any more.
        for (var learnt = true; learnt && keys.MayLearn;)
        {
            learnt = false;
            foreach (var held in options.Held.BySize().Where(h => h.Note is not null))
            {
                learnt |= keys.Learn(held.Note!);
            }

            using var lines = new Lines(folder.Checkpoints);
            while (lines.Read())
            {
                learnt |= CheckpointLine.TryRead(lines.Current, out _, out var text)
                    && SignedCheckpoint.Parse(text) is { } note && keys.Learn(note);
            }
        }

        return keys;
    }

    private Verification Run(TrustedKeys keys, CancellationToken cancellation)
    {
        _marks.Begin();
        using (var events = new HashedEvents(_folder.Events))
        using (var leaves = new Lines(_folder.Leaves))
        {
            ReadLeaves(events, leaves, cancellation);
        }

        _restores.Resolve(_folder.Leaves, _isTreeBroken ? -1 : _tree.Count);
        _marks.Finish(_tree.Count, _description.Size, _isTreeBroken, _restores);
        _altered.Resolve(cancellation);
        FinishUnsealed();
        CheckDescription();
        Explain(keys);
        return new Verification(
            _counts, _events, _tree.Count, _leavesWithoutEvent, _marks.Good, _marks.HeldGood, _marks.Newest, _notes);
    }

    private void ReadLeaves(HashedEvents events, Lines leaves, CancellationToken cancellation)
    {
        Span<byte> leaf = stackalloc byte[MerkleHash.Size];
        var all = new FileInfo(_folder.Events).Length + leaves.FileLength;
        var hasEvent = events.Read();
        _marks.Check(_tree);
        for (long n = 1; leaves.Read(); n++)
        {
            if (!LeafLine.TryRead(leaves.Current, out var index, out var sequence, leaf) || sequence == 0)
            {
                throw leaves.Unusable("that is no leaf");
            }

            var closed = _marks.Newest?.Sequence ?? 0;
            Grow(index, sequence, leaf);
            if (sequence <= _lastLeafSequence)
            {
                MatchLate(index, sequence, leaf);
            }
            else
            {
                if (sequence <= closed)
                {
                    Report(new Finding(
                        Verdict.Inserted,
                        sequence,
                        $"it was sealed late, as leaf {index}, when a checkpoint had closed the record up to {closed}"));
                }

                _lastLeafSequence = sequence;
                for (; hasEvent && events.Current.Sequence < sequence; hasEvent = events.Read())
                {
                    AddOrphan(events.Current);
                }

                if (hasEvent && events.Current.Sequence == sequence)
                {
                    Match(events.Current, index, leaf);
                    hasEvent = events.Read();
                }
                else
                {
                    Lacking(index, sequence);
                }
            }

            if (n % ProgressEvery == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                var done = leaves.Next + (hasEvent ? events.Current.Offset : 0);
                _progress?.Report(new VerificationProgress(done, all));
            }
        }

        for (; hasEvent; hasEvent = events.Read())
        {
            AddOrphan(events.Current);
        }

        _progress?.Report(new VerificationProgress(all, all));
    }

    private void Grow(long index, long sequence, ReadOnlySpan<byte> leaf)
    {
        if (index != _tree.Count && !_isTreeBroken)
        {
            _isTreeBroken = true;
            Report(new Finding(
                Verdict.Fork,
                sequence,
                $"leaf {index} stands where leaf {_tree.Count} belongs, so the leaves make no tree"));
        }

        _tree.Append(leaf);
        AddUnsealed(sequence);
        if (!_isTreeBroken && _marks.Check(_tree))
        {
            _unsealed = default;
        }
    }

    private void Match(in HashedEvent read, long index, ReadOnlySpan<byte> leaf)
    {
        _events++;
        if (read.Flaw is not null)
        {
            Report(new Finding(
                Verdict.Modified, read.Sequence, $"its line cannot be read, from the member `{read.Flaw}` on"));
        }
        else if (!leaf.SequenceEqual(read.Leaf))
        {
            _altered.Add(read, leaf);
        }
        else if (read.Index >= 0 && read.Index != index)
        {
            Report(new Finding(
                Verdict.Modified, read.Sequence, $"it is said to be leaf {read.Index}, and is leaf {index}"));
        }
        else if (read.Restore is { } data)
        {
            _restores.Add(read.Sequence, index, data);
        }
    }

    private void Lacking(long index, long sequence)
    {
        _leavesWithoutEvent++;
        if (IsWhole)
        {
            Report(new Finding(Verdict.Missing, sequence, $"it was sealed as leaf {index}, and is not there"));
        }
    }

    // The ledger promises with each checkpoint that nothing comes below its sequence any more.
    private void MatchLate(long index, long sequence, ReadOnlySpan<byte> leaf)
    {
        var isThere = _orphanLeaves.Remove(sequence, out var hash);
        var state = isThere ? hash.AsSpan().SequenceEqual(leaf) ? "" : "; it is not as it was sealed either"
            : IsWhole ? "; it is not there any more, or has another leaf too" : "; it is not among these events";
        _leavesWithoutEvent += isThere ? 0 : 1;
        Report(new Finding(
            Verdict.Inserted,
            sequence,
            $"it was sealed late, as leaf {index}, when events up to {_lastLeafSequence} had been sealed{state}"));
    }

    private void AddOrphan(in HashedEvent read)
    {
        _events++;

        // What lies behind the last leaf may not have been sealed yet. How it ends is told at the end of all.
        if (_orphans.Count == MostWaiting)
        {
            Conclude(_orphans.Dequeue());
        }

        _orphans.Enqueue(read.Sequence);
        _orphanLeaves[read.Sequence] = [.. (ReadOnlySpan<byte>)read.Leaf];
    }

    private void Conclude(long sequence)
    {
        if (!_orphanLeaves.Remove(sequence))
        {
            return; // a late leaf was its
        }

        if (sequence <= Math.Max(_marks.Newest?.Sequence ?? 0, _lastLeafSequence))
        {
            Report(new Finding(Verdict.Inserted, sequence, "it has no leaf, although events after it were sealed"));
        }
        else
        {
            AddUnsealed(sequence);
        }
    }

    private void AddUnsealed(long sequence) => _unsealed =
        (_unsealed.Count + 1, _unsealed.Count == 0 ? sequence : _unsealed.First, Math.Max(sequence, _unsealed.Last));

    private void FinishUnsealed()
    {
        while (_orphans.TryDequeue(out var sequence))
        {
            Conclude(sequence);
        }

        if (_events + _tree.Count + _marks.Count == 0)
        {
            throw new UnusableExportException("There is nothing in the export.");
        }

        if (_unsealed.Count > 0)
        {
            _counts[Verdict.Unsealed] = _unsealed.Count;
            _report(new Finding(
                Verdict.Unsealed,
                _unsealed.First,
                $"{_unsealed.Count} events up to {_unsealed.Last} are in no good checkpoint yet"));
        }
    }

    private void CheckDescription()
    {
        var isOther = _tree.Count > _description.Size
            || (_marks.NewestOwn is { } newest && newest.Size == _description.Size
                && newest.Sequence != _description.Sequence);
        if (isOther)
        {
            throw new UnusableExportException(
                $"{Path.GetFileName(_folder.Description)} describes another export: of {_description.Size} leaves, up "
                + $"to the sequence {_description.Sequence}, where there are {_tree.Count}, up to "
                + $"{_marks.NewestOwn?.Sequence}.");
        }
    }

    private void Explain(TrustedKeys keys)
    {
        var trusted = string.Join(", ", keys.Trusted.Select(k => k.Id).Order(StringComparer.Ordinal));
        _notes.Add(_options.Pinned.Count > 0
            ? $"Keys trusted: {trusted}"
            : $"No key was given, so the export's own were trusted, which whoever made it could have made: {trusted}");
        if (!IsWhole)
        {
            _notes.Add(
                $"The export has the events of the merchant {_description.Scope} only: {_leavesWithoutEvent} leaves are of "
                + "others, or of events that are missing; nobody can tell from it.");
        }

        if (_options.Held.Count == 0)
        {
            _notes.Add(
                "No checkpoint kept elsewhere was given: that the end of the record was cut off cannot be ruled out.");
        }

        _notes.AddRange(_restores.Notes);
    }

    private void Report(Finding finding)
    {
        var count = _counts[finding.Verdict] = _counts.GetValueOrDefault(finding.Verdict) + 1;
        var isOfCheckpoint = finding.Verdict is Verdict.BadSignature or Verdict.Fork or Verdict.Truncated;
        if (!isOfCheckpoint || count <= MostSingleFindings)
        {
            _report(finding);
        }
        else if (count == MostSingleFindings + 1)
        {
            _report(finding with { Text = finding.Text + "; further ones are only counted" });
        }
    }
}
