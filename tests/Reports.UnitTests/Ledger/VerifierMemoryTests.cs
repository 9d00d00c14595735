using System.Diagnostics;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class VerifierMemoryTests : IDisposable
{
    private const int Events = 60_000;
    private const string Heap = "0x1400000"; // 20 MB: much less than the export has on disk

    private readonly string _directory = Directory.CreateTempSubdirectory("reports-ledger-").FullName;

    // An event in twenty is altered, and one in twenty is missing.
    [Fact]
    public async Task memory_does_not_grow_with_the_record_nor_with_what_is_wrong_with_it()
    {
        var folder = Write(Events);
        new FileInfo(folder.Events).Length.ShouldBeGreaterThan(30_000_000);
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "Reports.Cli.dll"), "audit", "verify", folder.Path])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = Heap;
        using var process = Process.Start(start)!;

        var output = await process.StandardOutput.ReadToEndAsync();

        await process.WaitForExitAsync();
        output.TrimEnd('\n').Split('\n')[^1].ShouldBe($"MODIFIED {Events / 20}, MISSING {Events / 20}");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private ExportFolder Write(int count)
    {
        var folder = new ExportFolder(_directory);
        Directory.CreateDirectory(folder.Keys);
        using var export = new SyntheticExport(1);
        File.WriteAllText(Path.Combine(folder.Keys, "key.pem"), export.Keys[0].ToPem());
        var (tree, template) = (new TreeEdge(), export.Event(1));
        using (var events = new StreamWriter(folder.Events))
        using (var leaves = new StreamWriter(folder.Leaves))
        {
            for (var i = 0; i < count; i++)
            {
                var stored = template with { Sequence = i + 1 };
                var leaf = EventLeaf.Hash(i % 20 == 7 ? stored with { Version = 77 } : stored);
                tree.Append(leaf);
                leaves.Write(LeafLine.Text(i, i + 1, leaf));
                if (i % 20 != 13)
                {
                    events.Write(SyntheticExport.Line(stored, i) + "\n");
                }
            }
        }

        File.WriteAllText(folder.Checkpoints, CheckpointLine.Text(count, export.Note(count, tree.Root(), count)));
        new ExportDescription(
            ExportDescription.CurrentFormat, SyntheticExport.Origin, ExportDescription.All, "", count, count, true).Write(folder);
        return folder;
    }
}
