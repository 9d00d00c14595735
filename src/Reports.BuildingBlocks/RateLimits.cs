using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Reports.BuildingBlocks;

/// <summary>So many of something in so much time.</summary>
/// <param name="Name">The policy's name in the header fields: printable ASCII (RFC 9651 section 3.3.3).</param>
/// <param name="Quota">How many, from 0 on.</param>
/// <param name="Window">In how much time; whole seconds, one at least.</param>
public sealed record RateLimitPolicy(string Name, long Quota, TimeSpan Window);

/// <summary>What is left of a quota.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Remaining">How many are left now.</param>
/// <param name="Reset">After how long there are more.</param>
public sealed record RateLimit(RateLimitPolicy Policy, long Remaining, TimeSpan Reset)
{
    /// <summary>The whole seconds after which there are more, never too few; at least one.</summary>
    public long ResetSeconds => Math.Max(1, (long)Math.Ceiling(Reset.TotalSeconds));
}

/// <summary>
/// The header fields that tell a caller what is left: <c>RateLimit-Policy</c> and <c>RateLimit</c> in the syntax of
/// draft-ietf-httpapi-ratelimit-headers-10, and the older <c>X-RateLimit-…</c>. The draft is not final: its syntax
/// stands here and nowhere else.
/// </summary>
public static class RateLimits
{
    // 15 digits: RFC 9651 section 3.3.1.
    private const long LargestInteger = 999_999_999_999_999;

    private static readonly object Key = new();

    /// <summary>Remembers, for the answer, what is left of a quota.</summary>
    /// <param name="http">The request that is being answered.</param>
    /// <param name="limit">What is left; it replaces what was noted for the same policy.</param>
    /// <exception cref="ArgumentException">The policy has a name that no header field can hold.</exception>
    public static void Note(HttpContext http, RateLimit limit)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(limit);
        if (!limit.Policy.Name.All(c => c is >= ' ' and <= '~'))
        {
            throw new ArgumentException("The name of the policy is not printable ASCII.", nameof(limit));
        }

        var noted = Noted(http);
        noted.RemoveAll(other => other.Policy.Name == limit.Policy.Name);
        noted.Add(limit);
    }

    /// <summary>Whether anything was noted for a request.</summary>
    /// <param name="http">The request.</param>
    /// <returns>True when something was.</returns>
    public static bool HasNoted(HttpContext http) => Noted(http).Count > 0;

    /// <summary>
    /// Writes the fields of what was noted. The older fields hold one quota: the one with the least left, and among
    /// those with equally little the one that it takes longest to have more of.
    /// </summary>
    /// <param name="http">The request; its answer must not have started.</param>
    /// <param name="now">
    /// The instant from which resets are counted; the older reset is in seconds of Unix time, never too early.
    /// </param>
    public static void Write(HttpContext http, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(http);
        var noted = Noted(http);
        if (noted.Count == 0)
        {
            return;
        }

        var headers = http.Response.Headers;
        headers["RateLimit-Policy"] = string.Join(", ", noted.Select(Policy));
        headers["RateLimit"] = string.Join(", ", noted.Select(State));
        var least = noted.OrderBy(limit => limit.Remaining).ThenByDescending(limit => limit.Reset).First();
        headers["X-RateLimit-Limit"] = Text(least.Policy.Quota);
        headers["X-RateLimit-Remaining"] = Text(least.Remaining);
        headers["X-RateLimit-Reset"] = Text((now.ToUnixTimeMilliseconds() + 999) / 1000 + least.ResetSeconds);
    }

    private static string Policy(RateLimit limit)
    {
        var window = Math.Max(1, (long)Math.Ceiling(limit.Policy.Window.TotalSeconds));
        return $"{Name(limit)};q={Text(limit.Policy.Quota)};w={Text(window)}";
    }

    private static string State(RateLimit limit) =>
        $"{Name(limit)};r={Text(limit.Remaining)};t={Text(limit.ResetSeconds)}";

    // A string of RFC 9651 section 4.1.6.
    private static string Name(RateLimit limit)
    {
        var escaped = limit.Policy.Name
            .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"\"{escaped}\"";
    }

    private static string Text(long number) =>
        Math.Clamp(number, 0, LargestInteger).ToString(CultureInfo.InvariantCulture);

    private static List<RateLimit> Noted(HttpContext http)
    {
        if (http.Items.TryGetValue(Key, out var items))
        {
            return (List<RateLimit>)items!;
        }

        var noted = new List<RateLimit>(2);
        http.Items[Key] = noted;
        return noted;
    }
}
