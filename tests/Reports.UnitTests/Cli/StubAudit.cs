using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Reports.Ledger;
using Reports.UnitTests.Ledger;

namespace Reports.UnitTests.Cli;

/// <summary>The audit of a service whose record is made up, and that fails as it is told to.</summary>
internal sealed class StubAudit : IAsyncDisposable
{
    public const string Key = "key-of-an-auditor";
    private const string Root = "/b/api/v1/audit/";

    private readonly WebApplication _app;

    private StubAudit(WebApplication app) => _app = app;

    public required SyntheticExport Record { get; init; }

    public required string Url { get; init; }

    /// <summary>Answers instead of the audit: true when it did.</summary>
    public Func<HttpContext, Task<bool>> Before { get; set; } = _ => Task.FromResult(false);

    /// <summary>After how many bytes a stream breaks; none when it does not.</summary>
    public Func<int?> BreakAfter { get; set; } = () => null;

    /// <summary>The merchant of the key; none when it is for all.</summary>
    public string? Merchant { get; set; }

    /// <summary>Whether the ledger goes on sealing that it is read.</summary>
    public bool StandsStill { get; set; }

    public TimeSpan BetweenLines { get; set; }

    public List<string> Asked { get; } = [];

    public static async Task<StubAudit> StartAsync(SyntheticExport record)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        StubAudit? stub = null;
        app.Run(http => stub!.AnswerAsync(http));
        await app.StartAsync();
        return stub = new StubAudit(app) { Record = record, Url = app.Urls.First() };
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        lock (Asked)
        {
            Asked.Add($"{http.Request.Path.Value![Root.Length..]}{http.Request.QueryString}");
        }

        if (await Before(http))
        {
            return;
        }

        if (http.Request.Headers["Api-Key"] != Key)
        {
            http.Response.StatusCode = 401;
            return;
        }

        var query = http.Request.Query;
        long Number(string name, long otherwise) =>
            query.TryGetValue(name, out var text) ? long.Parse(text!, CultureInfo.InvariantCulture) : otherwise;
        switch (http.Request.Path.Value![Root.Length..])
        {
            case "checkpoint" when Record.Checkpoints.Count > 0:
                await http.Response.WriteAsync(Record.Checkpoints[^1].Note);
                SealTheRead();
                return;
            case "keys":
                await http.Response.WriteAsJsonAsync(Record.Keys.Select(k => new { id = k.Id, pem = k.ToPem() }));
                return;
            case "checkpoints":
                await StreamAsync(http, Record.Checkpoints.Where(c => c.Size > Number("after", 0))
                    .Select(c => CheckpointLine.Text(c.Size, c.Note)));
                return;
            case "leaves":
                await StreamAsync(http, Record.Leaves.Select((l, i) => (l, i)).Where(l => l.i > Number("after", -1))
                    .Select(l => LeafLine.Text(l.i, l.l.Sequence, l.l.Leaf)));
                return;
            case "events":
                await EventsAsync(http, Number("after", 0), Number("through", long.MaxValue));
                return;
            default:
                http.Response.StatusCode = 404;
                return;
        }
    }

    private async Task EventsAsync(HttpContext http, long after, long through)
    {
        string? asked = http.Request.Query["merchant"];
        if (Merchant is not null && asked is not null && asked != Merchant)
        {
            http.Response.StatusCode = 403;
            return;
        }

        var merchant = asked ?? Merchant;
        var end = http.Request.Query["unsealed"] == "true"
            ? long.MaxValue
            : SignedCheckpoint.Parse(Record.Checkpoints[^1].Note)!.Checkpoint.Sequence;
        var lines = Record.Events
            .Where(e => e.Event.Sequence > after && e.Event.Sequence <= Math.Min(through, end))
            .Where(e => merchant is null || e.Event.Tenant == merchant)
            .Select(e => Shown(SyntheticExport.Line(e.Event, e.Index)) + "\n");
        await (http.Request.Headers.Accept == "application/x-ndjson"
            ? StreamAsync(http, lines)
            : http.Response.WriteAsync($"{{\"results\":[{string.Join(',', lines.Take(1))}]}}"));
    }

    // What the service reads out of an event stands before its headers.
    private static string Shown(string line)
    {
        var at = line.IndexOf(",\"headers\":", StringComparison.Ordinal);
        return line.Insert(
            at, ",\"principal\":\"api_key:\\\"1\",\"outcome\":\"success\",\"resource\":\"report:1\",\"origin\":null");
    }

    private async Task StreamAsync(HttpContext http, IEnumerable<string> lines)
    {
        var left = BreakAfter();
        foreach (var line in lines.ToList())
        {
            var bytes = Encoding.UTF8.GetBytes(line);
            if (left < bytes.Length)
            {
                await http.Response.Body.WriteAsync(bytes.AsMemory(0, left.Value));
                await http.Response.Body.FlushAsync();
                http.Abort();
                return;
            }

            await http.Response.Body.WriteAsync(bytes);
            left -= bytes.Length;
            if (BetweenLines > TimeSpan.Zero)
            {
                await http.Response.Body.FlushAsync();
                await Task.Delay(BetweenLines);
            }
        }
    }

    // That somebody reads is an event, and sealed soon.
    private void SealTheRead()
    {
        if (!StandsStill)
        {
            Record.Events.Add((Record.Event(Record.Events.Max(e => e.Event.Sequence) + 1), null));
            Record.Seal();
        }
    }
}
