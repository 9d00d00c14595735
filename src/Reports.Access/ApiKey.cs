using System.IO.Hashing;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Reports.Access;

/// <summary>
/// <c>rk_&lt;live|test&gt;_&lt;key id&gt;_&lt;secret&gt;_&lt;checksum&gt;</c>: the key id is public and finds the
/// credential, the secret has 256 random bits, the checksum tells a typing error from a wrong key and lets scanners
/// recognise a leaked one.
/// </summary>
internal sealed record ApiKey(string KeyId, string Text)
{
    public const int KeyIdLength = 10;

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int SecretLength = 43;
    private const int ChecksumLength = 6;

    public static ApiKey Create(bool live)
    {
        var id = RandomNumberGenerator.GetString(Alphabet, KeyIdLength);
        var secret = Base62(new BigInteger(RandomNumberGenerator.GetBytes(32), isUnsigned: true), SecretLength);
        var body = $"rk_{(live ? "live" : "test")}_{id}_{secret}";
        return new ApiKey(id, $"{body}_{Checksum(body)}");
    }

    /// <summary>Takes what a caller sent, or gives null when it cannot be one of our keys.</summary>
    public static ApiKey? Parse(string text)
    {
        var parts = text.Split('_', 6);
        var isShaped = parts is ["rk", "live" or "test", _, _, _]
            && parts.All(part => part.All(char.IsAsciiLetterOrDigit))
            && (parts[2].Length, parts[3].Length, parts[4].Length) == (KeyIdLength, SecretLength, ChecksumLength);
        return isShaped && Checksum(text[..text.LastIndexOf('_')]) == parts[4] ? new ApiKey(parts[2], text) : null;
    }

    /// <summary>
    /// The secret is random enough for a fast keyed hash; a slow one would only be a lever for attackers.
    /// </summary>
    public byte[] Hash(byte[] pepper) => HMACSHA256.HashData(pepper, Encoding.UTF8.GetBytes(Text));

    private static string Checksum(string body) =>
        Base62(Crc32.HashToUInt32(Encoding.UTF8.GetBytes(body)), ChecksumLength);

    private static string Base62(BigInteger value, int length) => string.Create(length, value, static (span, rest) =>
    {
        for (var i = span.Length - 1; i >= 0; i--)
        {
            rest = BigInteger.DivRem(rest, 62, out var digit);
            span[i] = Alphabet[(int)digit];
        }
    });

    // A key must not reach a log by way of a record's text.
    public override string ToString() => $"API key {KeyId}";
}
