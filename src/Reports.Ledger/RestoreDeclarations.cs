using System.Text.Json;

namespace Reports.Ledger;

/// <summary>
/// Operators' sealed and signed words that the database was restored from a backup. The checkpoints of what was lost by
/// it are held by others. Even so it is whoever verifies who decides whether to accept that.
/// </summary>
internal sealed class RestoreDeclarations(string origin, TrustedKeys keys, IReadOnlyCollection<long> accepted)
{
    private const int Most = 1000;

    private readonly List<Declared> _declared = [];
    private readonly Dictionary<long, long> _explained = [];

    /// <summary>The stored name of the event, as JSON.</summary>
    public static ReadOnlySpan<byte> Type => "\"audit.restored-from-backup.v1\""u8;

    /// <summary>What should be known of them.</summary>
    public IEnumerable<string> Notes => _declared.Select(d =>
        $"The event {d.Sequence} declares, signed, that the database was restored from a backup: of {d.Said.LostSize} "
        + $"leaves, {d.Said.ResumedSize} remained (reason: {Line(d.Reason)})."
        + (_explained.TryGetValue(d.Sequence, out var count)
            ? $" It was accepted, and explains {count} checkpoints kept elsewhere."
            : ""));

    /// <summary>Takes what an event says that is sealed as it stands. What nobody signed says nothing.</summary>
    public void Add(long sequence, long index, ReadOnlySpan<byte> data)
    {
        try
        {
            var reader = new Utf8JsonReader(data);
            var said = JsonElement.ParseValue(ref reader);
            if (_declared.Count < Most && said.GetProperty("declaration").GetString() is { } note
                && RestoreDeclaration.Read(note, origin, keys.Trusted) is { } declaration
                && declaration.ResumedSize <= index)
            {
                var reason = said.TryGetProperty("reason", out var text) && text.ValueKind == JsonValueKind.String
                    ? text.GetString()!
                    : "";
                _declared.Add(new Declared(sequence, reason, declaration));
            }
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // It is sealed as it stands, and explains nothing.
        }
    }

    /// <summary>Drops those that go on from another tree. There are seldom any, so this one is read again.</summary>
    public void Resolve(string leavesFile, long size)
    {
        if (_declared.Count == 0)
        {
            return;
        }

        var roots = new Dictionary<long, byte[]>();
        var sizes = new Queue<long>(_declared.Select(d => d.Said.ResumedSize).Distinct().Order());
        var tree = new TreeEdge();
        Span<byte> leaf = stackalloc byte[MerkleHash.Size];
        using var leaves = new Lines(leavesFile);
        while (sizes.TryPeek(out var next) && next <= size)
        {
            while (tree.Count < next && leaves.Read() && LeafLine.TryRead(leaves.Current, out _, out _, leaf))
            {
                tree.Append(leaf);
            }

            roots[sizes.Dequeue()] = tree.Root();
        }

        _declared.RemoveAll(d => !roots.TryGetValue(d.Said.ResumedSize, out var root)
            || !root.AsSpan().SequenceEqual(d.Said.ResumedRoot));
    }

    /// <summary>What of the findings about checkpoints that others hold is left, and how it is to be told.</summary>
    public IEnumerable<Finding> Unexplained(IReadOnlyList<(Checkpoint Held, Finding Finding)> findings)
    {
        // Whoever says what is lost must name something that was really there.
        var known = _declared.Where(d => findings.Any(f => d.Said.IsLost(f.Held))).ToList();
        foreach (var (held, finding) in findings)
        {
            var about = _declared.FindAll(d => d.Said.Covers(held));
            var told = about.FindAll(known.Contains);
            if (told.Find(d => accepted.Contains(d.Sequence)) is { } by)
            {
                _explained[by.Sequence] = _explained.GetValueOrDefault(by.Sequence) + 1;
            }
            else
            {
                yield return finding with { Text = finding.Text + Hint(about.FirstOrDefault(), told.FirstOrDefault()) };
            }
        }
    }

    private static string Hint(Declared? about, Declared? told) =>
        told is not null
            ? $"; declared at sequence {told.Sequence}: verify with --accept-restore {told.Sequence} if you were told of "
                + "it"
        : about is not null
            ? $"; the declaration at sequence {about.Sequence} is of a checkpoint of {about.Said.LostSize} leaves, "
                + "which is not among those that were given"
        : "";

    private static string Line(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));

    private sealed record Declared(long Sequence, string Reason, RestoreDeclaration Said);
}
