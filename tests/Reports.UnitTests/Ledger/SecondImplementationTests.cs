using System.Diagnostics;
using System.Globalization;
using System.Text;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

/// <summary>Two programs that were written from one document say the same of anything: this one and a page of Python.</summary>
public sealed class SecondImplementationTests : IDisposable
{
    private const string Unusable = "unusable";

    // For each path, the last line that the page prints, or that the path is unusable.
    private const string Driver =
        """
        import contextlib, io, sys
        sys.path.insert(0, sys.argv[1])
        import verify_ledger
        for call in sys.stdin.read().split("\n")[:-1]:
            with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()):
                code = verify_ledger.main(call.split("\t"))
            line = output.getvalue().strip().split("\n")[-1]
            verdict = line.split(" ")[0].rstrip(",")
            assert code == 2 or code == verify_ledger.CODES[verdict], (code, line)
            print("unusable" if code == 2 else line)
        """;

    private static readonly string? Interpreter = Environment.GetEnvironmentVariable("REPORTS_TEST_PYTHON");

    private readonly List<SyntheticExport> _exports = [];

    public static TheoryData<int> Seeds => [1, 2];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task they_agree_on_altered_exports(int seed)
    {
        var random = new Random(seed);
        var cases = new List<(string[] Arguments, string Expected, string What)>();
        for (var i = 0; i < 30; i++)
        {
            var export = Export(20 + random.Next(20), (seed * 1000) + i);
            export.Anchor(random.Next(export.Checkpoints.Count));
            var kept = export.Held(export.Checkpoints[random.Next(export.Checkpoints.Count)].Note);
            var key = export.Signers[random.Next(export.Signers.Count)].Key;
            var what = string.Join(", ", Enumerable.Range(0, random.Next(3)).Select(_ => Alter(export, random)));
            var folder = export.Write();
            what += i % 3 == 0 ? AlterBytes(folder, random) : "";
            var anchor = Directory.GetFiles(export.Anchors)[0];
            var pinned = Path.Combine(folder.Keys, key.Id + ".pem");
            long[] accepted = i % 2 == 0 ? [.. export.Events.Select(e => e.Event.Sequence)] : [];
            var merchant = i % 5 > 0 && export.Scope != ExportDescription.All ? export.Scope : null;
            var verdict = Verify(
                folder, new VerificationOptions([key], new HeldCheckpoints([kept], export.Anchors), merchant, accepted));
            string[] options =
            [
                .. accepted.SelectMany(a => new[] { "--accept-restore", a.ToString(CultureInfo.InvariantCulture) }),
                .. merchant is null ? [] : new[] { "--merchant", merchant },
            ];
            cases.Add((["--key", pinned, "--held", kept, "--held", anchor, .. options, folder.Path], verdict, what));
            if (i % 4 == 0)
            {
                cases.Add(([folder.Path], Verify(folder, new VerificationOptions([], HeldCheckpoints.None)), what));
            }
        }

        await AgreeAsync(cases);
        cases.Select(c => c.Expected.Split(' ')[0]).Distinct().Count().ShouldBeGreaterThan(5);
    }

    [Fact]
    public async Task they_agree_on_receipts()
    {
        var random = new Random(1);
        var export = Export(23, 1);
        var key = Path.Combine(export.Write().Keys, export.Keys[0].Id + ".pem");
        var cases = new List<(string[] Arguments, string Expected, string What)>();
        for (var i = 0; i < 60; i++)
        {
            var receipt = Encoding.UTF8.GetBytes(
                i % 4 == 0 ? ReceiptTests.Attempt(export, 3, 7) : ReceiptTests.Single(export, i % export.Events.Count));
            var at = random.Next(receipt.Length);
            var what = $"receipt {i}, byte {at}";
            if (i % 3 > 0)
            {
                receipt[at] = (byte)"0aA}\" ,x"[random.Next(8)];
            }

            var path = export.Held(Encoding.UTF8.GetString(receipt));
            cases.Add((["--key", key, path], Verify(receipt, export), what));
        }

        await AgreeAsync(cases);
        cases.Select(c => c.Expected).Distinct().Count().ShouldBeGreaterThan(3);
    }

    [Fact]
    public async Task they_agree_on_declared_restores()
    {
        var export = Export(23, 2);
        var lost = SignedCheckpoint.Parse(export.Note(40, MerkleHash.Leaf([1]), 100))!;
        var sequence = export.Declare(lost.Checkpoint).ToString(CultureInfo.InvariantCulture);
        var path = export.Write().Path;
        var (held, smaller) = (export.Held(lost.Note()), export.Held(export.Note(30, MerkleHash.Leaf([2]), 90)));
        await AgreeAsync(
        [
            (["--held", held, "--held", smaller, path], "TRUNCATED 2", "not accepted"),
            (["--held", held, "--held", smaller, "--accept-restore", sequence, path], "OK", "accepted"),
            (["--held", smaller, "--accept-restore", sequence, path], "TRUNCATED 1", "nothing is known of what is lost"),
            (["--held", held, "--accept-restore", "1", path], "TRUNCATED 1", "another accepted"),
        ]);
    }

    [Fact]
    public async Task they_agree_on_events_behind_what_a_checkpoint_had_closed()
    {
        var export = Export(23, 1);
        var last = export.Events[^1].Event.Sequence;
        var (size, note) = export.Checkpoints[^1];
        export.Checkpoints[^1] = (size, export.Note(size, SignedCheckpoint.Parse(note)!.Checkpoint.Root, last + 3));
        export.Events.Add((export.Event(last + 2), null));
        export.Events.Add((export.Event(last + 4), null));
        export.Seal();

        await AgreeAsync([([export.Write().Path], "INSERTED 1", "late, and in order")]);
    }

    [Fact]
    public async Task they_agree_on_the_notes_and_headers_that_others_keep()
    {
        var export = Export(23, 1);
        var folder = export.Write();
        var note = export.Checkpoints[1].Note;
        var header = $"Audit-Checkpoint: :{Convert.ToBase64String(Encoding.UTF8.GetBytes(note))}:";
        var forged = export.Held(export.Note(23, MerkleHash.Leaf([1]), 100));
        await AgreeAsync(
        [
            (["--held", export.Held(header + "\n" + header[18..]), folder.Path], "OK", "header"),
            (["--held", forged, folder.Path], "FORK 1", "forged"),
            (["--held", export.Held(note.Replace('7', '8')), folder.Path], "BAD_SIGNATURE 1", "altered"),
            (["--held", export.Held("nothing"), folder.Path], Unusable, "nothing"),
            ([folder.Path + "-nowhere"], Unusable, "nowhere"),
        ]);
    }

    public void Dispose() => _exports.ForEach(e => e.Dispose());

    private static async Task AgreeAsync(List<(string[] Arguments, string Expected, string What)> cases)
    {
        Assert.SkipWhen(string.IsNullOrEmpty(Interpreter), "REPORTS_TEST_PYTHON names no Python; build/test does.");
        var start = new ProcessStartInfo(Interpreter!, ["-B", "-c", Driver, Path.Combine(Root(), "docs")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        foreach (var (arguments, _, _) in cases)
        {
            await process.StandardInput.WriteAsync(string.Join('\t', arguments) + "\n");
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync();
        var lines = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(cases.Count, await error);
        cases.Zip(lines).Where(c => c.First.Expected != c.Second)
            .Select(c => $"{c.First.What}: {c.First.Expected}, and in Python {c.Second}").ShouldBeEmpty();
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Reports.sln")))
        {
            directory = directory.Parent!;
        }

        return directory.FullName;
    }

    private static string Verify(ExportFolder folder, VerificationOptions options)
    {
        try
        {
            return ExportVerifier.Verify(folder, options, _ => { }).Line();
        }
        catch (UnusableExportException)
        {
            return Unusable;
        }
    }

    private static string Verify(byte[] receipt, SyntheticExport export)
    {
        try
        {
            var findings = new List<Finding>();
            Receipt.Verify(receipt, [export.Keys[0]], findings.Add);
            var counts = findings.GroupBy(f => f.Verdict).ToDictionary(g => g.Key, g => g.LongCount());
            return new Verification(counts, 0, 0, 0, 0, 0, null, []).Line();
        }
        catch (UnusableExportException)
        {
            return Unusable;
        }
    }

    private static string Alter(SyntheticExport export, Random random)
    {
        var at = random.Next(export.Events.Count - 1);
        var (e, index) = export.Events[at];
        var (other, otherIndex) = export.Events[at + 1];
        var mark = random.Next(export.Checkpoints.Count);
        var way = random.Next(14);
        switch (way)
        {
            case 0:
                export.Events[at] = (e with { Data = "{}" }, index);
                break;
            case 1:
                export.Events.RemoveAt(at);
                break;
            case 2 when other.Sequence > e.Sequence + 1:
                export.Events.Insert(at + 1, (export.Event(e.Sequence + 1), null));
                break;
            case 3:
                export.Events[at] = (other with { Sequence = e.Sequence }, index);
                export.Events[at + 1] = (e with { Sequence = other.Sequence }, otherIndex);
                break;
            case 4:
                export.Leaves.RemoveRange(export.Leaves.Count - 7, 7);
                break;
            case 5:
                export.Leaves[at] = (export.Leaves[at].Sequence, MerkleHash.Leaf([1]));
                break;
            case 6:
                export.Checkpoints.RemoveAt(export.Checkpoints.Count - 1);
                break;
            case 7:
                export.Checkpoints[mark] = (export.Checkpoints[mark].Size, export.Checkpoints[mark].Note.Replace('3', '4'));
                break;
            case 8:
                export.Rebuild();
                break;
            case 9:
                export.Events.Add((export.Event(export.Events.Max(x => x.Event.Sequence) + 3), null));
                break;
            case 10 when other.Sequence > e.Sequence + 1:
                export.Events.Insert(at + 1, (export.Event(e.Sequence + 1), null));
                export.Seal();
                break;
            case 11:
                export.Scope = e.Tenant;
                export.Events.RemoveAll(x => x.Event.Tenant != e.Tenant);
                export.Events.Add((export.Event(5000), null));
                export.Events.Add((export.Event(5001), null));
                break;
            case 12:
                export.Events[at] = (e, (index ?? 0) + 1);
                break;
            case 13:
                export.Declare(new Checkpoint(
                    SyntheticExport.Origin, 60, MerkleHash.Leaf([1]), 1, DateTimeOffset.UnixEpoch, []));
                break;
            default:
                break;
        }

        return $"alteration {way} at {at}";
    }

    private static string AlterBytes(ExportFolder folder, Random random)
    {
        var path = new[] { folder.Events, folder.Leaves, folder.Checkpoints }[random.Next(3)];
        var content = File.ReadAllBytes(path);
        var at = random.Next(content.Length);
        content = random.Next(3) switch
        {
            0 => [.. content[..at], .. content[(at + 1)..]],
            1 => [.. content[..at], (byte)"0aA}\" ,\n\\"[random.Next(9)], .. content[at..]],
            _ => [.. content[..at], (byte)"0aA}\" ,\n\\"[random.Next(9)], .. content[(at + 1)..]],
        };
        File.WriteAllBytes(path, content);
        return $", {Path.GetFileName(path)} at {at}";
    }

    private SyntheticExport Export(int events, int seed)
    {
        var export = seed % 2 == 0
            ? new SyntheticExport(events, seed)
            : new SyntheticExport(events, seed, 8, SyntheticExport.Signer(), SyntheticExport.Signer());
        _exports.Add(export);
        return export;
    }
}
