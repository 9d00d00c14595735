using System.CommandLine;
using Reports.Lifecycle;

namespace Reports.Host.Commands;

/// <summary>Generators that start reports on their own. A secret is shown once, when it is made.</summary>
internal static class GeneratorCommands
{
    public static Command Build() =>
        new("generator", "Generators that start reports on their own") { Add(), Rotate(), Disable(), List() };

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "A name for operators" };
        var merchant = new Option<Guid?>("--merchant")
        {
            Description = "The one merchant it may start reports for; none for all",
        };
        var command = new Command("add", "Register a generator; prints its id, and its secret this once")
        {
            name, merchant,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null,
            new RegisterGenerator.Command(parsed.GetRequiredValue(name), parsed.GetValue(merchant)),
            Print,
            cancellation));
        return command;
    }

    private static Command Rotate()
    {
        var id = Id();
        var command = new Command(
            "rotate", "Give a generator a new secret; prints it, this once. The old one is refused from then on")
        {
            id,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null, new RotateGeneratorSecret.Command(parsed.GetValue(id)), Print, cancellation));
        return command;
    }

    private static Command Disable()
    {
        var id = Id();
        var command = new Command(
            "disable", "Let a generator start nothing any more; what it was asked for it may still answer")
        {
            id,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null, new DisableGenerator.Command(parsed.GetValue(id)), "disabled", cancellation));
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "List the generators; no secrets");
        command.SetAction((_, cancellation) => Instance.SendAsync(
            null,
            new ListGenerators.Query(),
            generators => Output.Table(
                ["id", "state", "merchant", "secret", "registered", "name"],
                generators.Select(g => (string[])
                [
                    g.Id.ToString(), g.DisabledAt is null ? "live" : "disabled", g.MerchantId?.ToString() ?? "all",
                    Output.Text(g.Secret), Output.Text(g.RegisteredAt), g.Name,
                ])),
            cancellation));
        return command;
    }

    private static void Print(RegisterGenerator.Issued issued) =>
        Console.WriteLine($"{issued.GeneratorId} {issued.Secret}");

    private static Argument<Guid> Id() => new("id") { Description = "The generator's id, as `generator add` printed it" };
}
