using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Reports.BuildingBlocks;

/// <summary>The address that clients know the service by: the configured one, else that of their own request.</summary>
/// <param name="configured">The configured base, without a slash at its end; none to use the request's.</param>
public sealed class PublicUrl(string? configured)
{
    private readonly string? _configured = configured?.TrimEnd('/');

    /// <summary>Makes a path absolute.</summary>
    /// <param name="request">The request that is being answered.</param>
    /// <param name="path">The path, with a slash at its start.</param>
    /// <returns>The absolute URL; the path alone when a request of HTTP/1.0 names no host.</returns>
    public string For(HttpRequest request, string path)
    {
        ArgumentNullException.ThrowIfNull(request);
        var own = request.Host.HasValue ? $"{request.Scheme}://{request.Host.ToUriComponent()}" : "";
        return (_configured ?? own) + path;
    }
}

/// <summary>The parameters of an address, and what is answered when one of them is wrong.</summary>
public static class Parameters
{
    /// <summary>The value of a parameter.</summary>
    /// <param name="parameters">The parameters of the request.</param>
    /// <param name="name">Its name.</param>
    /// <returns>The value; null when it is not given.</returns>
    /// <exception cref="ProblemException">It is given twice.</exception>
    public static string? Once(IQueryCollection parameters, string name)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return parameters[name] switch
        {
            [] => null,
            [var value] => value,
            _ => throw Invalid(name, "must be given once"),
        };
    }

    /// <summary>A whole number. Any run of digits is one; its size is limited where it is used.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The number, or the largest there is; null when the text is none.</returns>
    public static long? Number(string? text) =>
        text is { Length: > 0 } && text.All(char.IsAsciiDigit)
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : long.MaxValue
            : null;

    /// <summary>What is answered to a wrong parameter or field.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="finding">What is wrong with it.</param>
    /// <param name="detail">The sentence for a person; by default made of the two.</param>
    /// <returns>The exception that ends the request with 400.</returns>
    public static ProblemException Invalid(string name, string finding, string? detail = null) => new(
        Problem.InvalidParameters with
        {
            Detail = detail ?? $"{name} {finding}",
            Errors = new Dictionary<string, string[]> { [name] = [finding] },
        });

    /// <summary>The links from a page of a list to those beside it (RFC 8288), one relation for each.</summary>
    /// <param name="next">The address of the next page; null on the last one.</param>
    /// <param name="previous">The address of the previous page; null on the first one.</param>
    /// <returns>The field; empty without any link.</returns>
    public static string Links(string? next, string? previous) => string.Join(
        ", ",
        new[] { (Url: next, Relation: "next"), (Url: previous, Relation: "prev") }
            .Where(link => link.Url is not null)
            .Select(link => $"<{link.Url}>; rel=\"{link.Relation}\""));
}

/// <summary>Lists of entity tags, as If-Match and If-None-Match have them (RFC 9110 sections 8.8.3 and 13.1).</summary>
public static class EntityTags
{
    private const string Weak = "W/";
    private const string Whitespace = " \t";

    /// <summary>Whether a field names a stored tag, none of the two being weak; <c>*</c> names every tag.</summary>
    /// <param name="field">The field.</param>
    /// <param name="stored">The tag, with its quotes.</param>
    /// <returns>True when it does.</returns>
    public static bool Strongly(StringValues field, string stored) => Names(field, stored, ignoresWeakness: false);

    /// <summary>Whether a field names a stored tag, weak or not; <c>*</c> names every tag.</summary>
    /// <param name="field">The field.</param>
    /// <param name="stored">The tag, with its quotes.</param>
    /// <returns>True when it does.</returns>
    public static bool Weakly(StringValues field, string stored) => Names(field, stored, ignoresWeakness: true);

    private static bool Names(StringValues field, string stored, bool ignoresWeakness)
    {
        if (field.Count == 1 && field[0].AsSpan().Trim(Whitespace) is "*")
        {
            return true;
        }

        // The lines of a field are one list (section 5.3), so one that is malformed spoils the others.
        var isNamed = false;
        foreach (var line in field)
        {
            if (Find(line, stored, ignoresWeakness) is not { } isFound)
            {
                return false;
            }

            isNamed |= isFound;
        }

        return isNamed;
    }

    // Whether a line has the tag; null when it is no list of tags. Empty elements are allowed (section 5.6.1.2).
    private static bool? Find(ReadOnlySpan<char> line, string stored, bool ignoresWeakness)
    {
        var isFound = false;
        var rest = line.Trim(Whitespace);
        while (!rest.IsEmpty)
        {
            if (rest[0] != ',')
            {
                var mark = rest.StartsWith(Weak) ? Weak.Length : 0;
                var opaque = Opaque(rest[mark..]);
                if (opaque.IsEmpty)
                {
                    return null;
                }

                isFound |= (mark == 0 || ignoresWeakness) && opaque.SequenceEqual(stored);
                rest = rest[(mark + opaque.Length)..].TrimStart(Whitespace);
                if (rest is not [] and not [',', ..])
                {
                    return null;
                }
            }

            rest = rest.IsEmpty ? rest : rest[1..].TrimStart(Whitespace);
        }

        return isFound;
    }

    // The quoted text that a list starts with; empty when it does not start with one. Whatever is beyond ASCII counts
    // as obs-text; spaces and controls are not allowed, not even within the quotes.
    private static ReadOnlySpan<char> Opaque(ReadOnlySpan<char> list)
    {
        var end = list is ['"', ..] ? 1 : list.Length;
        while (end < list.Length && list[end] is > ' ' and not '"' and not '\x7f')
        {
            end++;
        }

        return end < list.Length && list[end] == '"' ? list[..(end + 1)] : [];
    }
}

/// <summary>
/// Marks an endpoint that records each request by itself, those too that are refused for want of a credential, unless it
/// leaves one to what records the refusals of all other endpoints.
/// </summary>
public sealed class RecordsByItself
{
    private static readonly object LeftKey = new();

    private RecordsByItself()
    {
    }

    /// <summary>The mark.</summary>
    public static RecordsByItself Marker { get; } = new();

    /// <summary>Leaves the record of a refusal to what records those of all other endpoints, a minute's together.</summary>
    /// <param name="http">The request.</param>
    /// <param name="refusal">How it is refused.</param>
    public static void Leave(HttpContext http, Problem refusal)
    {
        ArgumentNullException.ThrowIfNull(http);
        http.Items[LeftKey] = refusal;
    }

    /// <summary>The refusal that such an endpoint did not record; null when it did, or refused nothing.</summary>
    /// <param name="http">The request.</param>
    /// <returns>The refusal.</returns>
    public static Problem? Left(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.Items.TryGetValue(LeftKey, out var left) ? (Problem?)left : null;
    }
}

/// <summary>Marks an endpoint whose requests are counted against the caller's quota.</summary>
public sealed class CountedRequests
{
    private CountedRequests()
    {
    }

    /// <summary>The mark.</summary>
    public static CountedRequests Marker { get; } = new();

    /// <summary>Whether a request that authorisation has let pass is to be counted.</summary>
    /// <param name="http">The request, after routing.</param>
    /// <returns>True when its endpoint is marked.</returns>
    public static bool Counts(HttpContext http) =>
        http?.GetEndpoint()?.Metadata.GetMetadata<CountedRequests>() is not null;
}

/// <summary>Marks an endpoint whose answers carry the newest checkpoint of the ledger.</summary>
public sealed class CheckpointedResponses
{
    private CheckpointedResponses()
    {
    }

    /// <summary>The mark.</summary>
    public static CheckpointedResponses Marker { get; } = new();

    /// <summary>Whether the answer to a request is to carry it.</summary>
    /// <param name="http">The request, after routing.</param>
    /// <returns>True when its endpoint is marked.</returns>
    public static bool Carries(HttpContext http) =>
        http?.GetEndpoint()?.Metadata.GetMetadata<CheckpointedResponses>() is not null;
}
