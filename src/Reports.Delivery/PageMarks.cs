using System.Globalization;
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
    private readonly SealedTexts _texts = new(keys, "page-mark");

    public string Seal(Guid merchant, Cursor cursor) => Seal(merchant, "cursor", cursor, MarkJson.Default.Cursor);

    public string Seal(Guid merchant, Watermark watermark) =>
        Seal(merchant, "watermark", watermark, MarkJson.Default.Watermark);

    /// <summary>The cursor; null when it is none of this merchant's.</summary>
    public Cursor? OpenCursor(Guid merchant, string text) => Open(merchant, "cursor", text, MarkJson.Default.Cursor);

    /// <summary>The watermark; null when it is none of this merchant's.</summary>
    public Watermark? OpenWatermark(Guid merchant, string text) =>
        Open(merchant, "watermark", text, MarkJson.Default.Watermark);

    private string Seal<T>(Guid merchant, string kind, T mark, JsonTypeInfo<T> type) =>
        _texts.Seal($"{kind}:{merchant:N}", JsonSerializer.SerializeToUtf8Bytes(mark, type));

    private T? Open<T>(Guid merchant, string kind, string text, JsonTypeInfo<T> type)
        where T : class =>
        _texts.Open($"{kind}:{merchant:N}", text) is { } content ? JsonSerializer.Deserialize(content, type) : null;
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(Cursor))]
[JsonSerializable(typeof(Watermark))]
internal sealed partial class MarkJson : JsonSerializerContext;
