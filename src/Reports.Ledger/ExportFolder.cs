using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Reports.Ledger;

/// <summary>Where things are in an exported audit; <c>docs/ledger.md</c> says what they look like.</summary>
/// <param name="Path">The folder.</param>
public sealed record ExportFolder(string Path)
{
    /// <summary>What the export is: <see cref="ExportDescription"/> as JSON.</summary>
    public string Description => Under("export.json");

    /// <summary>The events in the order of their sequences, an <see cref="EventLine"/> each.</summary>
    public string Events => Under("events.ndjson");

    /// <summary>The leaves in the order of the tree, a <see cref="LeafLine"/> each.</summary>
    public string Leaves => Under("leaves.ndjson");

    /// <summary>The checkpoints in the order of their sizes, a <see cref="CheckpointLine"/> each.</summary>
    public string Checkpoints => Under("checkpoints.ndjson");

    /// <summary>The public keys, a PEM file each.</summary>
    public string Keys => Under("keys");

    private string Under(string name) => System.IO.Path.Combine(Path, name);
}

/// <summary>What an export is.</summary>
/// <param name="Format">The name of the format.</param>
/// <param name="Origin">The name of the ledger.</param>
/// <param name="Scope">Whose events it has: <c>all</c>, or a merchant's id. The leaves are always those of all.</param>
/// <param name="Url">Where it came from.</param>
/// <param name="Size">How many leaves it has.</param>
/// <param name="Sequence">It has every event up to this sequence that the scope allows.</param>
/// <param name="Complete">Whether the export came to its end.</param>
public sealed record ExportDescription(
    [property: JsonPropertyName("format")] string Format,
    [property: JsonPropertyName("origin")] string Origin,
    [property: JsonPropertyName("scope")] string Scope,
    [property: JsonPropertyName("url")] string Url,
    [property: JsonPropertyName("size")] long Size,
    [property: JsonPropertyName("sequence")] long Sequence,
    [property: JsonPropertyName("complete")] bool Complete)
{
    /// <summary>The name of this format.</summary>
    public const string CurrentFormat = "reports-audit-export-v1";

    /// <summary>The scope of an export of every merchant.</summary>
    public const string All = "all";

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>Reads the description of an export.</summary>
    /// <param name="folder">The export.</param>
    /// <returns>The description; none when there is none yet.</returns>
    /// <exception cref="UnusableExportException">It is no description, or one of another format.</exception>
    public static ExportDescription? Read(ExportFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!File.Exists(folder.Description))
        {
            return null;
        }

        ExportDescription? description = null;
        try
        {
            description = JsonSerializer.Deserialize<ExportDescription>(File.ReadAllBytes(folder.Description), Json);
        }
        catch (JsonException)
        {
        }

        return description is { Format: CurrentFormat, Scope: not null, Origin: not null, Url: not null }
            ? description
            : throw new UnusableExportException(
                $"{folder.Description} does not describe an export of the format {CurrentFormat}.");
    }

    /// <summary>Writes it; a reader sees the old one or the new one.</summary>
    /// <param name="folder">The export.</param>
    public void Write(ExportFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var (path, next) = (folder.Description, folder.Description + ".new");
        File.WriteAllText(next, JsonSerializer.Serialize(this, Json) + "\n");
        File.Move(next, path, overwrite: true);
    }
}

/// <summary>A line of the leaves: <c>{"index":6,"sequence":7,"leaf":"hex"}</c>.</summary>
public static class LeafLine
{
    private const int HexLength = 2 * MerkleHash.Size;

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="index">Which leaf it is, from 0.</param>
    /// <param name="sequence">The sequence of its event.</param>
    /// <param name="leaf">Where the 32 bytes of the leaf go.</param>
    /// <returns>False when it is no such line.</returns>
    public static bool TryRead(ReadOnlySpan<byte> line, out long index, out long sequence, Span<byte> leaf)
    {
        sequence = 0;
        return TryNumber(ref line, "{\"index\":"u8, out index)
            && TryNumber(ref line, ",\"sequence\":"u8, out sequence)
            && TryTake(ref line, ",\"leaf\":\""u8)
            && line.Length == HexLength + 2 && line.EndsWith("\"}"u8)
            && !line[..HexLength].ContainsAnyInRange((byte)'A', (byte)'Z')
            && Convert.FromHexString(line[..HexLength], leaf, out _, out var written) == OperationStatus.Done
            && written == MerkleHash.Size;
    }

    /// <summary>Writes a line.</summary>
    /// <param name="index">Which leaf it is, from 0.</param>
    /// <param name="sequence">The sequence of its event.</param>
    /// <param name="leaf">The leaf.</param>
    /// <returns>The line with its end.</returns>
    public static string Text(long index, long sequence, ReadOnlySpan<byte> leaf) => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"index\":{index},\"sequence\":{sequence},\"leaf\":\"{Convert.ToHexStringLower(leaf)}\"}}\n");

    internal static bool TryNumber(ref ReadOnlySpan<byte> line, ReadOnlySpan<byte> before, out long number)
    {
        number = 0;
        if (!TryTake(ref line, before) || !Utf8Parser.TryParse(line, out number, out var length)
            || line[0] is < (byte)'0' or > (byte)'9' || (line[0] == '0' && length > 1))
        {
            return false;
        }

        line = line[length..];
        return true;
    }

    private static bool TryTake(ref ReadOnlySpan<byte> line, ReadOnlySpan<byte> text)
    {
        if (!line.StartsWith(text))
        {
            return false;
        }

        line = line[text.Length..];
        return true;
    }
}

/// <summary>A line of the checkpoints: <c>{"size":7,"note":"…"}</c>, the note as a JSON string.</summary>
public static class CheckpointLine
{
    // Notes stay readable: they hold base64 and a dash.
    private static readonly JsonSerializerOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="size">The size of the checkpoint.</param>
    /// <param name="note">The note.</param>
    /// <returns>False when it is no such line.</returns>
    public static bool TryRead(ReadOnlySpan<byte> line, out long size, out string note)
    {
        note = "";
        const string Member = ",\"note\":";
        if (!LeafLine.TryNumber(ref line, "{\"size\":"u8, out size) || line.Length <= Member.Length + 1
            || !line.StartsWith(",\"note\":\""u8) || !line.EndsWith("\"}"u8))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(line[Member.Length..^1]);
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                return false;
            }

            note = reader.GetString()!;
            return !reader.Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Writes a line.</summary>
    /// <param name="size">The size of the checkpoint.</param>
    /// <param name="note">The note.</param>
    /// <returns>The line with its end.</returns>
    public static string Text(long size, string note)
    {
        var text = new StringBuilder();
        return text.Append(CultureInfo.InvariantCulture, $"{{\"size\":{size},\"note\":")
            .Append(JsonSerializer.Serialize(note, Json)).Append("}\n").ToString();
    }
}
