using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>
/// Which transactions a statement saw, as PostgreSQL writes it (<c>xmin:xmax:xip_list</c>): all before
/// <paramref name="Xmin"/>, none from <paramref name="Xmax"/> on.
/// </summary>
internal readonly record struct Snapshot(string Text, ulong Xmin, ulong Xmax)
{
    public static Snapshot Parse(string text)
    {
        var parts = text.Split(':', 3);
        return new Snapshot(
            text,
            ulong.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture),
            ulong.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture));
    }
}

/// <summary>
/// A place in a walk from the newest report to the oldest. What a walk showed or would have shown when it began it
/// shows, though a report expire on the way: <paramref name="Began"/> tells which have.
/// </summary>
/// <param name="Filter">What the walk is through.</param>
/// <param name="IsDefaultWindow">Whether its window was left to default.</param>
/// <param name="CreatedAt">Where the page begins, together with <paramref name="Id"/>; the place is in no page.</param>
/// <param name="Id">The report at the place.</param>
/// <param name="IsBackward">Whether the page is the one before the place.</param>
/// <param name="Began">The snapshot of the first page.</param>
internal sealed record Cursor(
    ReportFilter Filter,
    bool IsDefaultWindow,
    DateTime CreatedAt,
    Guid Id,
    bool IsBackward,
    string Began);

/// <summary>
/// A place in the order in which reports were finished: by the transaction that finished them, then by number. A place
/// is shown only when every transaction before it has ended, so that nothing can be committed behind it.
/// </summary>
/// <param name="Xid">The transaction.</param>
/// <param name="Number">The report's number; -1 stands before all of the transaction's.</param>
/// <param name="Seen">
/// The snapshot whose reports count as seen although they lie behind the place; none when there are no such.
/// </param>
internal sealed record Watermark(ulong Xid, long Number, string? Seen)
{
    /// <summary>After everything that a snapshot saw.</summary>
    public static Watermark After(Snapshot snapshot) =>
        new(snapshot.Xmin, -1, snapshot.Xmax > snapshot.Xmin ? snapshot.Text : null);

    /// <summary>A later place. What was seen already is forgotten once the place has passed it.</summary>
    public Watermark MoveTo(ulong xid, long number) =>
        new(xid, number, Seen is { } seen && Snapshot.Parse(seen).Xmax > xid ? seen : null);
}

/// <summary>
/// Seals cursors and watermarks: AES-256-GCM under a key of the installation, bound to the merchant and to what they
/// are. A client can neither read nor make nor change one, and another merchant's is none.
/// </summary>
internal sealed class PageMarks(KeyRing keys)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int LongestText = 16 * 1024;
    private static readonly Encoding Ascii = Encoding.ASCII;

    private readonly Dictionary<int, byte[]> _keys = keys.Versions.ToDictionary(v => v, v => keys.Derive(v, "page-mark"));

    public string Seal(Guid merchant, Cursor cursor) => Seal(merchant, "cursor", cursor, MarkJson.Default.Cursor);

    public string Seal(Guid merchant, Watermark watermark) =>
        Seal(merchant, "watermark", watermark, MarkJson.Default.Watermark);

    /// <summary>The cursor; null when it is none of this merchant's.</summary>
    public Cursor? OpenCursor(Guid merchant, string text) => Open(merchant, "cursor", text, MarkJson.Default.Cursor);

    /// <summary>The watermark; null when it is none of this merchant's.</summary>
    public Watermark? OpenWatermark(Guid merchant, string text) =>
        Open(merchant, "watermark", text, MarkJson.Default.Watermark);

    private string Seal<T>(Guid merchant, string kind, T mark, JsonTypeInfo<T> type)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(mark, type);
        var sealedMark = new byte[1 + NonceBytes + content.Length + TagBytes];
        sealedMark[0] = (byte)keys.Current;
        var nonce = sealedMark.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_keys[keys.Current], TagBytes);
        aes.Encrypt(
            nonce, content, sealedMark.AsSpan(1 + NonceBytes, content.Length), sealedMark.AsSpan(^TagBytes..),
            Ascii.GetBytes($"{kind}:{merchant:N}"));
        return Base64Url.EncodeToString(sealedMark);
    }

    private T? Open<T>(Guid merchant, string kind, string text, JsonTypeInfo<T> type)
        where T : class
    {
        if (text.Length > LongestText || !Base64Url.IsValid(text))
        {
            return null;
        }

        // Only what is written as we write it: spaces and spare bits would make several texts of one mark.
        var sealedMark = Base64Url.DecodeFromChars(text);
        if (sealedMark.Length <= 1 + NonceBytes + TagBytes
            || !_keys.TryGetValue(sealedMark[0], out var key)
            || Base64Url.EncodeToString(sealedMark) != text)
        {
            return null;
        }

        var content = new byte[sealedMark.Length - 1 - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        try
        {
            aes.Decrypt(
                sealedMark.AsSpan(1, NonceBytes), sealedMark.AsSpan(1 + NonceBytes, content.Length),
                sealedMark.AsSpan(^TagBytes..), content, Ascii.GetBytes($"{kind}:{merchant:N}"));
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        return JsonSerializer.Deserialize(content, type);
    }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(Cursor))]
[JsonSerializable(typeof(Watermark))]
internal sealed partial class MarkJson : JsonSerializerContext;
