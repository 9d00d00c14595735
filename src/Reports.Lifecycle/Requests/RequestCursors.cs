using System.Text.Json;
using System.Text.Json.Serialization;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle.Requests;

/// <summary>A place in a walk from the newest request to the oldest.</summary>
/// <param name="Filter">What the walk is through.</param>
/// <param name="CreatedAt">Where the page begins, together with <paramref name="Id"/>; the place is in no page.</param>
/// <param name="Id">The report at the place.</param>
/// <param name="IsBackward">Whether the page is the one before the place.</param>
internal sealed record RequestCursor(RequestFilter Filter, DateTime CreatedAt, Guid Id, bool IsBackward);

/// <summary>
/// Seals cursors, bound to the merchant: a client can neither read nor make nor change one, and another merchant's is
/// none.
/// </summary>
internal sealed class RequestCursors(KeyRing keys)
{
    private readonly SealedTexts _texts = new(keys, "request-cursor");

    public string Seal(RequestCursor cursor) => _texts.Seal(
        Bound(cursor.Filter.Merchant),
        JsonSerializer.SerializeToUtf8Bytes(cursor, RequestCursorJson.Default.RequestCursor));

    /// <exception cref="ProblemException">It is none of this merchant's, or of another list.</exception>
    public RequestCursor Open(RequestFilter filter, string text)
    {
        var place = _texts.Open(Bound(filter.Merchant), text) is { } content
            ? JsonSerializer.Deserialize(content, RequestCursorJson.Default.RequestCursor)
            : throw Parameters.Invalid("cursor", "is not one that this service made for you");
        return place!.Filter == filter
            ? place
            : throw Parameters.Invalid("cursor", "belongs to a list with other filters");
    }

    private static string Bound(Guid merchant) => $"{merchant:N}";
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(RequestCursor))]
internal sealed partial class RequestCursorJson : JsonSerializerContext;
