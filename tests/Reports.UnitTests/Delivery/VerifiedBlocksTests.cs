using System.Security.Cryptography;
using Reports.Delivery;
using Reports.Storage;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class VerifiedBlocksTests : IDisposable
{
    private const int BlockSize = 1000;

    private static readonly StorageKey Key = StorageKey.Parse("m/r/1/report.csv");

    private readonly string _root = Directory.CreateTempSubdirectory().FullName;
    private readonly ReportFiles _files;
    private readonly VerifiedBlocks _blocks = new();

    public VerifiedBlocksTests() => _files = new ReportFiles(_root);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task a_block_is_read_once_for_all_that_hold_it_at_the_same_time_and_again_later()
    {
        var (report, content) = await ReportAsync(2500);
        using var file = _files.Open(Key);

        var first = await _blocks.TakeAsync(file, report, 2);
        await AlterAsync();
        var second = await _blocks.TakeAsync(file, report, 2);
        first.Dispose();

        second.Finding.ShouldBeNull();
        second.Start.ShouldBe(2 * BlockSize);
        second.Bytes.ToArray().ShouldBe(content[(2 * BlockSize)..]);
        _blocks.Count.ShouldBe(1);
        second.Dispose();
        _blocks.Count.ShouldBe(0);

        using var third = await _blocks.TakeAsync(file, report, 2);
        third.Finding.ShouldBe("altered");
    }

    [Fact]
    public async Task what_was_wrong_with_a_block_is_looked_at_anew_when_nobody_holds_it()
    {
        var (report, content) = await ReportAsync(500);
        await AlterAsync();
        using (var file = _files.Open(Key))
        {
            using var altered = await _blocks.TakeAsync(file, report, 0);
            altered.Finding.ShouldBe("altered");
        }

        await File.WriteAllBytesAsync(Path.Combine(_root, Key.Value), content);
        using var mended = _files.Open(Key);
        using var block = await _blocks.TakeAsync(mended, report, 0);
        block.Finding.ShouldBeNull();
    }

    [Fact]
    public async Task reports_and_blocks_are_told_apart()
    {
        var (report, _) = await ReportAsync(1500);
        using var file = _files.Open(Key);
        var other = report with { Id = Guid.CreateVersion7(), BlockDigests = new byte[64] };

        using var first = await _blocks.TakeAsync(file, report, 0);
        using var last = await _blocks.TakeAsync(file, report, 1);
        using var foreign = await _blocks.TakeAsync(file, other, 0);

        first.Finding.ShouldBeNull();
        last.Bytes.Length.ShouldBe(500);
        foreign.Finding.ShouldBe("altered");
    }

    [Fact]
    public async Task of_many_at_once_everyone_has_the_block_and_none_is_left_held()
    {
        var (report, content) = await ReportAsync(BlockSize);
        using var file = _files.Open(Key);

        await Parallel.ForAsync(0, 5000, async (_, _) =>
        {
            using var block = await _blocks.TakeAsync(file, report, 0);
            block.Finding.ShouldBeNull();
            block.Bytes.Span.SequenceEqual(content).ShouldBeTrue();
        });

        _blocks.Count.ShouldBe(0);
    }

    private async Task<(StoredReport Report, byte[] Content)> ReportAsync(int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);
        await using (var writer = _files.Create(Key))
        {
            await writer.Stream.WriteAsync(content);
            await writer.CommitAsync(CancellationToken.None);
        }

        var digests = content.Chunk(BlockSize).SelectMany(SHA256.HashData).ToArray();
        var report = new StoredReport(
            Guid.CreateVersion7(), "report.csv", "csv", length, SHA256.HashData(content), default, default, Key.Value,
            BlockSize, digests, IsExpired: false);
        return (report, content);
    }

    private async Task AlterAsync()
    {
        var path = Path.Combine(_root, Key.Value);
        await using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Seek(-1, SeekOrigin.End);
        var last = (byte)(file.ReadByte() ^ 1);
        file.Seek(-1, SeekOrigin.End);
        file.WriteByte(last);
    }
}
