using System.IO.Hashing;
using System.Text;
using System.Text.RegularExpressions;
using Reports.Access;

namespace Reports.Fuzz.Targets;

/// <summary>API keys. Each input is tried as it is, and with the checksum that it ought to have.</summary>
internal static partial class ApiKeyTarget
{
    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly string Secret = new('0', 43);

    public static FuzzTarget Create()
    {
        string[] keys = [WithChecksum($"rk_test_abcdefghij_{Secret}_"), WithChecksum($"rk_live_0123456789_{Secret}_")];
        return new FuzzTarget(
            "api-keys",
            "It never throws; a key that is accepted has the documented shape and a true checksum, and hides its "
                + "secret.",
            [.. keys, keys[0][..^1], keys[0] + "_", $"rk_prod_abcdefghij_{Secret}_000000", "rk_test___", "", "_____"],
            ["rk_", "live_", "test_", "abcdefghij", Secret, "_"],
            text => IsKey(text) | IsKey(WithChecksum(text)));
    }

    private static bool IsKey(string text)
    {
        if (ApiKey.Parse(text) is not { } key)
        {
            return false;
        }

        BrokenPropertyException.Unless(Shape().IsMatch(text), $"{text} is no key.");
        BrokenPropertyException.Unless(WithChecksum(text) == text, $"The checksum of {text} is wrong.");
        BrokenPropertyException.Unless(
            key.Text == text && key.KeyId == text.Split('_')[2], $"{text} is read as another.");
        BrokenPropertyException.Unless(!key.ToString().Contains(text.Split('_')[3]), $"The secret of {text} shows.");
        return true;
    }

    // The last part replaced by CRC-32 in six digits of base 62.
    private static string WithChecksum(string text)
    {
        var body = text[..Math.Max(0, text.LastIndexOf('_'))];
        var rest = Crc32.HashToUInt32(Encoding.UTF8.GetBytes(body));
        var checksum = "";
        for (var i = 0; i < 6; i++)
        {
            checksum = Digits[(int)(rest % 62)] + checksum;
            rest /= 62;
        }

        return $"{body}_{checksum}";
    }

    [GeneratedRegex(@"\Ark_(live|test)_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\z")]
    private static partial Regex Shape();
}
