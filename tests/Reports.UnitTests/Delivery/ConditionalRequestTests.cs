using Microsoft.AspNetCore.Http;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Fuzz;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

/// <summary>
/// RFC 9110 sections 13 and 14, a row a rule, of ten bytes that are tagged <c>"v1"</c>. A single quote in a row stands
/// for a double one.
/// </summary>
public sealed class ConditionalRequestTests
{
    private const string Date = "Sun, 06 Nov 1994 08:49:37 GMT";
    private const string Earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
    private const string Later = "Sun, 06 Nov 1994 08:49:38 GMT";
    private static readonly DateTimeOffset Modified = new(1994, 11, 6, 8, 49, 37, TimeSpan.Zero);
    private static readonly Representation Stored = new("\"v1\"", Modified, 10);

    public static TheoryData<string, string, string> Preconditions => new()
    {
        { "13.1.1 If-Match holds for the same tag", "If-Match: 'v1'", "full" },
        { "13.1.1 If-Match holds for one tag of several", "If-Match: 'x', 'v1'", "full" },
        { "13.1.1 If-Match fails for another tag", "If-Match: 'x'", "precondition_failed" },
        { "13.1.1 If-Match fails for a HEAD too", "HEAD\nIf-Match: 'x'", "precondition_failed" },
        { "13.1.1 If-Match holds for any tag by *", "If-Match: *", "full" },
        { "13.1.1 If-Match compares strongly", "If-Match: W/'v1'", "precondition_failed" },
        { "13.1.1 If-Match of no tag fails", "If-Match: ", "precondition_failed" },
        { "13.1.2 If-None-Match hits the same tag", "If-None-Match: 'v1'", "not_modified" },
        { "13.1.2 If-None-Match hits for HEAD too", "HEAD\nIf-None-Match: 'v1'", "not_modified" },
        { "13.1.2 If-None-Match fails other methods", "PUT\nIf-None-Match: 'v1'", "precondition_failed" },
        { "13.1.2 If-None-Match compares weakly", "If-None-Match: W/'v1'", "not_modified" },
        { "13.1.2 If-None-Match hits one tag of several", "If-None-Match: 'x', W/'y', 'v1'", "not_modified" },
        { "13.1.2 If-None-Match hits any tag by *", "If-None-Match: *", "not_modified" },
        { "13.1.2 If-None-Match does not hit another tag", "If-None-Match: 'v2'", "full" },
        { "13.1.3 If-Modified-Since the same second", $"If-Modified-Since: {Date}", "not_modified" },
        { "13.1.3 If-Modified-Since a later second", $"If-Modified-Since: {Later}", "not_modified" },
        { "13.1.3 If-Modified-Since an earlier second", $"If-Modified-Since: {Earlier}", "full" },
        { "13.1.3 If-Modified-Since is for HEAD too", $"HEAD\nIf-Modified-Since: {Date}", "not_modified" },
        { "13.1.3 If-Modified-Since is for no other method", $"PUT\nIf-Modified-Since: {Date}", "full" },
        { "13.1.3 If-Modified-Since with If-None-Match is ignored",
            $"If-None-Match: 'x'\nIf-Modified-Since: {Date}", "full" },
        { "13.1.3 If-Modified-Since does not undo a hit",
            $"If-None-Match: 'v1'\nIf-Modified-Since: {Earlier}", "not_modified" },
        { "13.1.3 If-Modified-Since that is no date is ignored", "If-Modified-Since: yesterday", "full" },
        { "13.1.3 If-Modified-Since with two dates is ignored",
            $"If-Modified-Since: {Date}\nIf-Modified-Since: {Date}", "full" },
        { "13.1.4 If-Unmodified-Since the same second", $"If-Unmodified-Since: {Date}", "full" },
        { "13.1.4 If-Unmodified-Since a later second", $"If-Unmodified-Since: {Later}", "full" },
        { "13.1.4 If-Unmodified-Since an earlier second", $"If-Unmodified-Since: {Earlier}", "precondition_failed" },
        { "13.1.4 If-Unmodified-Since with If-Match is ignored",
            $"If-Match: 'v1'\nIf-Unmodified-Since: {Earlier}", "full" },
        { "13.1.4 If-Unmodified-Since that is no date is ignored", "If-Unmodified-Since: 0", "full" },
        { "13.1.4 If-Unmodified-Since with two dates is ignored",
            $"If-Unmodified-Since: {Earlier}\nIf-Unmodified-Since: {Earlier}", "full" },
        { "13.2.1 methods that select nothing ignore conditions", "OPTIONS\nIf-Match: 'x'", "full" },
        { "13.2.2 If-Match comes before If-None-Match",
            "If-Match: 'x'\nIf-None-Match: 'v1'", "precondition_failed" },
        { "13.2.2 If-Unmodified-Since comes before If-None-Match",
            $"If-Unmodified-Since: {Earlier}\nIf-None-Match: 'v1'", "precondition_failed" },
        { "13.2.2 If-None-Match follows an If-Match that holds",
            "If-Match: 'v1'\nIf-None-Match: 'v1'", "not_modified" },
        { "13.2.2 If-None-Match comes before Range", "If-None-Match: 'v1'\nRange: bytes=0-4", "not_modified" },
        { "13.2.2 If-Match comes before Range", "If-Match: 'x'\nRange: bytes=99-", "precondition_failed" },
        { "13.2.2 Range follows conditions that hold",
            $"If-Match: 'v1'\nIf-None-Match: 'x'\nRange: bytes=0-4", "partial 0-4" },
    };

    public static TheoryData<string, string, string> Ranges => new()
    {
        { "14.1.2 first and last are inclusive", "Range: bytes=2-4", "partial 2-4" },
        { "14.1.2 one byte", "Range: bytes=0-0", "partial 0-0" },
        { "14.1.2 no last means to the end", "Range: bytes=2-", "partial 2-9" },
        { "14.1.2 the whole is a range too", "Range: bytes=0-", "partial 0-9" },
        { "14.1.2 a last beyond the end means to the end", "Range: bytes=2-10", "partial 2-9" },
        { "14.1.2 a suffix is the last bytes", "Range: bytes=-3", "partial 7-9" },
        { "14.1.2 a suffix longer than the file is the whole", "Range: bytes=-11", "partial 0-9" },
        { "14.1.2 a suffix of no bytes is not satisfiable", "Range: bytes=-0", "range_not_satisfiable" },
        { "14.1.2 a first at the end is not satisfiable", "Range: bytes=10-", "range_not_satisfiable" },
        { "14.1.2 a first beyond the end is not satisfiable", "Range: bytes=10-99", "range_not_satisfiable" },
        { "14.1.1 large numerals: last", "Range: bytes=0-99999999999999999999999", "partial 0-9" },
        { "14.1.1 large numerals: first", "Range: bytes=99999999999999999999999-", "range_not_satisfiable" },
        { "14.1.1 large numerals: suffix", "Range: bytes=-99999999999999999999999", "partial 0-9" },
        { "14.1.1 large numerals: order", "Range: bytes=99999999999999999999-99999999999999999998", "full" },
        { "14.1.1 large numerals: leading zeros", "Range: bytes=0000000000000000000000002-04", "partial 2-4" },
        { "14.1.1 a last before the first is invalid and ignored", "Range: bytes=5-2", "full" },
        { "14.1.1 no range is invalid and ignored", "Range: bytes=", "full" },
        { "14.1.1 a lone dash is invalid and ignored", "Range: bytes=-", "full" },
        { "14.1.1 a lone number is invalid and ignored", "Range: bytes=5", "full" },
        { "14.1.1 a signed number is invalid and ignored", "Range: bytes=+1-4", "full" },
        { "14.1.1 a negative last is invalid and ignored", "Range: bytes=1--4", "full" },
        { "14.1.1 other digits than ASCII are invalid and ignored", "Range: bytes=\u0661-4", "full" },
        { "14.1.1 units are words in any case", "Range: BYTES=2-4", "partial 2-4" },
        { "14.1.1 units are ASCII words", "Range: byte\u017F=2-4", "full" },
        { "14.2 an unknown unit is ignored", "Range: items=0-1", "full" },
        { "14.2 a field without a unit is ignored", "Range: 0-1", "full" },
        { "14.2 HEAD ignores Range", "HEAD\nRange: bytes=0-4", "full" },
        { "14.2 HEAD ignores a Range that is not satisfiable", "HEAD\nRange: bytes=99-", "full" },
        { "14.2 other methods ignore Range", "PUT\nRange: bytes=0-4", "full" },
        { "14.2 several ranges are ignored", "Range: bytes=0-1,4-5", "full" },
        { "14.2 several ranges are ignored, satisfiable or not", "Range: bytes=0-1,99-", "full" },
        { "14.2 several lines are ignored", "Range: bytes=0-1\nRange: bytes=4-5", "full" },
        { "5.6.1.2 empty elements of a list do not count", "Range: bytes=,2-4, ,\t", "partial 2-4" },
        { "5.6.1.2 whitespace may precede a comma", "Range: bytes= , 2-4 ,", "partial 2-4" },
        { "5.6.1.2 whitespace may not precede the first element", "Range: bytes= 2-4", "full" },
        { "5.6.3 no whitespace within a range", "Range: bytes=2 - 4", "full" },
        { "5.6.3 no whitespace before the equals sign", "Range: bytes =2-4", "full" },
        { "5.5 whitespace around a field is none of its value", "Range: \t bytes=2-4 \t", "partial 2-4" },
        { "13.1.5 If-Range without Range is ignored", "If-Range: 'x'", "full" },
        { "13.1.5 If-Range holds for the same tag", "If-Range: 'v1'\nRange: bytes=2-4", "partial 2-4" },
        { "13.1.5 If-Range fails for another tag", "If-Range: 'x'\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range compares strongly", "If-Range: W/'v1'\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range holds for exactly the date", $"If-Range: {Date}\nRange: bytes=2-4", "partial 2-4" },
        { "13.1.5 If-Range holds for the date in another form",
            "If-Range: Sun Nov  6 08:49:37 1994\nRange: bytes=2-4", "partial 2-4" },
        { "13.1.5 If-Range fails for a later date", $"If-Range: {Later}\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range fails for an earlier date", $"If-Range: {Earlier}\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range that is neither tag nor date fails", "If-Range: v1\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range is no list", "If-Range: 'x', 'v1'\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range knows no *", "If-Range: *\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range twice fails", "If-Range: 'v1'\nIf-Range: 'v1'\nRange: bytes=2-4", "full" },
        { "13.1.5 If-Range empty fails", "If-Range: \nRange: bytes=2-4", "full" },
        { "13.1.5 a Range that If-Range takes away is not unsatisfiable", "If-Range: 'x'\nRange: bytes=99-", "full" },
        { "13.1.5 If-Range that holds leaves an unsatisfiable one", "If-Range: 'v1'\nRange: bytes=99-",
            "range_not_satisfiable" },
    };

    public static TheoryData<string, string, bool> Lists => new()
    {
        { "a comma within quotes belongs to the tag", "'a,v1'", false },
        { "after a tag with a comma the list goes on", "'a,b', 'v1'", true },
        { "what is beyond ASCII may be in a tag", "'\u00E9\uD83D', 'v1'", true },
        { "a backslash escapes nothing", "'a\\', 'v1'", true },
        { "empty elements do not count", ", ,'x',,\t'v1',", true },
        { "no whitespace is needed", "'x','v1'", true },
        { "several lines are one list: the last of them", "'x'\nIf-None-Match: 'v1'", true },
        { "several lines are one list: the first of them", "'v1'\nIf-None-Match: 'x'", true },
        { "whitespace around the list is none of it", " \t'v1' ", true },
        { "* has whitespace around it too", " * ", true },
        { "* is no member of a list", "*, 'x'", false },
        { "* comes once", "*\nIf-None-Match: *", false },
        { "a tag has quotes", "v1", false },
        { "a tag ends with a quote", "'v1", false },
        { "a tag has no space", "'x y', 'v1'", false },
        { "a tag has no control character", "'x\x7f', 'v1'", false },
        { "the mark of weakness is a capital", "w/'v1'", false },
        { "no space follows the mark of weakness", "W/ 'v1'", false },
        { "commas part tags", "'x' 'v1'", false },
        { "one malformed element spoils the list", "'v1', x", false },
        { "one malformed line spoils the list", "'v1'\nIf-None-Match: x", false },
        { "nothing follows a tag", "'v1'x", false },
    };

    public static TheoryData<string, string?> Dates => new()
    {
        { "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06 08:49:37" },
        { "Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06 08:49:37" },
        { "Sun Nov  6 08:49:37 1994", "1994-11-06 08:49:37" },
        { "Sun Nov 06 08:49:37 1994", "1994-11-06 08:49:37" },
        { "Wed Nov 16 08:49:37 1994", "1994-11-16 08:49:37" },
        { "Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29 00:00:00" },
        { "Mon, 06 Nov 1994 08:49:37 GMT", "1994-11-06 08:49:37" }, // the day's name is not compared
        { "Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01 00:00:00" },
        { "Sunday, 06-Nov-44 08:49:37 GMT", "2044-11-06 08:49:37" }, // fifty years on, and one second more
        { "Sunday, 06-Nov-44 08:49:38 GMT", "1944-11-06 08:49:38" },
        { "Sunday, 06-Nov-45 08:49:37 GMT", "1945-11-06 08:49:37" },
        { "Thu, 29 Feb 2023 00:00:00 GMT", null },
        { "Thu, 31 Apr 2024 00:00:00 GMT", null },
        { "Thu, 00 Apr 2024 00:00:00 GMT", null },
        { "Sun, 06 Nov 0000 08:49:37 GMT", null },
        { "Sun, 06 Nov 1994 24:00:00 GMT", null },
        { "Sun, 06 Nov 1994 08:60:00 GMT", null },
        { "Sun, 06 Nov 1994 08:49:60 GMT", null },
        { "sun, 06 Nov 1994 08:49:37 GMT", null },
        { "Sun, 06 NOV 1994 08:49:37 GMT", null },
        { "Sun, 06 Nov 1994 08:49:37 gmt", null },
        { "Sun, 06 Nov 1994 08:49:37 UTC", null },
        { "Sun, 06 Nov 1994 08:49:37 +0000", null },
        { "Sun, 6 Nov 1994 08:49:37 GMT", null },
        { "Sun,  6 Nov 1994 08:49:37 GMT", null },
        { "Sun, 06 Nov 94 08:49:37 GMT", null },
        { "Sun, 06-Nov-94 08:49:37 GMT", null },
        { "Sunday, 06 Nov 1994 08:49:37 GMT", null },
        { "Son, 06 Nov 1994 08:49:37 GMT", null },
        { "Sun Nov 6 08:49:37 1994", null },
        { "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT", null },
        { "1994-11-06T08:49:37Z", null },
        { "784111777", null },
        { "", null },
    };

    [Theory]
    [MemberData(nameof(Preconditions))]
    public void preconditions_are_evaluated_as_section_13_says(string rule, string request, string selected) =>
        Evaluate(request, Stored).ShouldBe(selected, rule);

    [Theory]
    [MemberData(nameof(Ranges))]
    public void ranges_are_selected_as_section_14_says(string rule, string request, string selected) =>
        Evaluate(request, Stored).ShouldBe(selected, rule);

    [Theory]
    [MemberData(nameof(Lists))]
    public void lists_of_entity_tags_are_read_as_section_8_8_3_says(string rule, string list, bool isHit) =>
        Evaluate($"If-None-Match: {list}", Stored).ShouldBe(isHit ? "not_modified" : "full", rule);

    [Theory]
    [MemberData(nameof(Dates))]
    public void dates_are_read_as_section_5_6_7_says(string text, string? expected) =>
        (HttpDate.Parse(text, Modified) is { } seconds
            ? $"{DateTimeOffset.FromUnixTimeSeconds(seconds):yyyy-MM-dd HH:mm:ss}"
            : null).ShouldBe(expected);

    [Theory]
    [InlineData("Range: bytes=0-")]
    [InlineData("Range: bytes=5-9")]
    [InlineData("Range: bytes=-3")]
    [InlineData("Range: bytes=-0")]
    public void of_an_empty_file_every_range_is_ignored(string request) =>
        Evaluate(request, Stored with { Length = 0 }).ShouldBe("full");

    [Fact]
    public void the_last_byte_of_the_longest_file_there_can_be_is_found() =>
        Evaluate($"Range: bytes={long.MaxValue - 1}-", Stored with { Length = long.MaxValue })
            .ShouldBe($"partial {long.MaxValue - 1}-{long.MaxValue - 1}");

    [Fact]
    public void fractions_of_a_second_do_not_count_since_no_date_can_name_them()
    {
        var stored = Stored with { LastModified = Modified.AddTicks(9_999_999) };

        Evaluate($"If-Modified-Since: {Date}", stored).ShouldBe("not_modified");
        Evaluate($"If-Unmodified-Since: {Date}", stored).ShouldBe("full");
        Evaluate($"If-Range: {Date}\nRange: bytes=2-4", stored).ShouldBe("partial 2-4");
    }

    [Fact]
    public void a_year_of_two_digits_is_read_at_the_ends_of_the_calendar_too()
    {
        foreach (var reference in new[] { DateTimeOffset.MinValue, DateTimeOffset.MaxValue, Modified })
        {
            for (var year = 0; year < 100; year++)
            {
                Should.NotThrow(() => HttpDate.Parse($"Sunday, 29-Feb-{year:00} 23:59:60 GMT", reference));
            }
        }
    }

    [Fact]
    public void nothing_is_allocated_however_many_ranges_and_tags_are_sent()
    {
        HeaderDictionary[] requests =
        [
            [],
            new() { ["Range"] = "bytes=0-4", ["If-Range"] = Date, ["If-Modified-Since"] = Earlier },
            new() { ["Range"] = "bytes=" + string.Join(",", Enumerable.Repeat("0-1", 10_000)) },
            new() { ["Range"] = "bytes=" + new string(',', 30_000) + "0-1" },
            new() { ["Range"] = "bytes=0-" + new string('9', 30_000) },
            new() { ["If-None-Match"] = string.Join(",", Enumerable.Repeat("\"x\"", 10_000)) },
        ];
        requests.Select(Allocated).ShouldAllBe(bytes => bytes == 0);
    }

    [Fact]
    public void the_words_of_a_selection_are_settled() =>
        Enum.GetValues<DownloadSelection>().Select(s => s.Word())
            .ShouldBe(["full", "partial", "not_modified", "precondition_failed", "range_not_satisfiable"]);

    private static long Allocated(HeaderDictionary headers)
    {
        ConditionalRequest.Evaluate("GET", headers, Stored);
        var before = GC.GetAllocatedBytesForCurrentThread();
        ConditionalRequest.Evaluate("GET", headers, Stored);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // Fails too where the positions are not those of the answer: the file's for the whole, none for nothing.
    private static string Evaluate(string request, Representation stored)
    {
        var (method, headers) = HeaderText.Read(request.Replace('\'', '"'));
        var selected = ConditionalRequest.Evaluate(method, headers, stored);
        if (selected.Kind != DownloadSelection.Partial)
        {
            selected.First.ShouldBe(0);
            selected.Length.ShouldBe(selected.Kind == DownloadSelection.Full ? stored.Length : 0);
            return selected.Kind.Word();
        }

        return $"partial {selected.First}-{selected.Last}";
    }
}
