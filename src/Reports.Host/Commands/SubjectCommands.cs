using System.CommandLine;
using Reports.Access;

namespace Reports.Host.Commands;

/// <summary>Persons, of whom what is known beside the events can be erased.</summary>
internal static class SubjectCommands
{
    public static Command Build() => new("subject", "What is known of a person") { Erase() };

    // As the owner of the schema: no login of the service may delete these rows.
    private static Command Erase()
    {
        var user = new Option<string?>("--user") { Description = "The name that a user signs in with" };
        var merchant = new Option<Guid?>("--merchant") { Description = "The user's merchant" };
        var address = new Option<string?>("--address") { Description = "A source address: all that came from there" };
        var origin = new Option<string?>("--origin") { Description = "The origin that an event names" };
        var reason = new Option<string>("--reason")
        {
            Description = "Why: a reference such as a case number, never a person's name",
            Required = true,
        };
        var command = new Command(
            "erase", "Erase a user's name and password, or source addresses and user agents, for good; events stay")
        {
            user, merchant, address, origin, reason,
        };
        command.Validators.Add(result =>
        {
            var isUser = result.GetResult(user) is not null && result.GetResult(merchant) is not null;
            var given = new Option[] { user, merchant, address, origin }.Count(o => result.GetResult(o) is not null);
            if (given != (isUser ? 2 : 1) || (!isUser && result.GetResult(merchant) is not null)
                || (!isUser && result.GetResult(user) is not null))
            {
                result.AddError("Name --user with --merchant, or --address, or --origin.");
            }
        });
        command.SetAction((parsed, cancellation) => Instance.RunAsync(
            async services =>
            {
                var why = parsed.GetRequiredValue(reason);
                var erased = parsed.GetValue(user) is { } name
                    ? await services.SendAsync(
                        parsed.GetValue(merchant), new EraseUser.Command(name, why), cancellation)
                    : await services.SendAsync(
                        null,
                        new EraseOrigins.Command(parsed.GetValue(address), parsed.GetValue(origin), why),
                        cancellation);
                Console.WriteLine($"erased {erased.Rows}, recorded as {string.Join(' ', erased.Records)}");
            },
            isOwner: true));
        return command;
    }
}
