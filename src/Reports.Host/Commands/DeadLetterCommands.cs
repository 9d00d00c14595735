using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Reports.BuildingBlocks;
using Reports.Host.Roads;
using Wolverine.Persistence.Durability;

namespace Reports.Host.Commands;

/// <summary>Messages that no handler could make use of: what they are, and what becomes of them.</summary>
internal static partial class DeadLetterCommands
{
    private const int LongestMessage = 80;
    private const string Redacted = "(redacted)";
    private static readonly string[] Secrets = ["grant", "signature", "upload_url"];
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Build() => new("dead-letters", "Messages that no handler could make use of")
    {
        List(), Show(), Replay(), Discard(),
    };

    private static Command List()
    {
        var limit = new Option<int>("--limit")
        {
            Description = "How many to show",
            DefaultValueFactory = _ => 20,
        };
        var type = Type();
        var command = new Command("list", "List dead letters, the newest first") { limit, type };
        command.Validators.Add(result =>
        {
            if (result.GetResult(limit) is { Tokens.Count: > 0 } given && given.GetValueOrDefault<int>() is < 1 or > 10_000)
            {
                result.AddError("--limit must be from 1 to 10000.");
            }
        });
        command.SetAction((parsed, cancellation) => Instance.RunAsync(async services =>
        {
            var (lines, total) = await services.GetRequiredService<DeadLetters>()
                .ListAsync(parsed.GetValue(type), parsed.GetValue(limit), cancellation);
            Output.Table(
                ["id", "died", "type", "came by", "attempts", "exception", "message"],
                lines.Select(l => (string[])
                [
                    l.Id.ToString(), Output.Text(l.DiedAt), Output.Line(l.Type), Output.Line(l.CameBy),
                    Output.Text(l.Attempts), Output.Line(l.ExceptionType.Split('.')[^1]),
                    Output.Line(l.Exception, LongestMessage),
                ]));
            if (total > lines.Count)
            {
                Print($"{total - lines.Count} more; see --limit.");
            }
        }));
        return command;
    }

    private static Command Show()
    {
        var id = new Argument<Guid>("id") { Description = "The dead letter's id, as `dead-letters list` shows it" };
        var command = new Command("show", "Show a dead letter whole, but for its secrets") { id };
        command.SetAction((parsed, _) => Act("show", $"{parsed.GetValue(id)}", async services =>
        {
            var letter = await services.GetRequiredService<DeadLetters>().FindAsync(parsed.GetValue(id))
                ?? throw NoneOf([parsed.GetValue(id)]);
            Console.WriteLine(Describe(letter));
        }));
        return command;
    }

    private static Command Replay()
    {
        var (ids, all, type) = (Ids(), new Option<bool>("--all") { Description = "All there are" }, Type());
        ids.Arity = ArgumentArity.ZeroOrMore;
        var command = new Command("replay", "Have dead letters handled again, by a node that runs") { ids, all, type };
        command.Validators.Add(result =>
        {
            var isNamed = result.GetValue(ids) is { Length: > 0 };
            if (isNamed == result.GetValue(all))
            {
                result.AddError("Name ids, or else --all.");
            }
            else if (isNamed && result.GetValue(type) is not null)
            {
                result.AddError("--type is for --all.");
            }
        });
        command.SetAction((parsed, cancellation) => Act("replay", Named(parsed.GetValue(ids)), async services =>
        {
            var letters = services.GetRequiredService<DeadLetters>();
            var named = parsed.GetValue(all) ? null : parsed.GetRequiredValue(ids);
            await RefuseUnknownAsync(letters, named ?? [], cancellation);
            var (again, superseded) = await letters.ReplayAsync(
                named, parsed.GetValue(type), services.GetRequiredService<TimeProvider>().GetUtcNow(), cancellation);
            Print($"{again} replayed: a node that runs takes them in a few seconds.");
            if (superseded > 0)
            {
                Print($"{superseded} had come again by themselves since, and are only taken off the list.");
            }
        }));
        return command;
    }

    private static Command Discard()
    {
        var ids = Ids();
        ids.Arity = ArgumentArity.OneOrMore;
        var command = new Command("discard", "Remove dead letters for good") { ids };
        command.SetAction((parsed, cancellation) => Act("discard", Named(parsed.GetValue(ids)), async services =>
        {
            var letters = services.GetRequiredService<DeadLetters>();
            await RefuseUnknownAsync(letters, parsed.GetRequiredValue(ids), cancellation);
            var count = await letters.DiscardAsync(parsed.GetRequiredValue(ids), cancellation);
            Print($"{count} discarded.");
        }));
        return command;
    }

    private static Task<int> Act(string command, string subject, Func<IServiceProvider, Task> work) =>
        Instance.ActAsync($"dead-letters {command}", subject, work);

    private static string Named(Guid[]? ids) => ids is { Length: > 0 } ? string.Join(' ', ids) : "all";

    /// <summary>
    /// A dead letter for people: without grant and signature, with which a reader could act in its sender's name.
    /// </summary>
    internal static string Describe(DeadLetterEnvelope letter)
    {
        var text = new StringBuilder();
        void Line(string name, string? value) =>
            text.AppendLine(CultureInfo.InvariantCulture, $"{name,-11}{Output.Line(value ?? "")}");
        Line("id", letter.Id.ToString());
        Line("type", letter.MessageType);
        Line("came by", letter.ReceivedAt);
        Line("sent", Output.Text(letter.SentAt));
        Line("died", Output.Text(letter.FailedAt));
        Line("attempts", Output.Text(letter.Envelope.Attempts));
        Line("replays", Output.Text(letter.ReplayCount));
        foreach (var (name, value) in letter.Envelope.Headers)
        {
            Line("header", $"{name}: {value}");
        }

        Line("exception", letter.ExceptionType);
        Line("message", letter.ExceptionMessage);
        return text.AppendLine().Append(Body(letter.Envelope.Data ?? [])).ToString();
    }

    internal static string Body(byte[] data)
    {
        try
        {
            var json = JsonNode.Parse(data);
            Redact(json);
            return json?.ToJsonString(Readable) ?? "null";
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // The second: a member that is there twice.
            var text = AnySecret().Replace(Encoding.UTF8.GetString(data), $"\"$1\": \"{Redacted}\"");
            return $"(no JSON) {Output.Line(text)}";
        }
    }

    private static void Redact(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, value) in members.ToList())
                {
                    if (Secrets.Contains(name, StringComparer.OrdinalIgnoreCase))
                    {
                        members[name] = Redacted;
                    }
                    else
                    {
                        Redact(value);
                    }
                }

                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    Redact(item);
                }

                break;
        }
    }

    private static async Task RefuseUnknownAsync(DeadLetters letters, Guid[] ids, CancellationToken cancellation)
    {
        if (await letters.UnknownAsync(ids, cancellation) is { Count: > 0 } unknown)
        {
            throw NoneOf(unknown);
        }
    }

    private static ProblemException NoneOf(IReadOnlyList<Guid> ids) => new(Problem.NotFound with
    {
        Detail = $"There is no dead letter {string.Join(", ", ids)}: nothing was done.",
    });

    private static void Print(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));

    private static Argument<Guid[]> Ids() => new("ids")
    {
        Description = "The dead letters' ids, as `dead-letters list` shows them",
        CustomParser = result =>
        {
            foreach (var token in result.Tokens.Where(t => !Guid.TryParse(t.Value, out _)))
            {
                result.AddError($"'{token.Value}' is not the id of a dead letter.");
            }

            return [.. result.Tokens.Select(t => Guid.TryParse(t.Value, out var id) ? id : Guid.Empty)];
        },
    };

    private static Option<string?> Type() => new("--type")
    {
        Description = "Only messages of this type, such as reports.generation-completed.v1",
    };

    [GeneratedRegex(
        """ "(grant|signature|upload_url)"\s*:\s*"(?:[^"\\]|\\.)*"? """,
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex AnySecret();
}
