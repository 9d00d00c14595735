using System.Text;
using Reports.BuildingBlocks;
using Reports.Delivery;

namespace Reports.Fuzz.Targets;

/// <summary>Download tokens: as text, or else the first sixteen bytes of an input.</summary>
internal static class DownloadTokenTarget
{
    private const long Report = 123_456;
    private static readonly DateTimeOffset Expiry = new(2026, 11, 23, 9, 30, 0, TimeSpan.Zero);
    private static readonly DownloadTokens First = new(Keys(1));
    private static readonly DownloadTokens Second = new(Keys(1, 2));

    public static FuzzTarget Create()
    {
        string[] genuine = [.. new[] { First, Second }.Select(t => t.Seal([Report], 7, Expiry)[0].ToString("D"))];
        return new FuzzTarget(
            "download-tokens",
            "It never throws, and what is opened is what one of the keys seals into the same token.",
            [
                .. genuine, genuine[0].ToUpperInvariant(), Guid.Empty.ToString("D"), Guid.AllBitsSet.ToString("D"),
                "0192f0c1-2b3c-7def-8123-456789abcdef", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "0123456789abcdef",
            ],
            [.. genuine.SelectMany(t => t.Split('-')), "-4", "-8", "+", "0x"],
            IsOurs);
    }

    private static bool IsOurs(string text)
    {
        if (!Guid.TryParseExact(text, "D", out var token))
        {
            Span<byte> bytes = stackalloc byte[16];
            Encoding.Latin1.GetBytes(text.AsSpan(0, Math.Min(16, text.Length)), bytes);
            token = new Guid(bytes, bigEndian: true);
        }

        if (Second.Open(token) is not { } opened)
        {
            return false;
        }

        var sealedAgain = new[] { First, Second }
            .Select(t => t.Seal([opened.ReportNumber], opened.PrincipalNumber, opened.ExpiresAt)[0]);
        BrokenPropertyException.Unless(
            sealedAgain.Contains(token), $"{token} opens as {opened}, which no key seals so.");
        return true;
    }

    private static KeyRing Keys(params int[] versions) =>
        new(versions[^1], versions.ToDictionary(v => v, v => Enumerable.Repeat((byte)v, 32).ToArray()));
}
