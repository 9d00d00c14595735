using System.Text.Json;
using Reports.Audit;
using Reports.Audit.Sealing;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>What anchors are for: a ledger that was cut short or is another is not gone on with.</summary>
public sealed class AnchorTests(LedgerTemplate template) : IAsyncLifetime
{
    private readonly LedgerStore _store = new(template);
    private readonly byte[] _key = CheckpointSigner.Generate();
    private readonly string _anchors = Path.Combine(
        Directory.CreateTempSubdirectory("reports-anchors-").FullName, "of the ledger");

    private LedgerOptions Options => LedgerStore.Options(_key) with { AnchorDirectory = _anchors };

    private CheckpointKey Key
    {
        get
        {
            using var signer = new CheckpointSigner(_key);
            return signer.Key;
        }
    }

    public ValueTask InitializeAsync() => _store.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_anchors)!, recursive: true);
    }

    [Fact]
    public async Task the_first_checkpoint_and_the_last_are_laid_down_and_those_between_once_in_a_while()
    {
        await using (var node = _store.Node(Options))
        {
            await node.StartAsync();
            for (var i = 0; i < 3; i++)
            {
                await _store.AppendAsync(2);
                await _store.IsSealedAsync();
                await Eventually.IsTrueAsync(() => Task.FromResult(Directory.Exists(_anchors)), "the first anchor");
            }
        }

        // The interval is a minute, so there is none of the one between. The first two may be sealed one by one.
        string.Join(' ', Files().Select(Path.GetFileName).Order()).ShouldBeOneOf(
            $"{HeldCheckpoints.AnchorName(1)} {HeldCheckpoints.AnchorName(6)}",
            $"{HeldCheckpoints.AnchorName(2)} {HeldCheckpoints.AnchorName(6)}");
        foreach (var file in Files())
        {
            var signed = SignedCheckpoint.Parse(await File.ReadAllTextAsync(file)).ShouldNotBeNull();
            signed.IsSignedBy([Key]).ShouldBeTrue();
            (await _store.AskAsync<string>($"select note from ledger.checkpoints where size = {signed.Checkpoint.Size}"))
                .ShouldBe(signed.Note());
        }
    }

    [Fact]
    public async Task sealing_goes_on_when_no_anchor_can_be_laid_down_and_the_health_tells()
    {
        await File.WriteAllTextAsync(_anchors, "no directory");
        await using var node = _store.Node(Options);
        await node.StartAsync();
        await _store.AppendAsync();

        await _store.IsSealedAsync();
        await Eventually.IsTrueAsync(() => Task.FromResult(!node.State.HasAnchors), "the health to tell");
        _store.Log.Lines.ShouldContain(line => line.Contains("could not be laid down as an anchor"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task anchors_that_cannot_be_read_stop_the_ledger_and_not_the_node(bool isFile)
    {
        await SealAsync(Options, 5);
        var elsewhere = $"{_anchors}.elsewhere";
        Directory.Move(_anchors, elsewhere);
        if (isFile)
        {
            await File.WriteAllTextAsync(_anchors, "no directory");
        }

        await using var node = _store.Node(Options);
        await node.StartAsync();
        await _store.AppendAsync();
        var fault = await FaultAsync(node);
        fault.Verdict.ShouldBe(LedgerVerdict.NoAnchors);
        await IsToldAsync("stopped: NO_ANCHORS", exitCode: 1);
        _store.Log.Lines.ShouldContain(line => line.Contains("The ledger has stopped: NO_ANCHORS"));
        Directory.Exists(_anchors).ShouldBeFalse();

        File.Delete(_anchors);
        Directory.Move(elsewhere, _anchors);
        await _store.IsSealedAsync();
    }

    [Fact]
    public async Task a_directory_that_goes_away_is_not_made_again_and_is_told()
    {
        await using var node = _store.Node(Options with { AnchorInterval = TimeSpan.FromMilliseconds(1) });
        await node.StartAsync();
        await _store.AppendAsync();
        await Eventually.IsTrueAsync(() => Task.FromResult(Directory.Exists(_anchors) && Files().Any()), "the first anchor");

        Directory.Move(_anchors, $"{_anchors}.elsewhere");
        await _store.AppendAsync();
        await _store.IsSealedAsync();

        await IsToldAsync("NO_ANCHORS", exitCode: 1);
        Directory.Exists(_anchors).ShouldBeFalse();
        Directory.Move($"{_anchors}.elsewhere", _anchors);
        await _store.AppendAsync();
        await Eventually.IsTrueAsync(() => Task.FromResult(node.State.HasAnchors), "anchors to be laid down again");
    }

    [Fact]
    public async Task a_restored_backup_stops_the_ledger_until_it_is_declared()
    {
        await SealAsync(Options, 5);
        await SealAsync(Options, 5);
        await SealAsync(Options, 1);
        await RestoreAsync(5);
        await using (var node = _store.Node(Options))
        {
            await node.StartAsync();
            var fault = await FaultAsync(node);
            (fault.Verdict, fault.Sequence).ShouldBe((LedgerVerdict.Truncated, 11));
            (await _store.AskAsync<long>("select max(size) from ledger.checkpoints")).ShouldBe(5);

            await IsToldAsync("stopped: TRUNCATED 11", exitCode: 1);
            var declared = await CommandAsync("audit", "restored", "--reason", "incident 42");
            declared.ExitCode.ShouldBe(0, declared.Error);
            declared.Output.ShouldContain("6 leaves are lost, from 5 on");

            await _store.IsSealedAsync();
            await IsToldAsync("sealing", exitCode: 0);
            var again = await CommandAsync("audit", "restored", "--reason", "incident 42");
            (again.ExitCode, again.Error).ShouldBe((1, again.Error));
            again.Error.ShouldContain("declared already");
        }

        // Past what was lost, too, and beside the anchors that remain of it.
        await SealAsync(Options, 20);
        await using var restarted = _store.Node(Options);
        await restarted.StartAsync();
        await _store.AppendAsync();
        await _store.IsSealedAsync();
        restarted.State.Fault.ShouldBeNull();
        await _store.IsWholeAsync(Key);
    }

    [Fact]
    public async Task a_restored_backup_that_was_gone_on_with_is_another_ledger_and_cannot_be_declared()
    {
        await SealAsync(Options, 5);
        await SealAsync(Options, 5);
        await RestoreAsync(5);

        // A node without anchors does not know.
        await SealAsync(Options with { AnchorDirectory = null }, 20);
        await using var node = _store.Node(Options);
        await node.StartAsync();

        var fault = await FaultAsync(node);
        (fault.Verdict, fault.Sequence).ShouldBe((LedgerVerdict.Fork, 10));
        var declared = await CommandAsync("audit", "restored", "--reason", "incident 42");
        declared.ExitCode.ShouldBe(1);
        declared.Error.ShouldContain("FORK 10");
    }

    // Who can write events, or changes the database, has no key.
    [Fact]
    public async Task a_declaration_that_no_key_of_the_ledger_signed_is_none()
    {
        await SealAsync(Options, 5);
        await SealAsync(Options, 6);
        var lost = SignedCheckpoint.Parse(await File.ReadAllTextAsync(Files().Last()))!.Checkpoint;
        await RestoreAsync(5);
        var root = await _store.AskAsync<byte[]>("select root from ledger.checkpoints where size = 5");
        var said = new RestoreDeclaration(new LedgerOptions().Origin, lost.Size, lost.Root, 5, root);
        using var own = new CheckpointSigner(_key);
        using var stranger = new CheckpointSigner(CheckpointSigner.Generate());
        string[] forged =
        [
            "7", "[]", """{"lost_size": "many"}""", """{"declaration": 7}""", """{"declaration": ""}""",
            $$"""{"lost_size": 11, "resumed_size": 5, "lost_root": "{{Convert.ToHexStringLower(lost.Root)}}"}""",
            Event(said.Sign([stranger])), Event((said with { Origin = "other" }).Sign([own])),
            Event((said with { LostSize = 12 }).Sign([own])), Event((said with { LostRoot = root }).Sign([own])),
            Event((said with { ResumedSize = 4 }).Sign([own])),
            Event((said with { ResumedRoot = lost.Root }).Sign([own])),
        ];
        foreach (var data in forged)
        {
            await AppendAsync(data);
        }

        await using var node = _store.Node(Options);
        await node.StartAsync();
        var fault = await FaultAsync(node);
        (fault.Verdict, fault.Sequence).ShouldBe((LedgerVerdict.Truncated, 11));
        await IsToldAsync("stopped: TRUNCATED 11", exitCode: 1);

        await AppendAsync(Event(said.Sign([own])));
        await _store.IsSealedAsync();
    }

    private static string Event(string note) => JsonSerializer.Serialize(new { declaration = note });

    private async Task AppendAsync(string data)
    {
        await using var command = _store.Database.CreateCommand(
            """
            with stream as (
                insert into events.mt_streams (tenant_id, id, type, version)
                values ('platform', gen_random_uuid(), 'x', 1) returning id)
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, is_archived)
            select nextval('events.mt_events_sequence'), gen_random_uuid(), id, 1, $1::jsonb,
                'audit.restored-from-backup.v1', now(), 'platform', false
            from stream
            """);
        command.Parameters.AddWithValue(data);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<LedgerFaultException> FaultAsync(LedgerNode node) =>
        await Eventually.GetAsync(() => Task.FromResult(node.State.Fault), "the ledger to stop");

    private IEnumerable<string> Files() => Directory.GetFiles(_anchors).Order(StringComparer.Ordinal);

    // A node writes down what it finds after it has stopped, and that it is over after it goes on.
    private Task IsToldAsync(string state, int exitCode) => Eventually.IsTrueAsync(
        async () =>
        {
            var status = await CommandAsync("audit", "status");
            return status.ExitCode == exitCode && status.Output.Contains(state);
        },
        $"the status to say {state}");

    private Task<(int ExitCode, string Output, string Error)> CommandAsync(params string[] arguments) =>
        CommandProcess.RunAsync(_store.CommandEnvironment(_key, _anchors), "", arguments);

    private async Task SealAsync(LedgerOptions options, int events)
    {
        await using var node = _store.Node(options);
        await node.StartAsync();
        await _store.AppendAsync(events);
        await _store.IsSealedAsync();
    }

    private Task RestoreAsync(int size) => _store.AttackAsync(
        $"""
        delete from ledger.checkpoints where size > {size}; delete from ledger.leaves where idx >= {size};
        delete from ledger.row_hashes where seq_id > {size}; delete from events.mt_events where seq_id > {size};
        select setval('events.mt_events_sequence', {size})
        """);
}
