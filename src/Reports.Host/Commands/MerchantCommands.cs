using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Reports.Access;

namespace Reports.Host.Commands;

/// <summary>Merchants and their terms.</summary>
internal static class MerchantCommands
{
    public static Command Build() => new("merchant", "Merchants") { Add(), Change(), Disable(), List() };

    private static Command Add()
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

    private static Command Change()
    {
        var merchant = Id();
        var name = new Option<string?>("--name") { Description = "The name of the business" };
        var zone = new Option<string?>("--time-zone") { Description = "IANA time zone" };
        var days = new Option<int?>("--retention-days")
        {
            Description = "For how many days the files of reports are kept that finish from now on",
        };
        var requests = Quota("--requests-per-day", "Requests of each principal in a day");
        var downloads = Quota("--downloads-per-hour", "Report downloads of each principal in an hour");
        var command = new Command("change", "Change the terms of a merchant; what is not named stays as it is")
        {
            merchant, name, zone, days, requests, downloads,
        };
        command.Validators.Add(result =>
        {
            Option[] terms = [name, zone, days, requests, downloads];
            if (terms.All(term => result.GetResult(term) is null))
            {
                result.AddError("Name at least one term to change; --help lists them.");
            }
        });
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant),
            new ChangeMerchant.Command(
                parsed.GetValue(name), parsed.GetValue(zone), parsed.GetValue(days), parsed.GetValue(requests),
                parsed.GetValue(downloads)),
            "changed",
            cancellation));
        return command;
    }

    private static Command Disable()
    {
        var merchant = Id();
        var command = new Command(
            "disable", "Disable a merchant for good: none of its keys and users is valid any more")
        {
            merchant,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant), new DisableMerchant.Command(), "disabled", cancellation));
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "List the merchants with their terms");
        command.SetAction((_, cancellation) => Instance.SendAsync(
            null,
            new ListMerchants.Query(),
            merchants => Output.Table(
                ["id", "state", "time zone", "retention", "requests/day", "downloads/hour", "name"],
                merchants.Select(m => (string[])
                [
                    m.Id.ToString(), m.DisabledAt is null ? "live" : "disabled", m.TimeZone,
                    Output.Text(m.RetentionDays), Output.Text(m.RequestsPerDay, "default"),
                    Output.Text(m.DownloadsPerHour, "default"), m.Name,
                ])),
            cancellation));
        return command;
    }

    private static Argument<Guid> Id() => new("id") { Description = "The merchant's id, as `merchant add` printed it" };

    private static Option<ChangeMerchant.QuotaTerm?> Quota(string name, string description) => new(name)
    {
        Description = $"{description}, in place of the installation's; `default` for the installation's again",
        CustomParser = QuotaTerm,
    };

    private static ChangeMerchant.QuotaTerm? QuotaTerm(ArgumentResult result)
    {
        var text = result.Tokens.Single().Value;
        if (text == "default")
        {
            return new(null);
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit))
        {
            return new(limit);
        }

        result.AddError($"'{text}' is neither a whole number nor `default`.");
        return null;
    }
}
