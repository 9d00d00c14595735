using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using FsCheck.Xunit;
using Reports.Contracts;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

public sealed class FileInspectionTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory().FullName;

    [Theory]
    [InlineData("", 0)]
    [InlineData("a,b\r\n", 0)]
    [InlineData("a,b", 0)]
    [InlineData("a,b\r\n1,2\r\n", 1)]
    [InlineData("a,b\r\n1,2", 1)]
    [InlineData("a,b\n1,2\n3,4\n", 2)]
    [InlineData("a,b\r\n\"line\r\nbreak\",\"quote \"\" and\r\nbreak\"\r\n3,4\r\n", 2)]
    public void records_are_counted_as_rfc_4180_ends_them(string csv, long expected)
    {
        var counter = new CsvRecordCounter();
        counter.Add(Encoding.UTF8.GetBytes(csv));

        counter.DataRecords.ShouldBe(expected);
    }

    [Property]
    public void the_count_does_not_depend_on_where_the_pieces_end(byte[] noise, byte cut)
    {
        var csv = noise.Select(b => (byte)"a\"\n,\r"[b % 5]).ToArray();
        var at = csv.Length == 0 ? 0 : cut % csv.Length;
        var (whole, pieces) = (new CsvRecordCounter(), new CsvRecordCounter());
        whole.Add(csv);
        pieces.Add(csv.AsSpan(0, at));
        pieces.Add(csv.AsSpan(at));

        pieces.DataRecords.ShouldBe(whole.DataRecords);
    }

    [Fact]
    public async Task a_workbook_that_unpacks_to_far_more_than_its_size_is_none()
    {
        using var packed = new MemoryStream();
        using (var zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            await using var sheet = await zip.CreateEntry("xl/worksheets/sheet1.xml").OpenAsync(default);
            var spaces = Enumerable.Repeat((byte)' ', 1 << 20).ToArray();
            for (var i = 0; i < 200; i++)
            {
                await sheet.WriteAsync(spaces);
            }
        }

        var thrown = await Should.ThrowAsync<InvalidDataException>(() => InspectAsync(packed.ToArray(), ReportFormat.Xlsx));
        thrown.Message.ShouldContain("unpacks");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(262_144)]
    [InlineData(262_145)]
    [InlineData(1_000_000)]
    public async Task every_block_has_its_digest(int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);

        var facts = await InspectAsync(content, ReportFormat.Csv);

        facts.Size.ShouldBe(length);
        facts.Sha256.ShouldBe(Convert.ToHexStringLower(SHA256.HashData(content)));
        var expected = content.Chunk(facts.Blocks.Size).SelectMany(SHA256.HashData).ToArray();
        facts.Blocks.Digests.ShouldBe(expected);
    }

    [Theory]
    [InlineData(0, 262_144)]
    [InlineData(1_073_741_823, 262_144)]
    [InlineData(1_073_741_824, 524_288)]
    [InlineData(100_000_000_000, 33_554_432)]
    public void large_files_have_larger_blocks_and_no_more_of_them(long length, int expected)
    {
        FileInspection.BlockSize(length).ShouldBe(expected);
        ((length + expected - 1) / expected).ShouldBeLessThanOrEqualTo(4096);
    }

    [Fact]
    public async Task what_is_no_workbook_is_told_so() =>
        await Should.ThrowAsync<InvalidDataException>(() => InspectAsync([1, 2, 3], ReportFormat.Xlsx));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private async Task<FileFacts> InspectAsync(byte[] content, ReportFormat format)
    {
        var files = new ReportFiles(_root);
        var key = StorageKey.Parse("a/b/file");
        await using (var writer = files.Create(key))
        {
            await writer.Stream.WriteAsync(content);
            await writer.CommitAsync(default);
        }

        return await FileInspection.InspectAsync(files, key, format, default);
    }
}
