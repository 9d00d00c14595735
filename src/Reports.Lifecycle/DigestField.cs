using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;

namespace Reports.Lifecycle;

/// <summary>
/// The fields <c>Content-Digest</c> and <c>Repr-Digest</c> (RFC 9530): a dictionary of digests by algorithm (RFC 9651
/// section 3.2), of which only SHA-256 is looked at.
/// </summary>
internal static class DigestField
{
    private const string Algorithm = "sha-256";

    /// <summary>Reads a field.</summary>
    /// <param name="field">Its lines.</param>
    /// <param name="digest">The SHA-256 digest; none when the field names none. The last one counts.</param>
    /// <returns>What is wrong with the field; none when nothing is.</returns>
    public static string? Sha256(StringValues field, out byte[]? digest)
    {
        digest = null;
        foreach (var member in field.SelectMany(line => (line ?? "").Split(',')))
        {
            var (name, value) = member.Trim(' ', '\t').Split('=', 2) is [var key, var rest] ? (key, rest) : ("", "");
            if (name.Length == 0)
            {
                return "is no dictionary of digests, such as sha-256=:…:";
            }

            if (name == Algorithm && (digest = Bytes(value.Split(';')[0].TrimEnd(' '))) is null)
            {
                return "has no SHA-256 digest that could be read: it must be 32 bytes in base64, between colons";
            }
        }

        return null;
    }

    private static byte[]? Bytes(string value)
    {
        var bytes = new byte[SHA256.HashSizeInBytes];
        return value is [':', .. var text, ':']
            && Convert.TryFromBase64String(text, bytes, out var length) && length == bytes.Length ? bytes : null;
    }
}
