using Reports.Storage;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Storage;

public sealed class ReportFilesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory().FullName;

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../x")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData(".hidden")]
    [InlineData("a/.hidden")]
    [InlineData("a\\b")]
    [InlineData("A")]
    [InlineData("a\n")]
    [InlineData("a\0")]
    [InlineData("")]
    public void a_key_cannot_climb_out(string key) => Should.Throw<FormatException>(() => StorageKey.Parse(key));

    [Theory]
    [InlineData("m/r/1/", "../x")]
    [InlineData("m/r/1/", "a/b")]
    [InlineData("m/r/1/", "..")]
    [InlineData("m/r/1", "x")]
    [InlineData("m/r/1/", "")]
    public void a_file_name_stays_below_its_prefix(string prefix, string name) =>
        Should.Throw<FormatException>(() => StorageKey.Below(prefix, name));

    [Fact]
    public async Task a_file_that_is_not_committed_never_was()
    {
        var files = new ReportFiles(_root);
        var key = StorageKey.Below("m/r/1/", "report.csv");
        await using (var writer = files.Create(key))
        {
            await writer.Stream.WriteAsync(new byte[100]);
        }

        Should.Throw<FileNotFoundException>(() => files.Open(key));
        Directory.GetFiles(_root, "*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task what_is_removed_below_a_prefix_is_all_but_the_kept_file_and_what_is_being_written()
    {
        var files = new ReportFiles(_root);
        foreach (var name in new[] { "m/r/1/old.csv", "m/r/2/kept.csv", "m/r/2/other.csv", "m/s/1/another.csv" })
        {
            await using var file = files.Create(StorageKey.Parse(name));
            await file.CommitAsync(default);
        }

        await using (files.Create(StorageKey.Parse("m/r/2/new.csv")))
        {
            files.RemoveBelow("m/r/", "m/r/2/kept.csv").ShouldBeFalse();
            files.HoldsOnly("m/r/", StorageKey.Parse("m/r/2/kept.csv")).ShouldBeFalse();
            Directory.GetFiles(Path.Combine(_root, "m/r"), "*.partial", SearchOption.AllDirectories).Length.ShouldBe(1);
        }

        files.RemoveBelow("m/r/", "m/r/2/kept.csv").ShouldBeTrue();
        files.HoldsOnly("m/r/", StorageKey.Parse("m/r/2/kept.csv")).ShouldBeTrue();
        files.HoldsOnly("m/", StorageKey.Parse("m/r/2/kept.csv")).ShouldBeFalse();
        files.HoldsOnly("m/none/", StorageKey.Parse("m/none/kept.csv")).ShouldBeFalse();
        Directory.GetFiles(_root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_root, f))
            .ShouldBe(["m/r/2/kept.csv", "m/s/1/another.csv"], ignoreOrder: true);
        files.RemoveBelow("m/r/", null).ShouldBeTrue();
        Directory.Exists(Path.Combine(_root, "m/r")).ShouldBeFalse();
    }

    [Fact]
    public async Task the_last_file_that_is_moved_away_leaves_no_directory_behind()
    {
        var files = new ReportFiles(_root);
        foreach (var name in new[] { "m/r/1/claimed.csv", "m/r/1/leftover.csv", "m/s/1/another.csv" })
        {
            await using var file = files.Create(StorageKey.Parse(name));
            await file.CommitAsync(default);
        }

        files.RemoveBelow("m/r/", "m/r/1/claimed.csv").ShouldBeTrue();
        files.Move(StorageKey.Parse("m/r/1/claimed.csv"), StorageKey.Parse("quarantine/m/r/1/claimed.csv"));
        files.Move(StorageKey.Parse("m/s/1/another.csv"), StorageKey.Parse("quarantine/m/s/1/another.csv"));

        Directory.GetDirectories(Path.Combine(_root, "m")).ShouldBeEmpty();
        Directory.GetFiles(_root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_root, f)).ShouldBe(
            ["quarantine/m/r/1/claimed.csv", "quarantine/m/s/1/another.csv"], ignoreOrder: true);
    }

    [Fact]
    public async Task a_committed_file_is_read_at_any_offset()
    {
        var files = new ReportFiles(_root);
        var key = StorageKey.Parse("m/r/1/report.csv");
        await using (var writer = files.Create(key))
        {
            await writer.Stream.WriteAsync(new byte[] { 1, 2, 3, 4, 5 });
            await writer.CommitAsync(default);
        }

        using var file = files.Open(key);
        var buffer = new byte[4];
        file.Length.ShouldBe(5);
        (await file.ReadAsync(buffer, 2, default)).ShouldBe(3);
        buffer[..3].ShouldBe([3, 4, 5]);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
