using System.Text;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class EventLineTests
{
    private static readonly StoredEvent Plain = new(
        7,
        Guid.Parse("01980000-0000-7000-8000-000000000001"),
        Guid.Parse("01980000-0000-7000-8000-000000000002"),
        1,
        "report.requested.v1",
        "01980000-0000-7000-8000-000000000003",
        1795392309123456,
        1795392309123473,
        "key_1",
        "corr",
        null,
        "{\"origin\": \"x\"}",
        "{\"a\": 1}");

    // The function ledger.leaf in the database gives the same for these: a change here is another encoding.
    public static TheoryData<StoredEvent, string> Golden => new()
    {
        { Plain, "a0aaeaeff787074ba7b175c0042ebcd8ecf895a603ec69d569392621b9f2ef51" },
        { Plain with { Headers = null, UserName = null, CorrelationId = null }, "356b49304552804fc9169207ed8c1190f9fbce00c1359a909106cf84f4f365bb" },
        { Plain with { UserName = "", CausationId = "ü😀\"\\\n", Tenant = "platform" }, "725f19133ebf63afe8dd74ad92dce20595effb5c00fcbc7a1fef49fee432d63f" },
        { Plain with { Sequence = long.MaxValue, TimestampMicroseconds = -1, RecordedMicroseconds = null, Version = 2147483648 }, "0e49288fd508448981ec20437292235d9c33f1c747ab4519748e846109276b34" },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void the_leaf_of_an_event_never_changes(StoredEvent stored, string leaf) =>
        Convert.ToHexStringLower(EventLeaf.Hash(stored)).ShouldBe(leaf);

    [Fact]
    public void every_field_counts_and_none_runs_into_the_next()
    {
        StoredEvent[] others =
        [
            Plain with { Sequence = 8 },
            Plain with { EventId = Plain.StreamId },
            Plain with { StreamId = Plain.EventId },
            Plain with { Version = 2 },
            Plain with { Type = "report.requested.v2" },
            Plain with { Tenant = "platform" },
            Plain with { TimestampMicroseconds = Plain.TimestampMicroseconds + 1 },
            Plain with { RecordedMicroseconds = Plain.RecordedMicroseconds + 1 },
            Plain with { RecordedMicroseconds = Plain.TimestampMicroseconds },
            Plain with { RecordedMicroseconds = null },
            Plain with { UserName = null },
            Plain with { UserName = "" },
            Plain with { UserName = "key_1corr", CorrelationId = "" },
            Plain with { CorrelationId = null },
            Plain with { CorrelationId = null, CausationId = "corr" },
            Plain with { CausationId = "" },
            Plain with { Headers = null },
            Plain with { Headers = "{}" },
            Plain with { Data = "{\"a\": 2}" },
        ];

        others.Append(Plain).Select(e => Convert.ToHexStringLower(EventLeaf.Hash(e))).Distinct().Count()
            .ShouldBe(others.Length + 1);
    }

    [Fact]
    public void half_a_character_is_no_text() =>
        Should.Throw<EncoderFallbackException>(() => EventLeaf.Hash(Plain with { UserName = "\ud800" }));

    [Fact]
    public void an_event_has_the_leaf_that_its_line_has()
    {
        using var export = new SyntheticExport(200);
        foreach (var stored in export.Events.Select(e => e.Event).Append(Plain))
        {
            var line = Encoding.UTF8.GetBytes(SyntheticExport.Line(stored, stored.Sequence % 2 == 0 ? null : 9));
            EventLine.TryRead(line, out var read, out var flaw).ShouldBeTrue(flaw);

            LeafOf(read).ShouldBe(EventLeaf.Hash(stored));
            read.LeafIndex.ShouldBe(stored.Sequence % 2 == 0 ? null : 9);
            EventLine.Text(read.UserName).ShouldBe(stored.UserName);
            Encoding.UTF8.GetString(read.Data).ShouldBe(stored.Data);
            read.Hash(new byte[32], 99, null);
        }
    }

    [Fact]
    public void a_long_event_is_hashed_whole()
    {
        var stored = Plain with { Data = "{\"a\": \"" + new string('x', 3_000_000) + "\"}" };
        EventLine.TryRead(Encoding.UTF8.GetBytes(SyntheticExport.Line(stored, 1)), out var read, out _).ShouldBeTrue();
        LeafOf(read).ShouldBe(EventLeaf.Hash(stored));
        LeafOf(read).ShouldBe(EventLeaf.Hash(stored));
    }

    [Theory]
    [InlineData("{\"sequence\":7,", "{\"sequence\":07,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\":-7,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\":+7,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\":7.0,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\":0,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\":99999999999999999999,")]
    [InlineData("{\"sequence\":7,", "{ \"sequence\":7,")]
    [InlineData("{\"sequence\":7,", "{\"sequence\": 7,")]
    [InlineData("{\"sequence\":7,\"leaf_index\":6,", "{\"leaf_index\":6,\"sequence\":7,")]
    [InlineData("\"leaf_index\":6,", "\"leaf_index\":-6,")]
    [InlineData("\"leaf_index\":6,", "\"leaf_index\":null ,")]
    [InlineData("01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-00000000000A")]
    [InlineData("01980000-0000-7000-8000-000000000001", "0198000000007000800000000000000000001")]
    [InlineData("\"version\":1", "\"version\":\"1\"")]
    [InlineData("\"type\":\"report.requested.v1\"", "\"type\":null")]
    [InlineData("\"report.requested.v1\"", "\"report\\qrequested.v1\"")]
    [InlineData("\"report.requested.v1\"", "\"report\\ud800\"")]
    [InlineData("2026-11-23T00:05:09.123456Z", "2026-11-23T00:05:09.12345Z")]
    [InlineData("2026-11-23T00:05:09.123456Z", "2026-11-23T00:05:09.123456+00:00")]
    [InlineData("2026-11-23T00:05:09.123456Z", "2026-02-30T00:05:09.123456Z")]
    [InlineData("2026-11-23T00:05:09.123456Z", "2026-11-23T24:05:09.123456Z")]
    [InlineData("\"user_name\":\"key_1\"", "\"user_name\":1")]
    [InlineData("\"user_name\":\"key_1\"", "\"user\":\"key_1\"")]
    [InlineData("2026-11-23T00:05:09.123473Z", "2026-11-23T00:05:09.123474Z")]
    [InlineData("2026-11-23T00:05:09.123473Z", "2026-11-23T00:05:09.123473")]
    [InlineData(",\"headers\":{", ",\"principal\":\"api_key:1\",\"headers\":{")]
    [InlineData(",\"headers\":{", ",\"principal\":null,\"outcome\":null,\"resource\":null,\"origin\":null,\"headers\":{")]
    [InlineData(",\"headers\":{", ",\"mark\":\"archived\",\"headers\":{")]
    [InlineData(",\"headers\":{", ",\"headers\":{\"b\":1},\"headers\":{")]
    [InlineData(",\"version\":1", ",\"amount\":9,\"version\":1")]
    [InlineData("\"headers\":{", "\"headers\":[{")]
    [InlineData(",\"data\":{", ",\"dat\":{")]
    [InlineData("\"a\": 1}}", "\"a\": 1}")]
    [InlineData("\"a\": 1}}", "\"a\": 1}} ")]
    public void what_is_written_otherwise_is_no_line(string good, string bad)
    {
        var line = SyntheticExport.Line(Plain, 6);
        line.ShouldContain(good);
        var altered = Encoding.UTF8.GetBytes(line.Replace(good, bad, StringComparison.Ordinal));

        // The last ones may end well; then they are another event.
        var isRead = EventLine.TryRead(altered, out var read, out var flaw);
        (isRead && LeafOf(read).AsSpan().SequenceEqual(EventLeaf.Hash(Plain))).ShouldBeFalse();
        isRead.ShouldBe(flaw is null);
    }

    [Fact]
    public void a_line_cut_anywhere_is_no_line_and_tells_its_sequence_when_that_can_be_read()
    {
        var line = Encoding.UTF8.GetBytes(SyntheticExport.Line(Plain, 6));
        for (var length = 0; length < line.Length; length++)
        {
            var isRead = EventLine.TryRead(line.AsSpan(0, length), out var read, out _);

            (isRead && LeafOf(read).AsSpan().SequenceEqual(EventLeaf.Hash(Plain))).ShouldBeFalse();
            read.Sequence.ShouldBe(length < "{\"sequence\":7".Length ? 0 : 7);
        }
    }

    private static byte[] LeafOf(in EventLine line)
    {
        var leaf = new byte[MerkleHash.Size];
        line.Hash(leaf);
        return leaf;
    }
}
