using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Reports.Ledger;

namespace Reports.UnitTests.Ledger;

/// <summary>An export as the service would give it, made up, to be written down whole or altered.</summary>
internal sealed class SyntheticExport : IDisposable
{
    public const string Origin = "reports/test";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _directory = Directory.CreateTempSubdirectory("reports-ledger-").FullName;

    /// <summary>Seals events with gaps between their sequences, some at a time.</summary>
    public SyntheticExport(int events, int seed = 1, int batch = 10, params CheckpointSigner[] signers)
    {
        Random = new Random(seed);
        Signers = signers.Length > 0 ? [.. signers] : [Signer()];
        for (var sequence = 1L; Events.Count < events; sequence += Random.Next(4) == 0 ? 2 : 1)
        {
            Events.Add((Event(sequence), null));
            if (Events.Count % batch == 0 || Events.Count == events)
            {
                Seal();
            }
        }
    }

    public Random Random { get; }

    public List<CheckpointSigner> Signers { get; }

    public List<(StoredEvent Event, long? Index)> Events { get; } = [];

    public List<(long Sequence, byte[] Leaf)> Leaves { get; } = [];

    public List<(long Size, string Note)> Checkpoints { get; } = [];

    public List<CheckpointKey> Keys { get; } = [];

    public string Scope { get; set; } = ExportDescription.All;

    public ExportFolder Folder => new(Path.Combine(_directory, "export"));

    public string Anchors => Directory.CreateDirectory(Path.Combine(_directory, "anchors")).FullName;

    public static CheckpointSigner Signer() => new(CheckpointSigner.Generate());

    public StoredEvent Event(long sequence, string? data = null) => new(
        sequence,
        new Guid(Bytes(16)),
        new Guid(Bytes(16)),
        1 + Random.Next(5),
        "report.requested.v1",
        Random.Next(5) == 0 ? "platform" : new Guid(Bytes(16)).ToString("D"),
        1_795_000_000_000_000 + (sequence * 1001),
        1_795_000_000_000_017 + (sequence * 1001),
        Random.Next(2) == 0 ? null : "user \"ü\\\u2028\t😀",
        Random.Next(2) == 0 ? null : Convert.ToHexStringLower(Bytes(16)),
        null,
        Random.Next(5) == 0 ? null : "{\"traceparent\": \"00-" + Convert.ToHexStringLower(Bytes(16)) + "\"}",
        data ?? $"{{\"at\": \"2026-11-23T00:05:09+00:00\", \"note\": \"\\\"data\\\":{{\", \"number\": {Random.Next()}}}");

    /// <summary>Seals what has no leaf yet.</summary>
    public void Seal()
    {
        var tree = new TreeEdge();
        Leaves.ForEach(l => tree.Append(l.Leaf));
        for (var i = 0; i < Events.Count; i++)
        {
            if (Events[i].Index is null)
            {
                var leaf = EventLeaf.Hash(Events[i].Event);
                Leaves.Add((Events[i].Event.Sequence, leaf));
                Events[i] = (Events[i].Event, tree.Count);
                tree.Append(leaf);
            }
        }

        Checkpoints.Add((tree.Count, Note(tree.Count, tree.Root(), Events.Max(e => e.Event.Sequence))));
    }

    /// <summary>Declares, signed, that a checkpoint was lost, and seals that.</summary>
    public long Declare(Checkpoint lost, Func<RestoreDeclaration, RestoreDeclaration>? change = null)
    {
        var (tree, sequence) = (new TreeEdge(), Events.Max(e => e.Event.Sequence) + 1);
        Leaves.ForEach(l => tree.Append(l.Leaf));
        var said = new RestoreDeclaration(Origin, lost.Size, lost.Root, tree.Count, tree.Root());
        var note = (change?.Invoke(said) ?? said).Sign(Signers);
        var data = $"{{\"reason\": \"incident\", \"declaration\": {Text(note)}}}";
        Events.Add((Event(sequence, data) with { Type = "audit.restored-from-backup.v1" }, null));
        Seal();
        return sequence;
    }

    public string Note(long size, byte[] root, long sequence)
    {
        foreach (var signer in Signers.Where(s => Keys.TrueForAll(k => k.Id != s.Key.Id)))
        {
            Keys.Add(signer.Key);
        }

        var time = DateTimeOffset.UnixEpoch.AddMicroseconds(1_795_000_000_000_000 + (sequence * 1002));
        return SignedCheckpoint.Sign(new Checkpoint(Origin, size, root, sequence, time, []), Signers).Note();
    }

    /// <summary>Makes every leaf and checkpoint anew from the events, as one who holds the keys can.</summary>
    public void Rebuild()
    {
        var sizes = Checkpoints.Select(c => c.Size).ToList();
        Leaves.Clear();
        Checkpoints.Clear();
        var tree = new TreeEdge();
        for (var i = 0; i < Events.Count; i++)
        {
            var leaf = EventLeaf.Hash(Events[i].Event);
            Leaves.Add((Events[i].Event.Sequence, leaf));
            Events[i] = (Events[i].Event, i);
            tree.Append(leaf);
            if (sizes.Contains(tree.Count) || i == Events.Count - 1)
            {
                Checkpoints.Add((tree.Count, Note(tree.Count, tree.Root(), Events[i].Event.Sequence)));
            }
        }
    }

    public void Anchor(int checkpoint)
    {
        var (size, note) = Checkpoints[checkpoint];
        File.WriteAllText(Path.Combine(Anchors, HeldCheckpoints.AnchorName(size)), note);
    }

    public string Held(string text)
    {
        var path = Path.Combine(_directory, $"held-{Random.Next()}.txt");
        File.WriteAllText(path, text);
        return path;
    }

    public ExportFolder Write()
    {
        Directory.CreateDirectory(Folder.Path);
        Directory.CreateDirectory(Folder.Keys);
        File.WriteAllText(Folder.Events, string.Concat(Events.Select(e => Line(e.Event, e.Index) + "\n")));
        File.WriteAllText(Folder.Leaves, string.Concat(Leaves.Select((l, i) => LeafLine.Text(i, l.Sequence, l.Leaf))));
        File.WriteAllText(Folder.Checkpoints, string.Concat(Checkpoints.Select(c => CheckpointLine.Text(c.Size, c.Note))));
        Keys.ForEach(k => File.WriteAllText(Path.Combine(Folder.Keys, k.Id + ".pem"), k.ToPem()));
        var last = Checkpoints.Count > 0 ? SignedCheckpoint.Parse(Checkpoints[^1].Note)?.Checkpoint : null;
        var size = Checkpoints.Select(c => c.Size).Append(Leaves.Count).Max();
        new ExportDescription(
            ExportDescription.CurrentFormat, Origin, Scope, "http://localhost", size, last?.Sequence ?? 0, true)
            .Write(Folder);
        return Folder;
    }

    public (Verification Verification, List<Finding> Findings) Verify(
        IReadOnlyList<CheckpointKey>? pinned = null, HeldCheckpoints? held = null, params long[] restores)
    {
        var findings = new List<Finding>();
        var options = new VerificationOptions(
            pinned ?? [], held ?? HeldCheckpoints.None, Scope == ExportDescription.All ? null : Scope, restores);
        return (ExportVerifier.Verify(Write(), options, findings.Add), findings);
    }

    public static string Line(StoredEvent e, long? index)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{{\"sequence\":{e.Sequence},\"leaf_index\":{Text(index)}")
            .Append(CultureInfo.InvariantCulture, $",\"event_id\":\"{e.EventId}\",\"stream_id\":\"{e.StreamId}\",\"version\":{e.Version}")
            .Append(CultureInfo.InvariantCulture, $",\"type\":{Text(e.Type)},\"tenant\":{Text(e.Tenant)}")
            .Append(CultureInfo.InvariantCulture, $",\"timestamp\":\"{Instant(e.TimestampMicroseconds)}\"")
            .Append(CultureInfo.InvariantCulture, $",\"recorded_at\":{Recorded(e)}")
            .Append(CultureInfo.InvariantCulture, $",\"user_name\":{Text(e.UserName)}")
            .Append(CultureInfo.InvariantCulture, $",\"correlation_id\":{Text(e.CorrelationId)},\"causation_id\":{Text(e.CausationId)}")
            .Append(CultureInfo.InvariantCulture, $",\"headers\":{e.Headers ?? "null"},\"data\":{e.Data}}}");
        return line.ToString();
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        Random.NextBytes(bytes);
        return bytes;
    }

    private static string Text(object? value) => JsonSerializer.Serialize(value, Json);

    private static string Recorded(StoredEvent e) => e.RecordedMicroseconds is { } at ? $"\"{Instant(at)}\"" : "null";

    private static string Instant(long microseconds) => DateTimeOffset.UnixEpoch.AddMicroseconds(microseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
