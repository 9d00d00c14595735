using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Reports.Ledger;

namespace Reports.Cli;

/// <summary>
/// Exports the audit as it is at one checkpoint: the checkpoints up to it, then the leaves that it covers, then the
/// events up to its sequence. In this order whatever is interrupted can go on: events are never ahead of the
/// checkpoints in the folder, so that no event can come below those that are there.
/// </summary>
internal sealed class AuditExport(
    AuditClient client,
    ExportFolder folder,
    string url,
    Action<string> remark,
    Action<string, double> progress,
    TimeProvider clock)
{
    private const string Checkpoints = "Checkpoints";
    private const string Leaves = "Leaves";
    private const string Events = "Events";
    private const int FirstTries = 5;
    private const long ProgressEvery = 1000;
    private static readonly TimeSpan[] Patience = [.. new[] { 1, 2, 3, 5 }.Select(s => TimeSpan.FromSeconds(s))];

    public static IReadOnlyList<string> Parts => [Checkpoints, Leaves, Events];

    public async Task<ExportDescription> RunAsync(Guid? merchant, CancellationToken cancellation)
    {
        var before = ExportDescription.Read(folder);
        var head = await HeadAsync(cancellation);
        var description = before is null
            ? new ExportDescription(
                ExportDescription.CurrentFormat,
                head.Checkpoint.Origin,
                await ScopeAsync(merchant, cancellation),
                url,
                Size: 0,
                Sequence: 0,
                Complete: false)
            : Continued(before, head.Checkpoint, merchant) with { Complete = false, Url = url };
        description.Write(folder);
        if (before?.Complete == true)
        {
            remark(
                $"What {folder.Path} has of the record, up to the sequence {before.Sequence}, stays as it was given then. "
                + "To see whether the service still has the same, export into another folder.");
        }

        await KeysAsync(cancellation);
        using (var events = new ExportFile(folder.Events))
        {
            await CheckpointsAsync(head, events, cancellation);
            await LeavesAsync(head.Checkpoint, events, cancellation);
            await EventsAsync(head.Checkpoint.Sequence, description.Scope, events, cancellation);
            if (await StandsStillAsync(head.Checkpoint, cancellation))
            {
                await EventsAsync(null, description.Scope, events, cancellation);
            }
        }

        description = description with
        {
            Complete = true,
            Size = head.Checkpoint.Size,
            Sequence = head.Checkpoint.Sequence,
        };
        description.Write(folder);
        return description;
    }

    private async Task<SignedCheckpoint> HeadAsync(CancellationToken cancellation)
    {
        // A service that has just been set up has none yet.
        for (var tries = 1; ; tries++)
        {
            if (await client.TextAsync("checkpoint", cancellation) is { } text)
            {
                return SignedCheckpoint.Parse(text)
                    ?? throw new CommandFailedException("What the service gives as its checkpoint is none.");
            }

            if (tries == FirstTries)
            {
                throw new CommandFailedException(
                    "The service has no checkpoint: nothing was sealed yet, or REPORTS_URL names no Reports service of "
                    + "this version.");
            }

            await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellation);
        }
    }

    // A key may be for one merchant only; then the answers have that merchant's events without saying so.
    private async Task<string> ScopeAsync(Guid? merchant, CancellationToken cancellation)
    {
        if (merchant is { } id)
        {
            return id.ToString("D");
        }

        if (await client.MayAsync("events?merchant=platform&limit=1", cancellation))
        {
            return ExportDescription.All;
        }

        using var page = JsonDocument.Parse(await client.TextAsync("events?limit=1", cancellation) ?? "{}");
        var tenant = page.RootElement.TryGetProperty("results", out var results) && results.GetArrayLength() > 0
            ? results[0].GetProperty("tenant").GetString()
            : null;
        return tenant ?? throw new CommandFailedException("The key is for one merchant: say by --merchant for which.");
    }

    private ExportDescription Continued(ExportDescription before, Checkpoint head, Guid? merchant) =>
        before.Origin != head.Origin
            ? throw new CommandFailedException(
                $"{folder.Path} holds the ledger `{before.Origin}`, and the service has `{head.Origin}`: give another "
                + "folder.")
        : merchant is { } id && id.ToString("D") != before.Scope
            ? throw new CommandFailedException(
                $"{folder.Path} holds an export of the scope {before.Scope}: give another folder.")
        : head.Size < before.Size
            ? throw new CommandFailedException(
                $"The service's ledger has {head.Size} leaves, and {folder.Path} has {before.Size}: the record was cut "
                + "off. Keep the folder; export into another one, and verify that with a checkpoint of this one "
                + "(`--checkpoint`).")
        : before;

    private async Task KeysAsync(CancellationToken cancellation)
    {
        var text = await client.TextAsync("keys", cancellation) ?? "[]";
        try
        {
            using var keys = JsonDocument.Parse(text);
            foreach (var item in keys.RootElement.EnumerateArray())
            {
                if (Key(item.GetProperty("pem").GetString() ?? "") is not { } key)
                {
                    remark($"Of the service's public keys one is none, and is left out: {item.GetProperty("id")}");
                    continue;
                }

                await File.WriteAllTextAsync(Path.Combine(folder.Keys, $"{key.Id}.pem"), key.ToPem(), cancellation);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException
            or ArgumentException)
        {
            throw new CommandFailedException($"What the service gives as its public keys are none: {e.Message}");
        }
    }

    // Whoever verifies needs those that signed: one that nobody can read has not.
    private static CheckpointKey? Key(string pem)
    {
        try
        {
            return CheckpointKey.FromPem(pem);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            return null;
        }
    }

    private async Task CheckpointsAsync(SignedCheckpoint head, ExportFile events, CancellationToken cancellation)
    {
        using var file = new ExportFile(folder.Checkpoints);
        var (last, covered) = (0L, 0L);
        if (!file.IsEmpty)
        {
            covered = CheckpointLine.TryRead(file.LastLine(), out last, out var text)
                && SignedCheckpoint.Parse(text) is { Checkpoint.Sequence: var sequence }
                    ? sequence
                    : throw Spoilt(folder.Checkpoints);
        }

        // What was exported unsealed may have got company since.
        while (LastEvent(events) > covered)
        {
            events.CutLastLine();
        }

        await client.LinesAsync(
            () => Text($"checkpoints?after={last}"),
            line =>
            {
                if (!CheckpointLine.TryRead(line.Span, out var size, out var note))
                {
                    throw Unknown("checkpoints");
                }

                if (size > head.Checkpoint.Size)
                {
                    return false;
                }

                if (size > last)
                {
                    file.Append(Encoding.UTF8.GetBytes(CheckpointLine.Text(size, note).TrimEnd('\n')));
                    last = size;
                    progress(Checkpoints, (double)size / head.Checkpoint.Size);
                }

                return size < head.Checkpoint.Size;
            },
            cancellation);
        if (last < head.Checkpoint.Size)
        {
            file.Append(Encoding.UTF8.GetBytes(CheckpointLine.Text(head.Checkpoint.Size, head.Note()).TrimEnd('\n')));
        }

        progress(Checkpoints, 1);
    }

    private async Task LeavesAsync(Checkpoint head, ExportFile events, CancellationToken cancellation)
    {
        using var file = new ExportFile(folder.Leaves);
        var last = -1L;
        var leaf = new byte[MerkleHash.Size];
        if (!file.IsEmpty && !LeafLine.TryRead(file.LastLine(), out last, out _, leaf))
        {
            throw Spoilt(folder.Leaves);
        }

        var lastEvent = LastEvent(events);
        if (last < head.Size - 1)
        {
            await client.LinesAsync(
                () => Text($"leaves?after={last}"),
                line =>
                {
                    if (!LeafLine.TryRead(line.Span, out var index, out var sequence, leaf))
                    {
                        throw Unknown("leaves");
                    }

                    if (index >= head.Size)
                    {
                        return false;
                    }

                    // One that was sealed late has its place among the events that are there already.
                    if (sequence <= lastEvent)
                    {
                        remark($"The event {sequence} was sealed late: the events are exported anew.");
                        events.Clear();
                        lastEvent = 0;
                    }

                    if (index > last)
                    {
                        file.Append(line.Span);
                        last = index;
                    }

                    Progress(Leaves, index + 1, head.Size);
                    return index < head.Size - 1;
                },
                cancellation);
        }

        progress(Leaves, 1);
    }

    // Up to a sequence; without one, all that there are.
    private async Task EventsAsync(long? through, string scope, ExportFile file, CancellationToken cancellation)
    {
        var last = LastEvent(file);
        var end = through is { } highest ? Text($"through={highest}") : "unsealed=true";
        var merchant = scope == ExportDescription.All ? "" : $"&merchant={scope}";
        if (last < (through ?? long.MaxValue))
        {
            await client.LinesAsync(
                () => Text($"events?after={last}&{end}{merchant}"),
                line =>
                {
                    var plain = Plain(line.Span);
                    var sequence = Sequence(plain) ?? throw Unknown("events");

                    if (sequence > last && sequence <= (through ?? long.MaxValue))
                    {
                        file.Append(plain);
                        last = sequence;
                    }

                    Progress(Events, sequence, through ?? sequence);
                    return true;
                },
                cancellation);
        }

        file.Flush();
        progress(Events, 1);
    }

    // To read the audit is an event too. When it is not sealed for long, then nothing is.
    private async Task<bool> StandsStillAsync(Checkpoint head, CancellationToken cancellation)
    {
        foreach (var patience in Patience)
        {
            await Task.Delay(patience, clock, cancellation);
            var newer = await client.TextAsync("checkpoint", cancellation);
            if (newer is not null && SignedCheckpoint.Parse(newer)?.Checkpoint.Size > head.Size)
            {
                return false;
            }
        }

        remark(
            $"The ledger stands still: nothing was sealed since {head.Time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}, not "
            + "even that it is being read. What happened since is exported unsealed; an operator should look at the ledger's health.");
        return true;
    }

    private static long LastEvent(ExportFile events) =>
        events.IsEmpty ? 0 : Sequence(events.LastLine()) ?? throw Spoilt("events.ndjson");

    private static long? Sequence(ReadOnlySpan<byte> line)
    {
        EventLine.TryRead(line, out var read, out _);
        return read.Sequence > 0 ? read.Sequence : null;
    }

    // What the service reads out of an event for people is in no leaf, and so not in an export. Within a text there are
    // no quotation marks but with a backslash.
    private static ReadOnlySpan<byte> Plain(ReadOnlySpan<byte> line)
    {
        var start = line.IndexOf(",\"principal\":"u8);
        var length = start < 0 ? -1 : line[start..].IndexOf(",\"headers\":"u8);
        return length < 0 ? throw Unknown("events") : (byte[])[.. line[..start], .. line[(start + length)..]];
    }

    private static CommandFailedException Unknown(string what) =>
        new($"The service sends {what} in another form than this version knows.");

    private static CommandFailedException Spoilt(string file) =>
        new($"The last line of {file} is none of an export: remove the folder and export again.");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private void Progress(string part, long done, long all)
    {
        if (done % ProgressEvery == 0)
        {
            progress(part, Math.Min(1, (double)done / Math.Max(1, all)));
        }
    }
}
