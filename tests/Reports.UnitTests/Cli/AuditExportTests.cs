using System.Diagnostics;
using Reports.Cli;
using Reports.Ledger;
using Reports.UnitTests.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Cli;

public sealed class AuditExportTests : IAsyncLifetime
{
    private readonly SyntheticExport _record = new(200);
    private readonly string _directory = Directory.CreateTempSubdirectory("reports-export-").FullName;
    private readonly HurriedClock _clock = new();
    private readonly List<string> _remarks = [];
    private StubAudit _stub = null!;

    public async ValueTask InitializeAsync() => _stub = await StubAudit.StartAsync(_record);

    public async ValueTask DisposeAsync()
    {
        await _stub.DisposeAsync();
        _record.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task an_export_is_whole_and_ok()
    {
        var (sequence, size) = (_record.Events[^1].Event.Sequence, _record.Leaves.Count);

        var description = await ExportAsync(Folder("a"));

        description.ShouldBe(new ExportDescription(
            ExportDescription.CurrentFormat, SyntheticExport.Origin, "all", _stub.Url + "/", size, sequence, true));
        Verify(Folder("a")).ShouldBe("OK");
        _remarks.ShouldBeEmpty();
        _stub.Asked.Count.ShouldBe(7); // checkpoint, right, keys, checkpoints, leaves, events, and whether it goes on
    }

    [Fact]
    public async Task a_second_export_into_the_folder_goes_on_from_there()
    {
        await ExportAsync(Folder("a"));
        for (var i = 0; i < 25; i++)
        {
            _record.Events.Add((_record.Event(1000 + i), null));
            _record.Seal();
        }

        _stub.Asked.Clear();
        await ExportAsync(Folder("a"));

        _stub.Asked.ShouldContain(a => a.StartsWith("leaves?after=199", StringComparison.Ordinal));
        _remarks.ShouldHaveSingleItem().ShouldContain("export into another folder");
        Verify(Folder("a")).ShouldBe("OK");
        await SameAsFromScratchAsync(Folder("a"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task connections_that_break_anywhere_do_no_harm(int seed)
    {
        var (random, answers) = (new Random(seed), 0);

        // A reset connection loses what was not read yet: it must not be every one.
        _stub.BreakAfter = () => answers++ % 2 == 0 ? random.Next(30_000) : null;

        await ExportAsync(Folder("a"));

        _remarks.ShouldNotBeEmpty();
        Verify(Folder("a")).ShouldBe("OK");
    }

    [Fact]
    public async Task whoever_was_killed_at_any_byte_goes_on_to_the_same_export()
    {
        _stub.StandsStill = true;
        await ExportAsync(Folder("whole"));
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            // What was begun last may be cut anywhere, what comes after it was not begun.
            var folder = Folder($"cut-{round}");
            Directory.CreateDirectory(folder.Path);
            string[] files = [folder.Checkpoints, folder.Leaves, folder.Events];
            for (var i = 0; i <= round % files.Length; i++)
            {
                var content = await File.ReadAllBytesAsync(Path.Combine(Folder("whole").Path, Path.GetFileName(files[i])));
                var length = i == round % files.Length ? random.Next(content.Length + 1) : content.Length;
                await File.WriteAllBytesAsync(files[i], content[..length]);
            }

            (ExportDescription.Read(Folder("whole"))! with { Complete = false, Size = 0, Sequence = 0 }).Write(folder);
            Should.Throw<UnusableExportException>(() => Verify(folder));

            await ExportAsync(folder);

            Same(folder, Folder("whole"));
        }
    }

    [Fact]
    public async Task a_process_that_is_killed_again_and_again_comes_to_its_end()
    {
        _stub.BetweenLines = TimeSpan.FromMilliseconds(1);
        var folder = Folder("killed");
        for (var kill = 0; kill < 4; kill++)
        {
            using var process = Start(folder);
            var seen = Length(folder);
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            while (!process.HasExited && Length(folder) <= seen)
            {
                await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }

            process.Kill();
            await process.WaitForExitAsync();
        }

        _stub.BetweenLines = TimeSpan.Zero;
        using (var last = Start(folder))
        {
            await last.WaitForExitAsync();
            last.ExitCode.ShouldBe(0, await last.StandardError.ReadToEndAsync());
        }

        Verify(folder).ShouldBe("OK");
    }

    [Fact]
    public async Task an_event_that_was_sealed_late_gets_its_place()
    {
        await ExportAsync(Folder("a"));
        var late = Enumerable.Range(1, 200).Select(s => (long)s).First(s => _record.Events.TrueForAll(e => e.Event.Sequence != s));
        _record.Events.Insert(_record.Events.FindIndex(e => e.Event.Sequence > late), (_record.Event(late), null));
        _record.Seal();

        await ExportAsync(Folder("a"));

        _remarks.ShouldContain(r => r.Contains("exported anew", StringComparison.Ordinal));
        Verify(Folder("a")).ShouldBe("INSERTED 1");
    }

    [Fact]
    public async Task it_waits_as_long_as_it_is_asked_to()
    {
        var refused = 0;
        _stub.Before = http =>
        {
            var isRefused = refused < 4 && http.Request.Path.Value!.EndsWith("leaves", StringComparison.Ordinal);
            if (isRefused)
            {
                http.Response.StatusCode = refused++ % 2 == 0 ? 429 : 503;
                http.Response.Headers.RetryAfter = "77";
            }

            return Task.FromResult(isRefused);
        };

        await ExportAsync(Folder("a"));

        _clock.Waited.Count(w => w == TimeSpan.FromSeconds(77)).ShouldBe(4);
        Verify(Folder("a")).ShouldBe("OK");
    }

    [Theory]
    [InlineData(401, "REPORTS_AUDITOR_KEY")]
    [InlineData(403, "audit:read")]
    [InlineData(307, "elsewhere.example")]
    [InlineData(404, "REPORTS_URL")]
    [InlineData(400, "answers 400")]
    [InlineData(500, "Given up after 8 tries")]
    [InlineData(429, "goes on from here then")]
    public async Task what_will_not_get_better_is_said_in_words(int status, string words)
    {
        _stub.Before = http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "https://elsewhere.example/";
            http.Response.Headers.RetryAfter = status == 429 ? "3600" : default;
            return Task.FromResult(true);
        };

        var failure = await Should.ThrowAsync<CommandFailedException>(() => ExportAsync(Folder("a")));

        failure.Message.ShouldContain(words);
    }

    [Fact]
    public async Task a_service_that_cannot_be_reached_is_named()
    {
        await _stub.DisposeAsync();
        var failure = await Should.ThrowAsync<CommandFailedException>(() => ExportAsync(Folder("a")));
        failure.Message.ShouldContain("Given up");
    }

    [Fact]
    public async Task a_merchant_s_key_exports_the_merchant_s_events()
    {
        _stub.Merchant = _record.Events.First(e => e.Event.Tenant != "platform").Event.Tenant;

        var description = await ExportAsync(Folder("a"));

        description.Scope.ShouldBe(_stub.Merchant);
        File.ReadAllLines(Folder("a").Events).Length.ShouldBe(_record.Events.Count(e => e.Event.Tenant == _stub.Merchant));
        Verify(Folder("a")).ShouldBe("OK");
    }

    [Fact]
    public async Task a_service_that_lost_its_end_does_not_get_into_the_folder()
    {
        await ExportAsync(Folder("a"));
        _record.Checkpoints.RemoveRange(3, _record.Checkpoints.Count - 3);

        var failure = await Should.ThrowAsync<CommandFailedException>(() => ExportAsync(Folder("a")));

        failure.Message.ShouldContain("cut off");
        Verify(Folder("a")).ShouldBe("OK");
    }

    [Fact]
    public async Task of_a_ledger_that_stands_still_the_unsealed_events_are_exported_too()
    {
        _stub.StandsStill = true;
        var sequence = _record.Events[^1].Event.Sequence;
        _record.Events.Add((_record.Event(sequence + 2), null));
        _record.Events.Add((_record.Event(sequence + 3), null));

        (await ExportAsync(Folder("a"))).Sequence.ShouldBe(sequence);

        _remarks.ShouldHaveSingleItem().ShouldContain("stands still");
        Verify(Folder("a")).ShouldBe("UNSEALED 2");

        // One of the two was not yet committed then.
        _record.Events.Insert(_record.Events.Count - 2, (_record.Event(sequence + 1), null));
        _record.Seal();
        _stub.StandsStill = false;
        await ExportAsync(Folder("a"));
        Verify(Folder("a")).ShouldBe("OK");
        await SameAsFromScratchAsync(Folder("a"));
    }

    [Fact]
    public async Task what_an_address_leads_to_and_what_a_key_is_are_checked()
    {
        Should.Throw<CommandFailedException>(() => ExportCommand.Http(null));
        Should.Throw<CommandFailedException>(() => ExportCommand.Http("ftp://x"));
        Should.Throw<CommandFailedException>(() => ExportCommand.Http("reports"));
        ExportCommand.Http("http://x/y").BaseAddress.ShouldBe(new Uri("http://x/y/"));
        (await ExportCommand.RunAsync(Folder("a").Path, _stub.Url, "a\nb", null, default)).ShouldBe(1);
        (await ExportCommand.RunAsync(Folder("a").Path, _stub.Url, null, null, default)).ShouldBe(1);
    }

    private static string Verify(ExportFolder folder) =>
        ExportVerifier.Verify(
            folder,
            new VerificationOptions(
                [],
                HeldCheckpoints.None,
                ExportDescription.Read(folder) is { Scope: not ExportDescription.All and var merchant } ? merchant : null),
            _ => { }).Line();

    private static long Length(ExportFolder folder) =>
        new[] { folder.Checkpoints, folder.Leaves, folder.Events }.Where(File.Exists).Sum(f => new FileInfo(f).Length);

    private static void Same(ExportFolder one, ExportFolder other)
    {
        foreach (var (a, b) in new[]
        {
            (one.Checkpoints, other.Checkpoints), (one.Leaves, other.Leaves), (one.Events, other.Events),
            (one.Description, other.Description),
        })
        {
            File.ReadAllText(a).ShouldBe(File.ReadAllText(b));
        }
    }

    private async Task SameAsFromScratchAsync(ExportFolder folder)
    {
        _stub.StandsStill = true;
        await ExportAsync(folder);
        await ExportAsync(Folder("scratch"));
        Same(folder, Folder("scratch"));
    }

    private ExportFolder Folder(string name) => new(Path.Combine(_directory, name));

    private async Task<ExportDescription> ExportAsync(ExportFolder folder)
    {
        using var http = ExportCommand.Http(_stub.Url);
        Directory.CreateDirectory(folder.Keys);
        var client = new AuditClient(http, StubAudit.Key, _remarks.Add, _clock);
        return await new AuditExport(client, folder, http.BaseAddress!.ToString(), _remarks.Add, (_, _) => { }, _clock)
            .RunAsync(null, default);
    }

    private Process Start(ExportFolder folder)
    {
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "Reports.Cli.dll"), "audit", "export", folder.Path])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["REPORTS_URL"] = _stub.Url;
        start.Environment["REPORTS_AUDITOR_KEY"] = StubAudit.Key;
        return Process.Start(start)!;
    }
}
