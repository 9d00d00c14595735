using System.Diagnostics;
using Reports.Ledger;
using Reports.UnitTests.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Cli;

public sealed class VerifyCommandTests : IDisposable
{
    private readonly SyntheticExport _export = new(50);

    [Fact]
    public async Task verify_ends_with_the_verdict_and_its_exit_code()
    {
        var (code, lines, _) = await RunAsync("verify", _export.Write().Path, "--key", Key());
        code.ShouldBe(0);
        lines[^1].ShouldBe("OK");
        lines.ShouldContain(l => l.StartsWith($"Keys trusted: {_export.Keys[0].Id}", StringComparison.Ordinal));

        var (edited, deleted) = (_export.Events[30].Event.Sequence, _export.Events[20].Event.Sequence);
        _export.Events[30] = (_export.Events[30].Event with { Data = "{}" }, 30);
        _export.Events.RemoveAt(20);
        (code, lines, _) = await RunAsync("verify", _export.Write().Path);
        code.ShouldBe(10);
        lines.ShouldContain($"MODIFIED {edited}: it is not what was sealed");
        lines.ShouldContain($"MISSING {deleted}: it was sealed as leaf 20, and is not there");
        lines[^1].ShouldBe("MODIFIED 1, MISSING 1");
    }

    [Fact]
    public async Task verify_takes_what_others_kept()
    {
        _export.Anchor(4);
        var held = _export.Held(_export.Checkpoints[2].Note);
        var (code, lines, _) = await RunAsync(
            "verify", _export.Write().Path, "--anchors", _export.Anchors, "--checkpoint", held, "--checkpoint", held);
        code.ShouldBe(0);
        lines.ShouldContain(l => l.EndsWith("3 kept elsewhere.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task a_declared_restore_is_accepted_by_its_sequence_only()
    {
        var lost = SignedCheckpoint.Parse(_export.Note(80, MerkleHash.Leaf([1]), 200))!;
        var held = _export.Held(lost.Note());
        var sequence = _export.Declare(lost.Checkpoint);
        var (code, lines, _) = await RunAsync("verify", _export.Write().Path, "--checkpoint", held);
        code.ShouldBe(14);
        lines.ShouldContain(l => l.StartsWith("TRUNCATED 200: ") && l.Contains($"--accept-restore {sequence} if you"));

        (code, lines, _) = await RunAsync(
            "verify", _export.Folder.Path, "--checkpoint", held, "--accept-restore", $"{sequence}");
        code.ShouldBe(0);
        lines.ShouldContain(l => l.Contains("accepted, and explains 1 checkpoint"));
        lines[^1].ShouldBe("OK");
    }

    [Fact]
    public async Task an_export_of_one_merchant_is_verified_for_that_merchant()
    {
        var merchant = Guid.NewGuid().ToString();
        _export.Scope = merchant;
        var (code, _, error) = await RunAsync("verify", _export.Write().Path);
        code.ShouldBe(2);
        error.ShouldContain($"--merchant {merchant}");

        (await RunAsync("verify", _export.Folder.Path, "--merchant", merchant)).Code.ShouldBe(0);
    }

    [Fact]
    public async Task a_receipt_is_verified()
    {
        var receipt = ReceiptTests.Single(_export, 7);
        var path = Key() + ".json";
        await File.WriteAllTextAsync(path, receipt);
        var (code, lines, _) = await RunAsync("receipt", path, "--export", _export.Write().Path);
        code.ShouldBe(0);
        lines.Length.ShouldBe(2);
        lines[^1].ShouldBe("OK");

        await File.WriteAllTextAsync(path, receipt.Replace("number", "nimble", StringComparison.Ordinal));
        (await RunAsync("receipt", path, "--key", Key())).Code.ShouldBe(10);
    }

    [Fact]
    public async Task what_is_unusable_is_said_on_the_error_output_with_exit_code_2()
    {
        string[][] unusable =
        [
            ["verify", "/nowhere"], ["verify"], ["verify", _export.Write().Path, "--key", "/nowhere"],
            ["receipt", _export.Folder.Events], ["receipt", _export.Folder.Events, "--key", Key()],
        ];
        foreach (var arguments in unusable)
        {
            var (code, _, error) = await RunAsync(arguments);
            code.ShouldBe(2, string.Join(' ', arguments));
            error.ShouldNotBeEmpty();
            error.ShouldNotContain("   at ");
        }
    }

    [Fact]
    public async Task help_names_the_exit_codes() =>
        string.Join(' ', (await RunAsync("verify", "--help")).Lines).ShouldContain("16 BAD_SIGNATURE");

    public void Dispose() => _export.Dispose();

    private static async Task<(int Code, string[] Lines, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "Reports.Cli.dll"), "audit", .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, (await output).TrimEnd('\n').Split('\n'), await error);
    }

    private string Key()
    {
        var folder = _export.Write();
        return Path.Combine(folder.Keys, _export.Keys[0].Id + ".pem");
    }
}
