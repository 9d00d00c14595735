using System.CommandLine;
using System.Globalization;
using Npgsql;
using Reports.Contracts;
using Reports.Delivery;
using Reports.Lifecycle;

namespace Reports.Host.Commands;

/// <summary>The commands of the program: the service itself, and what its operators do.</summary>
internal static class Commands
{
    /// <summary>Which merchant is meant, for commands that need one.</summary>
    public static readonly Option<Guid> Merchant = new("--merchant")
    {
        Description = "The merchant's id, as `merchant add` printed it",
        Required = true,
    };

    public static RootCommand Root()
    {
        var root = new RootCommand(
            "Reports: finished transaction reports for merchants, and the record of who fetched them.")
        {
            ServeCommand.Build(),
            LedgerCommands.Seal(),
            Group("schema", "The database schema", SchemaApply()),
            Group("list", "The list of finished reports", RebuildList()),
            MerchantCommands.Build(),
            KeyCommands.Build(),
            UserCommands.Build(),
            SubjectCommands.Build(),
            GeneratorCommands.Build(),
            HoldCommands.Build(),
            LedgerCommands.Build(),
            LedgerCommands.Audit(),
            Request(),
            DeadLetterCommands.Build(),
            ImportCommands.Import(),
            ImportCommands.Samples(),
            ServeCommand.OpenApi(),
            WriteMessageSchemas(),
            ServeCommand.Health(),
        };
        return root;
    }

    private static Command Group(string name, string description, Command command) =>
        new(name, description) { command };

    private static Command SchemaApply()
    {
        var command = new Command("apply", "Bring the schema up to date; the role in Reports:Databases:Migrator must own it");
        command.SetAction((_, cancellation) => Instance.ActAsync(
            "schema apply",
            null,
            async services =>
            {
                await Schema.ApplyAsync(services, cancellation);
                Console.WriteLine("The schema is up to date.");
            },
            isMigrating: true));
        return command;
    }

    private static Command RebuildList()
    {
        var command = new Command(
            "rebuild",
            "Make the list anew from the events, while the service runs; as its owner, Reports:Databases:Migrator");
        command.SetAction((_, cancellation) => Instance.ActAsync(
            "list rebuild",
            null,
            async services =>
            {
                var reports = await DeliveryModule.RebuildListAsync(
                    services.GetRequiredService<NpgsqlDataSource>(),
                    services.GetRequiredService<TimeProvider>(),
                    cancellation);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{reports} reports are listed."));
            },
            isMigrating: true));
        return command;
    }

    private static Command WriteMessageSchemas()
    {
        var directory = new Argument<DirectoryInfo>("directory") { Description = "Where to write them" };
        var command = new Command("message-schemas", "Write the JSON Schemas of the messages to and from generators")
        {
            directory,
        };
        command.SetAction((parsed, cancellation) => Instance.GuardAsync(async () =>
        {
            var target = parsed.GetRequiredValue(directory);
            target.Create();
            foreach (var (file, text) in MessageSchemas.All())
            {
                await File.WriteAllTextAsync(Path.Combine(target.FullName, file), text, cancellation);
            }
        }));
        return command;
    }

    private static Command Request()
    {
        var interval = new Option<ReportInterval>("--interval")
        {
            Description = "The kind of period",
            DefaultValueFactory = _ => ReportInterval.Custom,
        };
        var format = new Option<ReportFormat>("--format")
        {
            Description = "The format of the file",
            DefaultValueFactory = _ => ReportFormat.Csv,
        };
        var first = new Option<DateOnly>("--first-day")
        {
            Description = "The first day (2026-11-01); of a month or year, any day in it",
            Required = true,
        };
        var last = new Option<DateOnly?>("--last-day") { Description = "The last day of a custom period" };
        var zone = new Option<string?>("--time-zone") { Description = "IANA time zone; by default the merchant's" };
        var bom = new Option<bool>("--bom") { Description = "Start a CSV file with a byte order mark" };
        var rightToLeft = new Option<bool>("--right-to-left") { Description = "Sheets that run from right to left" };
        var command = new Command("request", "Request a report and wait until it is finished or has failed")
        {
            Merchant, interval, format, first, last, zone, bom, rightToLeft,
        };
        command.SetAction((parsed, cancellation) => RequestCommand.RunAsync(
            parsed.GetValue(Merchant),
            new RequestReport.Command(
                parsed.GetValue(interval),
                ReportSource.Manual,
                parsed.GetValue(format),
                parsed.GetValue(first),
                parsed.GetValue(last),
                parsed.GetValue(zone),
                new ReportLayout(parsed.GetValue(bom), parsed.GetValue(rightToLeft))),
            cancellation));
        return command;
    }
}
