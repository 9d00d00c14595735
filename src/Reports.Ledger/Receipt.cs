using System.Text;
using System.Text.Json;

namespace Reports.Ledger;

/// <summary>
/// A receipt: an event, its leaf, the proof that the leaf is in a tree, and the signed checkpoint of that tree. Or, of
/// a download attempt, one for each of its events. With the public key it is proof by itself, years later too.
/// </summary>
public static class Receipt
{
    /// <summary>Verifies a receipt.</summary>
    /// <param name="json">The receipt, byte for byte as the service gave it.</param>
    /// <param name="keys">The keys that are trusted.</param>
    /// <param name="report">Told of each finding.</param>
    /// <returns>What was proved, a line for each event.</returns>
    /// <exception cref="UnusableExportException">It is no receipt.</exception>
    public static IReadOnlyList<string> Verify(
        ReadOnlyMemory<byte> json, IReadOnlyList<CheckpointKey> keys, Action<Finding> report)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(report);
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (!root.TryGetProperty("events", out var events))
            {
                return Proved([root], null, keys, report);
            }

            var attempt = root.GetProperty("attempt").GetString()
                ?? throw new UnusableExportException("The receipt does not say of which attempt it is.");
            return Proved([.. events.EnumerateArray()], attempt, keys, report);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UnusableExportException($"That is no receipt: {e.Message}");
        }
    }

    private static List<string> Proved(
        IReadOnlyList<JsonElement> receipts, string? attempt, IReadOnlyList<CheckpointKey> keys, Action<Finding> report)
    {
        if (receipts.Count == 0)
        {
            throw new UnusableExportException("There is no event in the receipt.");
        }

        var proved = new List<string>();
        var contents = receipts.Select(r => new Content(r)).ToList();
        for (var i = 0; i < contents.Count; i++)
        {
            var content = contents[i];
            var findings = content.Findings(attempt, attempt is null ? null : i + 1, keys).ToList();
            findings.ForEach(report);
            if (findings.Count == 0)
            {
                proved.Add(content.ToString());
            }
        }

        // There is nothing that tells how many events a stream has. An attempt's last is known.
        if (attempt is not null && !contents[^1].IsEnd)
        {
            proved.Add("The end of the attempt is not in the receipt: it had not ended, or the end was left out.");
        }

        return proved;
    }

    private sealed class Content
    {
        private static readonly string[] Ends = ["download.completed.v1", "download.failed.v1"];

        private readonly long _sequence;
        private readonly long _index;
        private readonly long _size;
        private readonly byte[] _leaf;
        private readonly byte[][] _proof;
        private readonly byte[] _event;
        private readonly SignedCheckpoint? _note;

        public Content(JsonElement receipt)
        {
            _sequence = receipt.GetProperty("sequence").GetInt64();
            _index = receipt.GetProperty("leaf_index").GetInt64();
            _size = receipt.GetProperty("tree_size").GetInt64();
            _leaf = Hash(receipt.GetProperty("leaf"));
            _proof = [.. receipt.GetProperty("proof").EnumerateArray().Select(Hash)];
            _event = Encoding.UTF8.GetBytes(receipt.GetProperty("event").GetRawText());
            _note = SignedCheckpoint.Parse(receipt.GetProperty("checkpoint").GetString() ?? "");
        }

        public bool IsEnd => EventLine.TryRead(_event, out var read, out _) && Ends.Contains(EventLine.Text(read.Type));

        public IEnumerable<Finding> Findings(string? attempt, int? version, IReadOnlyList<CheckpointKey> keys)
        {
            if (_note is null || !_note.IsSignedBy(keys))
            {
                yield return new Finding(
                    Verdict.BadSignature,
                    _sequence,
                    "its checkpoint is not signed by a key that is trusted, or not as it stands there");
            }

            if (EventFlaw(attempt) is { } flaw)
            {
                yield return new Finding(Verdict.Modified, _sequence, flaw);
            }

            if (version is { } expected && Version != expected)
            {
                yield return new Finding(
                    Verdict.Missing, _sequence, $"it is event {Version} of the attempt, where {expected} belongs");
            }

            if (_note is { Checkpoint: var checkpoint }
                && (checkpoint.Size != _size
                    || !MerkleProof.VerifyInclusion(_leaf, _index, _size, _proof, checkpoint.Root)))
            {
                yield return new Finding(
                    Verdict.Fork,
                    _sequence,
                    $"its proof does not lead to the root of the checkpoint of {checkpoint.Size} leaves");
            }
        }

        public override string ToString()
        {
            EventLine.TryRead(_event, out var read, out _);
            return $"{EventLine.Text(read.Type)} with the sequence {_sequence} is leaf {_index} of the {_size} that "
                + $"{_note!.Checkpoint.Origin} signed at {_note.Checkpoint.Time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}";
        }

        private long Version => EventLine.TryRead(_event, out var read, out _) ? read.Version : 0;

        private string? EventFlaw(string? attempt)
        {
            if (!EventLine.TryRead(_event, out var read, out var member))
            {
                return $"its event cannot be read, from the member `{member}` on; it must be as the service wrote it";
            }

            Span<byte> hash = stackalloc byte[MerkleHash.Size];
            read.Hash(hash);
            return !hash.SequenceEqual(_leaf) ? "its event is not that of the leaf"
                : read.Sequence != _sequence ? $"its event has the sequence {read.Sequence}"
                : read.LeafIndex is { } index && index != _index ? $"its event is said to be leaf {index}"
                : attempt is not null && !read.StreamId.SequenceEqual(Encoding.UTF8.GetBytes(attempt))
                    ? "its event is of another attempt"
                : null;
        }

        private static byte[] Hash(JsonElement text)
        {
            var hash = Convert.FromBase64String(text.GetString() ?? "");
            return hash.Length == MerkleHash.Size
                ? hash
                : throw new FormatException("there is no hash where one belongs.");
        }
    }
}
