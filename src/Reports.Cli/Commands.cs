using System.CommandLine;
using Reports.Ledger;

namespace Reports.Cli;

/// <summary>The commands of merchants and auditors. They need no database, <c>verify</c> not even a service.</summary>
internal static class Commands
{
    public const int Failed = 1;
    public const int Unusable = 2;

    private static readonly Option<string[]> Keys = new("--key")
    {
        Description = "A public key (PEM) that you trust; give the option again for more",
        HelpName = "FILE",
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Root().Parse(args);
        var code = await parsed.InvokeAsync();
        return parsed.Errors.Count > 0 ? Unusable : code;
    }

    public static RootCommand Root() => new("Reports: commands for merchants and auditors.")
    {
        new Command("audit", "The record, outside of the service") { Export(), Verify(), VerifyReceipt() },
    };

    private static Command Export()
    {
        var folder = new Argument<string>("PATH") { Description = "The folder that the export goes into" };
        var url = new Option<string?>("--url")
        {
            Description = "The service, as https://reports.example; by default what REPORTS_URL says",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("REPORTS_URL"),
            HelpName = "URL",
        };
        var key = new Option<string?>("--api-key")
        {
            Description =
                "An auditor's key; by default what REPORTS_AUDITOR_KEY says, which no list of processes shows",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("REPORTS_AUDITOR_KEY"),
            HelpName = "KEY",
        };
        var merchant = new Option<Guid?>("--merchant")
        {
            Description = "Only the events of this merchant; the leaves of all come with them",
            HelpName = "ID",
        };
        var command = new Command(
            "export",
            "Write the record into a folder: events, leaves, checkpoints and public keys. A second time it goes on from "
            + "where it was, also after it was interrupted or killed, and what it has stays: to check the record as it is "
            + "now, export into a new folder.")
        {
            folder, url, key, merchant,
        };
        command.SetAction((parsed, cancellation) => ExportCommand.RunAsync(
            parsed.GetRequiredValue(folder),
            parsed.GetValue(url),
            parsed.GetValue(key),
            parsed.GetValue(merchant),
            cancellation));
        return command;
    }

    private static Command Verify()
    {
        var folder = new Argument<string>("PATH") { Description = "The folder of an export" };
        var anchors = new Option<string?>("--anchors")
        {
            Description = "The directory of the service's anchors, or a copy of it",
            HelpName = "DIR",
        };
        var checkpoints = new Option<string[]>("--checkpoint")
        {
            Description =
                "A checkpoint that somebody kept: a note, or lines of the header Audit-Checkpoint; again for more",
            HelpName = "FILE",
        };
        var merchant = new Option<Guid?>("--merchant")
        {
            Description = "Whose events the export has, when it was made of one merchant's only",
            HelpName = "ID",
        };
        var restores = new Option<long[]>("--accept-restore")
        {
            Description =
                "Accept the restored backup that is declared at this sequence: you were told of it; again for more",
            HelpName = "SEQUENCE",
        };
        var codes = string.Join(", ", Verdicts.ByWeight.Order().Select(v => $"{(int)v} {v.Name()}"));
        var command = new Command(
            "verify",
            "Verify an export without the service. Each finding is one line; the last line is the verdict. Exit codes: "
            + $"0 OK, {codes}, {Unusable} when the input is unusable.")
        {
            folder, Keys, anchors, checkpoints, merchant, restores,
        };
        command.SetAction((parsed, cancellation) => VerifyCommand.Run(
            parsed.GetRequiredValue(folder),
            parsed.GetValue(Keys) ?? [],
            parsed.GetValue(anchors),
            parsed.GetValue(checkpoints) ?? [],
            parsed.GetValue(merchant),
            parsed.GetValue(restores) ?? [],
            cancellation));
        return command;
    }

    private static Command VerifyReceipt()
    {
        var file = new Argument<string>("FILE") { Description = "A receipt, byte for byte as the service gave it" };
        var folder = new Option<string?>("--export")
        {
            Description = "Trust the keys of this export instead",
            HelpName = "PATH",
        };
        var command = new Command("receipt", "Verify a receipt: an event with its proof, without the service.")
        {
            file, Keys, folder,
        };
        command.SetAction(parsed => VerifyCommand.Receipt(
            parsed.GetRequiredValue(file), parsed.GetValue(Keys) ?? [], parsed.GetValue(folder)));
        return command;
    }
}
