using Reports.BuildingBlocks;
using Reports.Delivery;

namespace Reports.Fuzz.Targets;

/// <summary>Cursors and watermarks of the list.</summary>
internal static class PageMarkTarget
{
    private static readonly Guid Merchant = new("01980000-0000-7000-8000-00000000000f");
    private static readonly Guid Stranger = new("01980000-0000-7000-8000-0000000000ff");
    private static readonly PageMarks Marks = new(
        new KeyRing(2, new Dictionary<int, byte[]> { [1] = Key(1), [2] = Key(2) }));

    public static FuzzTarget Create()
    {
        var watermark = new Watermark(7, -1, "7:9:7,8");
        var filter = new ReportFilter(Merchant, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(1), "daily", null);
        var cursor = new Cursor(filter, true, DateTime.UnixEpoch, Merchant, false, "7:9:7,8");
        string[] genuine = [Marks.Seal(Merchant, cursor), Marks.Seal(Merchant, watermark)];
        return new FuzzTarget(
            "page-marks",
            "It never throws, and nothing opens but what was sealed, letter by letter, as what it is and for its merchant.",
            [.. genuine, Marks.Seal(Stranger, watermark), "", new string('A', 100), new string('_', 100)],
            [.. genuine.SelectMany(mark => new[] { mark[..2], mark[..20], mark[^22..] }), "-", "_", "=", " "],
            text => IsOurs(text, genuine));
    }

    private static bool IsOurs(string text, string[] genuine)
    {
        var isCursor = Marks.OpenCursor(Merchant, text) is not null;
        var isWatermark = Marks.OpenWatermark(Merchant, text) is not null;
        BrokenPropertyException.Unless(isCursor == (text == genuine[0]), $"{text} opens as a cursor.");
        BrokenPropertyException.Unless(isWatermark == (text == genuine[1]), $"{text} opens as a watermark.");
        return isCursor || isWatermark;
    }

    private static byte[] Key(byte version) => [.. Enumerable.Repeat(version, 32)];
}
