using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Reports.Access;
using Reports.Contracts;
using Reports.Lifecycle;

namespace Reports.Host.Commands;

/// <summary>The commands of the program: the service itself, and what its operators do.</summary>
internal static class Commands
{
    private static readonly Option<Guid> Merchant = new("--merchant")
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
            Group("schema", "The database schema", SchemaApply()),
            Group("merchant", "Merchants", MerchantAdd()),
            Group("key", "API keys", KeyIssue()),
            Group("user", "Users of merchants", UserAdd()),
            Request(),
            ImportCommands.Import(),
            ImportCommands.Samples(),
            ServeCommand.OpenApi(),
            ServeCommand.Health(),
        };
        return root;
    }

    private static DateTimeOffset? Instant(ArgumentResult result)
    {
        string[] formats = ["yyyy-MM-dd'T'HH:mm:ssZ", "yyyy-MM-dd'T'HH:mm:sszzz"];
        var text = result.Tokens.Single().Value;
        if (DateTimeOffset.TryParseExact(
            text, formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant))
        {
            return instant;
        }

        result.AddError($"'{text}' is no RFC 3339 instant, such as 2027-01-31T00:00:00Z.");
        return null;
    }

    private static Command Group(string name, string description, Command command) =>
        new(name, description) { command };

    private static Command SchemaApply()
    {
        var command = new Command("apply", "Bring the schema up to date; the role in Reports:Database must own it");
        command.SetAction((_, cancellation) => Instance.RunAsync(
            async services =>
            {
                await Schema.ApplyAsync(services, cancellation);
                Console.WriteLine("The schema is up to date.");
            },
            appliesSchema: true));
        return command;
    }

    private static Command MerchantAdd()
    {
        var name = new Argument<string>("name") { Description = "The name of the business" };
        var zone = new Option<string>("--time-zone")
        {
            Description = "IANA time zone",
            DefaultValueFactory = _ => "UTC",
        };
        var days = new Option<int>("--retention-days")
        {
            Description = "For how many days report files are kept",
            DefaultValueFactory = _ => 365,
        };
        var command = new Command("add", "Register a merchant; prints its id") { name, zone, days };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null,
            new RegisterMerchant.Command(parsed.GetRequiredValue(name), parsed.GetValue(zone)!, parsed.GetValue(days)),
            id => Console.WriteLine(id),
            cancellation));
        return command;
    }

    private static Command KeyIssue()
    {
        var merchant = new Option<Guid?>("--merchant")
        {
            Description = "The merchant's id; none for an auditor of all",
        };
        var auditor = new Option<bool>("--auditor") { Description = "A key for the audit surface only" };
        var test = new Option<bool>("--test") { Description = "Mark the key as a test key" };
        var expires = new Option<DateTimeOffset?>("--expires")
        {
            Description = "Until when it is valid (RFC 3339: 2027-01-31T00:00:00Z)",
            CustomParser = Instant,
        };
        var command = new Command("issue", "Issue an API key; prints it, this once")
        {
            merchant, auditor, test, expires,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(merchant) is null && !result.GetValue(auditor))
            {
                result.AddError("--merchant is needed, unless the key is an --auditor's of all merchants.");
            }
        });
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant),
            new IssueApiKey.Command(parsed.GetValue(auditor), !parsed.GetValue(test), parsed.GetValue(expires)),
            issued => Console.WriteLine(issued.Key),
            cancellation));
        return command;
    }

    private static Command UserAdd()
    {
        var name = new Argument<string>("name") { Description = "The name to sign in with" };
        var permission = new Option<string[]>("--permission")
        {
            Description = "A permission to give, such as report.can_view_report; may be repeated",
        };
        var superuser = new Option<bool>("--superuser") { Description = "Give every permission of the merchant" };
        var stdin = new Option<bool>("--password-stdin") { Description = "Read the password from standard input" };
        var command = new Command("add", "Register a user; prints the password, this once")
        {
            name, Merchant, permission, superuser, stdin,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var password = parsed.GetValue(stdin) ? Console.In.ReadLine() ?? "" : Passwords.Generate();
            return Instance.SendAsync(
                parsed.GetValue(Merchant),
                new RegisterUser.Command(
                    parsed.GetRequiredValue(name), password, parsed.GetValue(permission) ?? [],
                    parsed.GetValue(superuser)),
                _ => Console.WriteLine(parsed.GetValue(stdin) ? "registered" : password),
                cancellation);
        });
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
