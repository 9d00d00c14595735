using System.CommandLine;
using MediatR;
using Reports.BuildingBlocks;
using Reports.Lifecycle;

namespace Reports.Host.Commands;

/// <summary>Legal holds: what keeps the file of a report beyond its time.</summary>
internal static class HoldCommands
{
    public static Command Build() => new("hold", "Legal holds")
    {
        Change(
            "place",
            "Keep a finished report beyond its time: it stays listed and can be downloaded",
            "held",
            (report, reason) => new PlaceLegalHold.Command(report, reason)),
        Change(
            "release",
            "Let a report's time count again; if it is over, the file goes within minutes",
            "released",
            (report, reason) => new ReleaseLegalHold.Command(report, reason)),
        List(),
    };

    private static Command Change(
        string verb, string description, string done, Func<Guid, string, IRequest> request)
    {
        var report = new Argument<string>("report")
        {
            Description = "The report: its id, or the encrypted_id that its merchant sees",
        };
        var reason = new Option<string>("--reason")
        {
            Description = "Why: a reference such as a case number, never a person's name",
            Required = true,
        };
        var command = new Command(verb, description) { report, Commands.Merchant, reason };
        command.SetAction((parsed, cancellation) => Instance.RunAsync(async services =>
        {
            var merchant = parsed.GetValue(Commands.Merchant);
            var id = Find(services, merchant, parsed.GetRequiredValue(report));
            await services.SendAsync(merchant, request(id, parsed.GetRequiredValue(reason)), cancellation);
            Console.WriteLine(done);
        }));
        return command;
    }

    private static Command List()
    {
        var merchant = new Option<Guid?>("--merchant") { Description = "The merchant's id; none for all holds" };
        var command = new Command("list", "List the reports that are held") { merchant };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant),
            new ListLegalHolds.Query(),
            holds => Output.Table(
                ["report", "merchant", "since", "kept until", "name", "reason"],
                holds.Select(h => (string[])
                [
                    h.ReportId.ToString(), h.MerchantId.ToString(), Output.Text(h.HeldAt), Output.Text(h.ExpiresAt),
                    h.Name, h.Reason,
                ])),
            cancellation));
        return command;
    }

    private static Guid Find(IServiceProvider services, Guid merchant, string report) =>
        Guid.TryParseExact(report, "D", out var id) ? id
        : services.GetRequiredService<EncryptedIds>().Open(merchant, report)
            ?? throw new ProblemException(Problem.NotFound with
            {
                Detail = $"{report} is neither the id nor the encrypted_id of a report of this merchant.",
            });
}
