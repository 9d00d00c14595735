using System.CommandLine;
using System.Security.Cryptography;

namespace Reports.Host.Commands;

/// <summary>The ledger.</summary>
internal static class LedgerCommands
{
    public static Command Build() => new("ledger", "The ledger that seals every event") { NewKey() };

    private static Command NewKey()
    {
        var command = new Command(
            "new-key", "Make a key that signs checkpoints, for a setting such as Reports:Ledger:Keys:1; prints it");
        command.SetAction(_ =>
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            Console.WriteLine(Convert.ToBase64String(key.ExportPkcs8PrivateKey()));
        });
        return command;
    }
}
