using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Reports.Access;

/// <summary>What the caller sent to prove who they are; nothing is checked against anything yet.</summary>
internal abstract record PresentedCredential
{
    private const int LongestSecret = 1024;
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    internal sealed record Key(string Text) : PresentedCredential
    {
        public override string ToString() => nameof(Key);
    }

    internal sealed record Basic(string UserName, string Password) : PresentedCredential
    {
        public override string ToString() => nameof(Basic);
    }

    /// <summary>More than one credential, or what is no credential.</summary>
    internal sealed record Unusable : PresentedCredential;

    /// <summary>The one credential of a request; null when none was sent.</summary>
    public static PresentedCredential? From(IHeaderDictionary headers)
    {
        var presented = new List<PresentedCredential?>();
        foreach (var key in headers["Api-Key"])
        {
            presented.Add(AsKey(key));
        }

        foreach (var value in headers.Authorization)
        {
            presented.Add(FromAuthorization(value));
        }

        // The same key twice counts as one: clients written against either published document may send both headers.
        return presented.Distinct().ToList() switch
        {
            [] => null,
            [Key key] => key,
            [Basic basic] when presented.Count == 1 => basic,
            _ => new Unusable(),
        };
    }

    private static PresentedCredential? FromAuthorization(string? value)
    {
        var space = value?.IndexOf(' ', StringComparison.Ordinal) ?? -1;
        if (space < 0)
        {
            return null;
        }

        var (scheme, rest) = (value![..space], value[(space + 1)..].Trim(' '));
        return scheme switch
        {
            _ when scheme.Equals("Api-Key", StringComparison.OrdinalIgnoreCase) => AsKey(rest),
            _ when scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) => AsBasic(rest),
            _ => null,
        };
    }

    private static Key? AsKey(string? text) => text is { Length: > 0 and <= LongestSecret } ? new Key(text) : null;

    // RFC 7617 section 2: the first colon ends the user id; neither part may hold control characters.
    private static Basic? AsBasic(string text)
    {
        if (text.Length > LongestSecret * 2 || !Base64.IsValid(text))
        {
            return null;
        }

        try
        {
            var pair = StrictUtf8.GetString(Convert.FromBase64String(text)).Normalize(NormalizationForm.FormC);
            var colon = pair.IndexOf(':', StringComparison.Ordinal);
            return colon > 0 && !pair.Any(char.IsControl) ? new Basic(pair[..colon], pair[(colon + 1)..]) : null;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            return null;
        }
    }
}
