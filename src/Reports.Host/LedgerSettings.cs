using System.Security.Cryptography;
using Reports.Audit;
using Reports.Ledger;

namespace Reports.Host;

/// <summary>The settings of the ledger, from the section <c>Reports:Ledger</c>.</summary>
internal static class LedgerSettings
{
    public static LedgerOptions From(IConfigurationSection reports)
    {
        var (ledger, standard) = (reports.GetSection("Ledger"), new LedgerOptions());
        var directory = ledger["Anchors:Directory"];
        return standard with
        {
            Origin = ledger["Origin"] is { } origin ? Origin(ledger, origin) : standard.Origin,
            Seals = Settings.Flag(ledger, "Seals", standard.Seals),
            Keys = Keys(ledger.GetSection("Keys"), "PKCS #8", key =>
            {
                using var signer = new CheckpointSigner(key);
            }),
            FormerKeys = Keys(
                ledger.GetSection("FormerKeys"), "SubjectPublicKeyInfo", key => _ = new CheckpointKey(key)),
            AnchorDirectory = string.IsNullOrEmpty(directory) ? null : directory,
            AnchorInterval = Settings.Positive(ledger, "Anchors:Interval", standard.AnchorInterval),
        };
    }

    /// <summary>Whoever is to seal must have a key to sign with.</summary>
    public static void RequireKey(LedgerOptions options)
    {
        if (options is { Seals: true, Keys: [] })
        {
            throw new SettingException(
                "Reports:Ledger:Keys:1", "is missing: `ledger new-key` makes one, or let others seal by Reports:Ledger:Seals=false");
        }
    }

    // It is the first line of a checkpoint, and the name of its keys.
    private static string Origin(IConfigurationSection ledger, string origin) =>
        origin.Length is > 0 and <= 200 && origin.All(c => c is > ' ' and not '+' and <= '~')
            ? origin
            : throw new SettingException(
                $"{ledger.Path}:Origin", "must be printable ASCII without spaces and plus signs, 200 characters at the most");

    private static List<byte[]> Keys(IConfigurationSection section, string form, Action<byte[]> check)
    {
        var keys = new List<byte[]>();
        foreach (var entry in section.GetChildren())
        {
            try
            {
                var key = Settings.TryBase64(entry.Value) ?? throw new CryptographicException();
                check(key);
                keys.Add(key);
            }
            catch (CryptographicException)
            {
                throw new SettingException(entry.Path, $"must be a key on P-256, {form}, in base64");
            }
        }

        return keys.Count <= SignedCheckpoint.MostSignatures
            ? keys
            : throw new SettingException(section.Path, $"may hold {SignedCheckpoint.MostSignatures} keys at the most");
    }
}
