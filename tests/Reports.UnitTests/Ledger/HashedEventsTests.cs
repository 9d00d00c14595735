using System.Text;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

/// <summary>Events are hashed by several threads, and read in their order.</summary>
public sealed class HashedEventsTests : IDisposable
{
    private const int Events = 3000; // many times what is read at once

    private readonly string _path = Path.Combine(
        Directory.CreateTempSubdirectory("reports-ledger-").FullName, "events.ndjson");

    private readonly List<string> _lines = [];
    private readonly List<StoredEvent> _events = [];

    public HashedEventsTests()
    {
        using var export = new SyntheticExport(1);
        var template = export.Event(1);
        for (var i = 0; i < Events; i++)
        {
            _events.Add(template with { Sequence = i + 1, UserName = new string('x', i % 700) });
            _lines.Add(SyntheticExport.Line(_events[i], i));
        }
    }

    [Fact]
    public void every_event_is_read_in_its_order_with_its_leaf_and_its_place()
    {
        Lengthen(1000, 300_000);
        Lengthen(1001, 3_000_000);
        Lengthen(Events - 1, 1_500_000);
        var file = Write(string.Join('\n', _lines) + "\n");
        using var events = new HashedEvents(_path);

        foreach (var expected in _events)
        {
            events.Read().ShouldBeTrue();
            var read = events.Current;
            read.Sequence.ShouldBe(expected.Sequence);
            ((ReadOnlySpan<byte>)read.Leaf).SequenceEqual(EventLeaf.Hash(expected)).ShouldBeTrue();
            var line = file.AsSpan((int)read.Offset, read.Length);
            line.SequenceEqual(Encoding.UTF8.GetBytes(_lines[(int)expected.Sequence - 1])).ShouldBeTrue();
        }

        events.Read().ShouldBeFalse();
    }

    [Fact]
    public void a_line_that_is_no_event_is_told_by_its_number_when_all_before_it_were_read()
    {
        _lines[2500] = "nothing";

        Unusable(2500).ShouldBe("events.ndjson, line 2501: that is no event.");
    }

    [Fact]
    public void an_event_out_of_order_is_told_when_all_before_it_were_read()
    {
        (_lines[2500], _lines[2600]) = (_lines[2600], _lines[2500]);

        Unusable(2501).ShouldBe("events.ndjson, line 2502: the event 2502 stands behind the event 2601.");
    }

    [Fact]
    public void a_last_line_without_an_end_is_told_when_all_before_it_were_read()
    {
        Write(string.Join('\n', _lines));

        Error(Events - 1).ShouldStartWith($"events.ndjson, line {Events - 1}: its last line is cut off");
    }

    [Fact]
    public void a_file_that_is_not_there_is_unusable_and_an_empty_one_has_no_events()
    {
        Error(0).ShouldContain("cannot be read");
        Write("");
        using var events = new HashedEvents(_path);
        events.Read().ShouldBeFalse();
        events.Read().ShouldBeFalse();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(700)]
    public void whoever_stops_reading_waits_for_nothing(int read)
    {
        Write(string.Join('\n', _lines) + "\n");
        using var events = new HashedEvents(_path);

        for (var i = 0; i < read; i++)
        {
            events.Read().ShouldBeTrue();
        }
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    private void Lengthen(int index, int length)
    {
        _events[index] = _events[index] with { UserName = new string('y', length) };
        _lines[index] = SyntheticExport.Line(_events[index], index);
    }

    private byte[] Write(string text)
    {
        File.WriteAllText(_path, text);
        return File.ReadAllBytes(_path);
    }

    private string Unusable(int read)
    {
        Write(string.Join('\n', _lines) + "\n");
        return Error(read);
    }

    private string Error(int read)
    {
        using var events = new HashedEvents(_path);
        for (var i = 0; i < read; i++)
        {
            events.Read().ShouldBeTrue();
        }

        return Should.Throw<UnusableExportException>(() => events.Read()).Message;
    }
}
