using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Messages;

namespace Reports.Host.Roads;

/// <summary>
/// A message from outside as Wolverine's inbox keeps it. Nothing that a sender writes can make this throw: what makes
/// no sense gets a name that has no handler, and so becomes one dead letter. A tenant is never taken from outside.
/// </summary>
/// <param name="Id">The same for every delivery of the same message: by it the inbox knows duplicates.</param>
/// <param name="Type">The name of the message, or what is said in its place.</param>
/// <param name="Data">The message as JSON; the whole body where that could not be told.</param>
internal sealed record IncomingMessage(Guid Id, string Type, byte[] Data)
{
    /// <summary>In place of a name, for a body that cannot be read as what it is said to be.</summary>
    public const string Malformed = "malformed";

    /// <summary>In place of a name that is not there.</summary>
    public const string Untyped = "untyped";

    /// <summary>Before a name that is taken from nobody outside.</summary>
    public const string Refused = "refused:";

    private const int LongestName = 200;
    private const string OurNames = "reports.";
    private static readonly Guid Space = new("5b4cb9a2-40ab-5f6e-9c46-0d7f1f1a3e6b");

    /// <summary>Reads a message.</summary>
    /// <param name="body">The body, whatever it is.</param>
    /// <param name="contentType">What the body is said to be.</param>
    /// <param name="type">The name beside the body, for a body that is the bare message.</param>
    /// <param name="id">The id beside the body.</param>
    /// <param name="source">Who gave that id.</param>
    public static IncomingMessage Read(byte[] body, string? contentType, string? type, string? id, string? source)
    {
        var isSaid = contentType?.StartsWith(CloudEvents.MediaType, StringComparison.OrdinalIgnoreCase) == true;
        if (ReadCloudEvent(body, isSaid) is { } wrapped)
        {
            return wrapped;
        }

        return isSaid
            ? new IncomingMessage(IdOf(id, source, type, body), Malformed, body)
            : new IncomingMessage(IdOf(id, source, type, body), NameOf(type), body);
    }

    private static IncomingMessage? ReadCloudEvent(byte[] body, bool isSaid)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind is not JsonValueKind.Object || (!isSaid && !root.TryGetProperty("specversion", out _)))
            {
                return null;
            }

            string? Text(string name) => root.TryGetProperty(name, out var value) ? value.GetString() : null;
            var (id, source, type) = (Text("id"), Text("source"), Text("type"));
            return Text("specversion") == CloudEvents.SpecVersion && DataOf(root) is { } data
                ? new IncomingMessage(IdOf(id, source, type, body), NameOf(type), data)
                : new IncomingMessage(IdOf(id, source, type, body), Malformed, body);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            // An attribute is no text, or text that is no Unicode.
            return new IncomingMessage(IdOf(null, null, null, body), Malformed, body);
        }
    }

    private static byte[]? DataOf(JsonElement root) =>
        root.TryGetProperty("data", out var data) ? Encoding.UTF8.GetBytes(data.GetRawText())
        : root.TryGetProperty("data_base64", out var text) && text.TryGetBytesFromBase64(out var bytes) ? bytes
        : null;

    // Not every sender gives UUIDs, and some give no id at all: a redelivery is still the same message.
    private static Guid IdOf(string? id, string? source, string? type, byte[] body) =>
        Guid.TryParse(id, out var uuid) && uuid != Guid.Empty ? uuid
        : !string.IsNullOrEmpty(id) ? Uuids.FromName(Space, $"id\n{source?.Length}\n{source}\n{id}")
        : Uuids.FromName(Space, $"body\n{type}\n{Convert.ToHexStringLower(SHA256.HashData(body))}");

    // Names like ours that are unknown may be known to the next version, which replays their dead letters.
    private static string NameOf(string? type) =>
        string.IsNullOrWhiteSpace(type) ? Untyped
        : type.StartsWith(OurNames, StringComparison.Ordinal) && type != Order ? Storable(type)
        : Refused + Storable(type);

    private static string Order { get; } =
        ContractNames.Messages.Single(pair => pair.Value == typeof(GenerateReport)).Key;

    // Storable as text, whatever it was.
    private static string Storable(string text)
    {
        var clean = new StringBuilder();
        foreach (var rune in text.EnumerateRunes().Take(LongestName))
        {
            clean.Append(Rune.IsControl(rune) ? Rune.ReplacementChar : rune);
        }

        return clean.ToString();
    }
}
