using Reports.Contracts.Events;
using Reports.Delivery;

namespace Reports.Fuzz.Targets;

/// <summary>Conditional and range fields, judged by an independent model.</summary>
internal static class ConditionalRequestTarget
{
    private const string Tag = "\"v1\"";
    private const string Date = "Sun, 06 Nov 1994 08:49:37 GMT";
    private static readonly DateTimeOffset Modified = new(1994, 11, 6, 8, 49, 37, TimeSpan.Zero);
    private static readonly long[] Lengths = [0, 10, long.MaxValue];

    public static FuzzTarget Create() => new(
        "conditional-requests",
        "It never throws, and selects what the model selects: of a stored file, positions that it has.",
        [
            "GET", "HEAD\nRange: bytes=0-4", "PUT\nIf-None-Match: *", "TRACE\nIf-Match: \"x\"",
            "Range: bytes=0-4", "Range: bytes=5-", "Range: bytes=-3", "Range: bytes=-0", "Range: bytes=9-99",
            "Range: bytes=5-2", "Range: bytes=0-0,2-3", "Range: BYTES=0-1, ", "Range: items=0-1",
            "Range: bytes=0-99999999999999999999999", "Range: bytes=99999999999999999999-99999999999999999998",
            "Range: bytes=9223372036854775806-9223372036854775807", "Range: bytes=0-1\nRange: bytes=2-3",
            $"If-Match: {Tag}", "If-Match: *", $"If-Match: \"a,b\", W/{Tag}, {Tag}", "If-Match: \"x\"", "If-Match: ,",
            $"If-None-Match: W/{Tag}", "If-None-Match: *\nIf-None-Match: *", $"If-None-Match: , \"é\",{Tag} ,",
            $"If-Modified-Since: {Date}", "If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT",
            "If-Unmodified-Since: Sun Nov  6 08:49:37 1994", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT",
            "If-Modified-Since: Sat, 31 Dec 9999 23:59:60 GMT", "If-Unmodified-Since: Monday, 29-Feb-44 00:00:00 GMT",
            $"Range: bytes=1-2\nIf-Range: {Tag}", $"Range: bytes=1-2\nIf-Range: {Date}",
            $"Range: bytes=1-2\nIf-Range: W/{Tag}", "Range: bytes=1-2\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT",
            $"If-Match: {Tag}\nIf-Unmodified-Since: {Date}\nIf-None-Match: \"y\"\nIf-Modified-Since: {Date}",
        ],
        [
            "\nIf-Match: ", "\nIf-None-Match: ", "\nIf-Modified-Since: ", "\nIf-Unmodified-Since: ", "\nIf-Range: ",
            "\nRange: bytes=", "\nHEAD", Tag, "W/", Date, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "Feb", "29", "bytes=", "0-", "-1", "-0", ", ", "*", "9223372036854775807", "18446744073709551616",
        ],
        IsSelective);

    private static bool IsSelective(string text)
    {
        var (method, headers) = HeaderText.Read(text);
        var isSelective = false;
        foreach (var length in Lengths)
        {
            var stored = new Representation(Tag, Modified, length);
            var selected = ConditionalRequest.Evaluate(method, headers, stored);
            var expected = ConditionalModel.Evaluate(method, headers, stored);
            BrokenPropertyException.Unless(
                (selected.Kind, selected.First, selected.Last) == expected,
                $"Of {length} bytes {selected} is selected, where the model selects {expected}.");
            BrokenPropertyException.Unless(
                selected.Kind != DownloadSelection.Partial
                    || (selected.First >= 0 && selected.First <= selected.Last && selected.Last < length),
                $"Of {length} bytes {selected} is selected.");
            isSelective |= selected.Kind != DownloadSelection.Full;
        }

        return isSelective;
    }
}
