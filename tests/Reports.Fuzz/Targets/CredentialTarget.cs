using System.Text;
using Microsoft.AspNetCore.Http;
using Reports.Access;

namespace Reports.Fuzz.Targets;

/// <summary>The fields that carry credentials.</summary>
internal static class CredentialTarget
{
    private const string Key = "rk_test_abcdefghij_0123456789012345678901234567890123456789012_000000";

    public static FuzzTarget Create() => new(
        "credentials",
        "It never throws; a credential that is accepted reads the same when it is written again the usual way, has no "
            + "control character and no empty part that the RFC forbids, and does not show its secret as text.",
        [
            "Authorization: Basic dXNlcjpwYXNz", "Authorization: basic   dXNlcjpwYTpzcw==  ", "Authorization: Basic",
            "Authorization: BASIC dXNlcjo=", "Authorization: Basic OnBhc3M=", "Authorization: Basic dXNlcg==",
            "Authorization: Basic YQBiOmM=", "Authorization: Basic /////zph", "Authorization: Basic YcyIOmHMiA==",
            "Authorization: Bearer abc", $"Authorization: Api-Key {Key}", $"Api-Key: {Key}", "Api-Key: ",
            $"Api-Key: {Key}\nAuthorization: api-key {Key}", $"Api-Key: {Key}\nAuthorization: Basic dXNlcjpwYXNz",
            "Authorization: Basic dXNlcjpwYXNz\nAuthorization: Basic dXNlcjpwYXNz",
            $"Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"u:{new string('p', 1500)}"))}",
            $"Api-Key: {new string('k', 1025)}",
        ],
        [
            "\nAuthorization: Basic ", "\nAuthorization: Api-Key ", "\nApi-Key: ", "dXNlcjpwYXNz", "Og==", "AAA6", "=",
            "rk_live_", "w6Q6",
        ],
        IsCredential);

    private static bool IsCredential(string text)
    {
        var presented = PresentedCredential.From(HeaderText.Read(text).Headers);
        var again = presented switch
        {
            PresentedCredential.Key key => new HeaderDictionary { ["Api-Key"] = key.Text },
            PresentedCredential.Basic basic => new HeaderDictionary { ["Authorization"] = Written(basic) },
            _ => null,
        };
        if (again is null)
        {
            return false;
        }

        var read = PresentedCredential.From(again);
        BrokenPropertyException.Unless(
            presented!.Equals(read), $"{presented} reads as {read} when it is written again.");
        BrokenPropertyException.Unless(presented.ToString() is "Key" or "Basic", "The secret shows.");
        return true;
    }

    private static string Written(PresentedCredential.Basic basic)
    {
        var pair = $"{basic.UserName}:{basic.Password}";
        BrokenPropertyException.Unless(
            basic.UserName.Length > 0 && !basic.UserName.Contains(':') && !pair.Any(char.IsControl)
                && pair.IsNormalized(),
            "The parts are not what RFC 7617 allows.");
        return $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(pair))}";
    }
}
