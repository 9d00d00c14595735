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
    private const int Always = 2; // so many of those names, and of a completed result all

    private static readonly byte[][] Names =
        ["storage_key"u8.ToArray(), "quarantine_key"u8.ToArray(), "subject"u8.ToArray()];

    private static readonly byte[][] Standing = [.. Names.Select(name => (byte[])[.. name, .. "_sha256"u8])];

    /// <summary>The data of an event as its leaf has it.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="data">The data as the column shows it as text.</param>
    /// <returns>The text; null when there is a member that stands for a hidden one, which no event is let in with.</returns>
    public static string? Of(string type, string data) =>
        Of(Encoding.UTF8.GetBytes(type), Encoding.UTF8.GetBytes(data)) is { } shown
            ? Encoding.UTF8.GetString(shown.Span)
            : null;

    /// <summary>The same in UTF-8.</summary>
    /// <param name="type">The stored name of its type.</param>
    /// <param name="data">The data as the column shows it as text.</param>
    /// <returns>The text, which is what was given where nothing is hidden; or null.</returns>
    public static ReadOnlyMemory<byte>? Of(ReadOnlySpan<byte> type, ReadOnlyMemory<byte> data)
    {
        // Most events have none: to look for their bytes is faster than to read the members of all.
        var json = data.Span;
        if (json is not [(byte)'{', ..] || !MayHide(json))
        {
            return data;
        }

        var members = new List<Member>();
        var isCompleted = false;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var begin = (int)reader.TokenStartIndex;
            var name = reader.ValueIsEscaped
                ? Encoding.UTF8.GetBytes(reader.GetString()!)
                : data.Slice(begin + 1, reader.ValueSpan.Length);
            if (IndexOf(Standing, name.Span) >= 0)
            {
                return null;
            }

            var index = IndexOf(Names, name.Span);
            reader.Read();
            var text = index >= 0 && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            isCompleted |= name.Span.SequenceEqual("answer"u8) && reader.TokenType == JsonTokenType.String
                && reader.ValueTextEquals("completed"u8);
            reader.Skip();
            members.Add(new Member(name, index, text, data[begin..(int)reader.BytesConsumed]));
        }

        isCompleted &= type.SequenceEqual("report.late-result-ignored.v1"u8);
        return Shown(members, isCompleted ? Names.Length : Always) ?? data;
    }

    private static bool MayHide(ReadOnlySpan<byte> data) =>
        data.IndexOf("\"storage_key"u8) >= 0 || data.IndexOf("\"quarantine_key"u8) >= 0
        || data.IndexOf("\"subject"u8) >= 0;

    private static int IndexOf(byte[][] names, ReadOnlySpan<byte> name)
    {
        var i = names.Length - 1;
        while (i >= 0 && !name.SequenceEqual(names[i]))
        {
            i--;
        }

        return i;
    }

    // Nothing when none of the names is there.
    private static byte[]? Shown(List<Member> members, int names)
    {
        var hidden = members.FindAll(m => m.Text is not null && m.Index < names);
        if (hidden.Count == 0)
        {
            return null;
        }

        members.RemoveAll(m => m.Text is not null && m.Index < names);
        foreach (var (_, index, text, _) in hidden)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text!)));
            var standing = new Member(
                Standing[index], -1, null, (byte[])[
                    (byte)'"', .. Standing[index], .. "\": \""u8, .. Encoding.UTF8.GetBytes(hash), (byte)'"']);
            var place = members.FindIndex(m => standing.IsBefore(m));
            members.Insert(place < 0 ? members.Count : place, standing);
        }

        return Whole(members);
    }

    private static byte[] Whole(List<Member> members)
    {
        var length = 0;
        foreach (var member in members)
        {
            length += member.Whole.Length + 2;
        }

        var whole = new byte[length];
        var at = 0;
        foreach (var member in members)
        {
            var mark = at == 0 ? "{"u8 : ", "u8;
            mark.CopyTo(whole.AsSpan(at));
            member.Whole.Span.CopyTo(whole.AsSpan(at += mark.Length));
            at += member.Whole.Length;
        }

        whole[at] = (byte)'}';
        return whole;
    }

    // A member, with its place among the names and its text if it is one of them and is text, and as it is written.
    private readonly record struct Member(
        ReadOnlyMemory<byte> Name, int Index, string? Text, ReadOnlyMemory<byte> Whole)
    {
        // The order in which PostgreSQL keeps the members of an object: the shorter name first.
        public bool IsBefore(in Member other) => Name.Length != other.Name.Length
            ? Name.Length < other.Name.Length
            : Name.Span.SequenceCompareTo(other.Name.Span) < 0;
    }
}
