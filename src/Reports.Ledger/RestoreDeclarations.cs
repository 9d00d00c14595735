using System.Text.Json;

namespace Reports.Ledger;

/// <summary>
/// Operators' sealed words that the database was restored from a backup. The checkpoints of what was lost by it are
/// held by others, and explained by it.
/// </summary>
internal sealed class RestoreDeclarations
{
    private const int Most = 1000;

    private readonly List<Declaration> _declared = [];
    private readonly HashSet<long> _used = [];
    private long _explained;

    /// <summary>The stored name of the event, as JSON.</summary>
    public static ReadOnlySpan<byte> Type => "\"audit.restored-from-backup.v1\""u8;

    /// <summary>What should be known of them.</summary>
    public IEnumerable<string> Notes => _declared.Select(d =>
        $"The event {d.Sequence} declares that the database was restored from a backup: of {d.LostSize} leaves, "
        + $"{d.ResumedSize} remained (reason: {Line(d.Reason)})."
        + (_used.Contains(d.Sequence) ? $" Declarations explain {_explained} checkpoints kept elsewhere." : ""));

    public void Add(long sequence, ReadOnlySpan<byte> data)
    {
        try
        {
            var reader = new Utf8JsonReader(data);
            var said = JsonElement.ParseValue(ref reader);
            if (_declared.Count < Most)
            {
                _declared.Add(new Declaration(
                    sequence,
                    said.GetProperty("resumed_size").GetInt64(),
                    said.GetProperty("lost_size").GetInt64(),
                    said.GetProperty("lost_root").GetString() ?? "",
                    said.GetProperty("reason").GetString() ?? ""));
            }
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // It is sealed as it stands, and explains nothing.
        }
    }

    /// <summary>Whether what others hold of a larger or another tree was lost by a restored backup.</summary>
    public bool Explain(Checkpoint held, Finding finding)
    {
        // What lay between the backup and the largest checkpoint that was known is what was lost.
        var by = _declared.Find(d => d.ResumedSize < held.Size && (held.Size < d.LostSize
            || (held.Size == d.LostSize && Convert.ToHexStringLower(held.Root) == d.LostRoot)));
        if (by is null || finding.Verdict is not (Verdict.Truncated or Verdict.Fork))
        {
            return false;
        }

        _used.Add(by.Sequence);
        _explained++;
        return true;
    }

    private static string Line(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));

    private sealed record Declaration(long Sequence, long ResumedSize, long LostSize, string LostRoot, string Reason);
}
