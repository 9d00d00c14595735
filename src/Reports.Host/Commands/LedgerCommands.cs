using System.CommandLine;
using System.Globalization;
using Reports.Audit;
using Reports.Ledger;

namespace Reports.Host.Commands;

/// <summary>The ledger: sealing as a process of its own, and what its operators ask and declare.</summary>
internal static class LedgerCommands
{
    /// <summary>The group <c>audit</c>.</summary>
    public static Command Audit() => new("audit", "The audit and its ledger")
    {
        Status(), Restored(),
    };

    public static Command Build() => new("ledger", "The ledger that seals every event") { NewKey() };

    /// <summary>Seals and does nothing else: no web server, no messages, no more of the database than it needs.</summary>
    public static Command Seal()
    {
        var command = new Command("seal", "Seal events until it is stopped; for machines that are to do nothing else");
        command.SetAction((_, cancellation) => Instance.GuardAsync(async () =>
        {
            var builder = Microsoft.Extensions.Hosting.Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
            {
                ContentRootPath = Environment.GetEnvironmentVariable("ASPNETCORE_CONTENTROOT"),
            });
            var reports = builder.Configuration.GetSection("Reports");
            var ledger = LedgerSettings.From(reports) with { Seals = true };
            LedgerSettings.RequireKey(ledger);
            var login = EventStore.Connection(DatabaseLogins.From(reports).Sealer, "reports-sealer");
            builder.Services.AddSingleton<TimeProvider>(new BuildingBlocks.MicrosecondClock());
            AuditModule.AddSealer(
                builder.Services, new AuditOptions { SealerDatabase = login, AuditorDatabase = login, Ledger = ledger });
            using var host = builder.Build();
            await host.RunAsync(cancellation);
        }));
        return command;
    }

    private static Command Status()
    {
        var command = new Command(
            "status", "Show how far the ledger is; ends with 1 when something is wrong with it, or nobody seals");
        command.SetAction(async (_, cancellation) =>
        {
            var isWell = false;
            var code = await Instance.SendAsync(null, new ShowLedger.Query(), ledger => isWell = Show(ledger), cancellation);
            return code == 0 && !isWell ? Instance.Failed : code;
        });
        return command;
    }

    private static bool Show(ShowLedger.Answer ledger)
    {
        Print("size", ledger.Size);
        Print("last sequence", ledger.LastSequence);
        Print("unsealed", $"{ledger.Unsealed} at the most");
        Print("lag", $"{ledger.Lag.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
        Print("state", ledger.State);
        foreach (var fault in ledger.Faults)
        {
            Print(fault.Kind, $"{fault.Verdict} {fault.Sequence}: {fault.Cause}");
        }

        return ledger.IsWell;
    }

    private static void Print(string name, object value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-15}{value}"));

    private static Command Restored()
    {
        var reason = new Option<string>("--reason")
        {
            Description = "Why: a reference such as an incident's number, never a person's name",
            Required = true,
        };
        var command = new Command(
            "restored", "Declare that the database was restored from a backup that lacks the end of the record")
        {
            reason,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null,
            new DeclareRestored.Command(parsed.GetRequiredValue(reason)),
            declared => Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"declared: {declared.LostSize - declared.ResumedSize} leaves are lost, from {declared.ResumedSize} on")),
            cancellation));
        return command;
    }

    private static Command NewKey()
    {
        var command = new Command(
            "new-key", "Make a key that signs checkpoints, for a setting such as Reports:Ledger:Keys:1; prints it");
        command.SetAction(_ => Console.WriteLine(Convert.ToBase64String(CheckpointSigner.Generate())));
        return command;
    }
}
