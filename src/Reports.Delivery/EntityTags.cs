using Microsoft.Extensions.Primitives;

namespace Reports.Delivery;

/// <summary>Lists of entity tags, as If-Match and If-None-Match have them (RFC 9110 sections 8.8.3 and 13.1).</summary>
internal static class EntityTags
{
    private const string Weak = "W/";

    /// <summary>Whether a field names a stored tag, none of the two being weak; <c>*</c> names every tag.</summary>
    public static bool Strongly(StringValues field, string stored) => Names(field, stored, ignoresWeakness: false);

    /// <summary>Whether a field names a stored tag, weak or not; <c>*</c> names every tag.</summary>
    public static bool Weakly(StringValues field, string stored) => Names(field, stored, ignoresWeakness: true);

    private static bool Names(StringValues field, string stored, bool ignoresWeakness)
    {
        if (field.Count == 1 && field[0].AsSpan().Trim(HttpText.Whitespace) is "*")
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
        var rest = line.Trim(HttpText.Whitespace);
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
                rest = rest[(mark + opaque.Length)..].TrimStart(HttpText.Whitespace);
                if (rest is not [] and not [',', ..])
                {
                    return null;
                }
            }

            rest = rest.IsEmpty ? rest : rest[1..].TrimStart(HttpText.Whitespace);
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
