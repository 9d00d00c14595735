using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Reports.Access;

namespace Reports.Host.Commands;

/// <summary>API keys. They are named by their public part; a key itself is shown once, when it is made.</summary>
internal static class KeyCommands
{
    public static Command Build() => new("key", "API keys") { Issue(), Rotate(), Revoke(), List() };

    private static Command Issue()
    {
        var merchant = new Option<Guid?>("--merchant")
        {
            Description = "The merchant's id; none for an auditor of all",
        };
        var auditor = new Option<bool>("--auditor") { Description = "A key for the audit surface only" };
        var (test, expires) = (Test(), Expires("Until when it is valid"));
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

    private static Command Rotate()
    {
        var id = Id();
        var overlap = new Option<TimeSpan>("--overlap")
        {
            Description = "For how long the old key still works: 0, or a number with m, h or d, such as 90m",
            DefaultValueFactory = _ => TimeSpan.FromHours(24),
            CustomParser = Overlap,
        };
        var test = Test();
        var expires = Expires("Until when the new key is valid; by default as long as the old one was");
        var command = new Command(
            "rotate", "Issue a key in place of another, of the same principal and scopes; prints it, this once")
        {
            id, overlap, test, expires,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null,
            new RotateApiKey.Command(
                parsed.GetRequiredValue(id), parsed.GetValue(overlap), !parsed.GetValue(test),
                parsed.GetValue(expires)),
            issued => Console.WriteLine(issued.Key),
            cancellation));
        return command;
    }

    private static Command Revoke()
    {
        var id = Id();
        var command = new Command("revoke", "Revoke an API key at once; others of its lineage stay valid") { id };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null, new RevokeApiKey.Command(parsed.GetRequiredValue(id)), "revoked", cancellation));
        return command;
    }

    private static Command List()
    {
        var merchant = new Option<Guid?>("--merchant") { Description = "The merchant's id; none for all keys" };
        var command = new Command("list", "List API keys: their public parts, never a secret") { merchant };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant),
            new ListApiKeys.Query(),
            keys => Output.Table(
                ["key id", "state", "scopes", "issued", "expires", "merchant"],
                keys.Select(k => (string[])
                [
                    k.KeyId, k.State, string.Join(' ', k.Scopes), Output.Text(k.IssuedAt), Output.Text(k.ExpiresAt),
                    k.MerchantId?.ToString() ?? "all",
                ])),
            cancellation));
        return command;
    }

    private static Argument<string> Id() => new("key-id")
    {
        Description = "The public part of the key: the 10 characters after rk_live_ or rk_test_",
    };

    private static Option<bool> Test() => new("--test") { Description = "Mark the key as a test key" };

    private static Option<DateTimeOffset?> Expires(string description) => new("--expires")
    {
        Description = $"{description} (RFC 3339: 2027-01-31T00:00:00Z)",
        CustomParser = Instant,
    };

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

    private static TimeSpan Overlap(ArgumentResult result)
    {
        var text = result.Tokens.Single().Value;
        var unit = text is [.. _, 'm' or 'h' or 'd'] ? text[^1] : ' ';
        var digits = unit == ' ' ? text : text[..^1];
        if (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && (unit != ' ' || number == 0) && number <= 1_000_000)
        {
            return unit switch
            {
                'm' => TimeSpan.FromMinutes(number),
                'h' => TimeSpan.FromHours(number),
                _ => TimeSpan.FromDays(number),
            };
        }

        result.AddError($"'{text}' is no overlap: write 0, or a number with m, h or d, such as 90m, 24h or 7d.");
        return default;
    }
}
