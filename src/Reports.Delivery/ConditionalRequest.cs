using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Delivery;

/// <summary>
/// What is stored: its strong entity tag with the quotes, when it was last modified (fractions of a second do not
/// count), and its length in bytes.
/// </summary>
internal readonly record struct Representation(string ETag, DateTimeOffset LastModified, long Length);

/// <summary>
/// What a request selects: the positions of the first and the last byte, both inclusive. Where nothing is selected, and
/// in an empty file, the first is 0 and the last -1.
/// </summary>
internal readonly record struct Selection(DownloadSelection Kind, long First, long Last)
{
    /// <summary>How many bytes there are from the first to the last.</summary>
    public long Length => Last - First + 1;

    public static Selection Whole(long length) => new(DownloadSelection.Full, 0, length - 1);

    public static Selection Nothing(DownloadSelection kind) => new(kind, 0, -1);
}

/// <summary>
/// Preconditions and ranges in the order of RFC 9110 section 13.2.2. Whoever asks has been authenticated and authorised
/// before (section 13.2.1). No text in a field can make this throw, and nothing is allocated.
/// </summary>
/// <remarks>
/// Where the RFC leaves a choice: a malformed list names no entity tag, so that If-Match fails and If-None-Match does
/// not hit; a range set that is invalid or has more than one range is ignored, and so is any range of an empty file.
/// Last-Modified is a strong validator (section 8.8.2.2), since a report's file is written once.
/// </remarks>
internal static class ConditionalRequest
{
    public static Selection Evaluate(string method, IHeaderDictionary headers, Representation stored)
    {
        if (HttpMethods.IsConnect(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method))
        {
            return Selection.Whole(stored.Length); // section 13.2.1: these select no representation
        }

        var isGet = HttpMethods.IsGet(method);
        if (Precondition(isGet || HttpMethods.IsHead(method), headers, stored) is { } failed)
        {
            return Selection.Nothing(failed);
        }

        // Section 14.2: only GET has ranges. Section 13.1.5: If-Range without Range means nothing.
        return isGet && IsUnchanged(headers.IfRange, stored)
            ? ByteRange.Select(headers.Range, stored.Length)
            : Selection.Whole(stored.Length);
    }

    // Null when every precondition holds.
    private static DownloadSelection? Precondition(bool isRead, IHeaderDictionary headers, Representation stored)
    {
        var modified = stored.LastModified.ToUnixTimeSeconds();
        var isMet = headers.IfMatch is { Count: > 0 } ifMatch
            ? EntityTags.Strongly(ifMatch, stored.ETag)
            : Date(headers.IfUnmodifiedSince, stored) is not { } unmodifiedSince || modified <= unmodifiedSince;
        if (!isMet)
        {
            return DownloadSelection.PreconditionFailed;
        }

        var isHeld = headers.IfNoneMatch is { Count: > 0 } ifNoneMatch
            ? EntityTags.Weakly(ifNoneMatch, stored.ETag)
            : isRead && Date(headers.IfModifiedSince, stored) is { } modifiedSince && modified <= modifiedSince;
        return !isHeld ? null : isRead ? DownloadSelection.NotModified : DownloadSelection.PreconditionFailed;
    }

    // Section 13.1.5: the same tag by strong comparison, or exactly the same date.
    private static bool IsUnchanged(StringValues ifRange, Representation stored) =>
        ifRange.Count == 0
        || (ifRange.Count == 1 && Text(ifRange).SequenceEqual(stored.ETag))
        || Date(ifRange, stored) == stored.LastModified.ToUnixTimeSeconds();

    // A field with several dates has none (sections 13.1.3 and 13.1.4).
    private static long? Date(StringValues field, Representation stored) =>
        field.Count == 1 ? HttpDate.Parse(Text(field), stored.LastModified) : null;

    private static ReadOnlySpan<char> Text(StringValues field) => field[0].AsSpan().Trim(HttpText.Whitespace);
}

/// <summary>What the grammars of several fields share.</summary>
internal static class HttpText
{
    /// <summary>Optional whitespace (RFC 9110 section 5.6.3); around a field it does not belong to the value.</summary>
    public const string Whitespace = " \t";
}
