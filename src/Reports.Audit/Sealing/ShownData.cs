using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Reports.Audit.Sealing;

/// <summary>
/// What the function <c>ledger.shown</c> in the database says, said once more outside of it: whoever replaces the
/// function replaces nothing here. A test compares the two.
/// </summary>
internal static class ShownData
{
    private const string LateResult = "report.late-result-ignored.v1";
    private const string Suffix = "_sha256";

    private static readonly string[] Always = ["storage_key", "quarantine_key"];
    private static readonly string[] OfCompleted = [.. Always, "subject"];

    // Hardly an event has one: to look for their bytes is faster than to read the members of all.
    private static readonly SearchValues<string> Names = SearchValues.Create(
        ["\"storage_key", "\"quarantine_key", "\"subject"], StringComparison.Ordinal);

    /// <summary>The data of an event as its leaf has it.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="data">The data as the column shows it as text.</param>
    /// <returns>The text; null when there is a member that stands for a hidden one, which no event is let in with.</returns>
    public static string? Of(string type, string data)
    {
        if (!data.StartsWith('{') || !data.AsSpan().ContainsAny(Names))
        {
            return data;
        }

        var members = Members(data);
        if (OfCompleted.Any(name => members.Exists(m => m.Name == name + Suffix)))
        {
            return null;
        }

        var isCompleted = type == LateResult && members.Exists(m => m is { Name: "answer", Text: "completed" });
        var hidden = members.FindAll(m => m.Text is not null && (isCompleted ? OfCompleted : Always).Contains(m.Name));
        if (hidden.Count == 0)
        {
            return data;
        }

        members.RemoveAll(hidden.Contains);
        members.AddRange(hidden.Select(m => (
            m.Name + Suffix, (string?)null, $"\"{m.Name}{Suffix}\": \"{Hash(m.Text!)}\"")));

        // The order in which PostgreSQL keeps the members of an object: the shorter name first.
        members.Sort((a, b) => Compare(Encoding.UTF8.GetBytes(a.Name), Encoding.UTF8.GetBytes(b.Name)));
        return $"{{{string.Join(", ", members.Select(m => m.Whole))}}}";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static int Compare(byte[] a, byte[] b) =>
        a.Length != b.Length ? a.Length.CompareTo(b.Length) : a.AsSpan().SequenceCompareTo(b);

    // The members of an object, each with its text if it is one, and as it is written.
    private static List<(string Name, string? Text, string Whole)> Members(string data)
    {
        var utf8 = Encoding.UTF8.GetBytes(data);
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = int.MaxValue });
        var members = new List<(string, string?, string)>();
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (begin, name) = ((int)reader.TokenStartIndex, reader.GetString()!);
            reader.Read();
            var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
            members.Add((name, text, Encoding.UTF8.GetString(utf8, begin, (int)reader.BytesConsumed - begin)));
        }

        return members;
    }
}
