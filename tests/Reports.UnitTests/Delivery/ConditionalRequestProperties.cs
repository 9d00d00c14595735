using System.Globalization;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Fuzz;
using Shouldly;

namespace Reports.UnitTests.Delivery;

/// <summary>What holds of every request, compared with a model that was written another way.</summary>
public sealed class ConditionalRequestProperties
{
    private const string Tag = "\"v1\"";
    private static readonly string[] Fields =
        ["If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "If-Range", "Range"];

    [Property(MaxTest = 5_000)]
    public Property what_is_selected_is_what_an_independent_model_selects() => Prop.ForAll(
        Requests().ToArbitrary(),
        request =>
        {
            var selected = ConditionalRequest.Evaluate(request.Method, request.Headers, request.Stored);

            (selected.Kind, (BigInteger)selected.First, (BigInteger)selected.Last)
                .ShouldBe(ConditionalModel.Evaluate(request.Method, request.Headers, request.Stored));
        });

    [Property(MaxTest = 300)]
    public void parts_under_one_tag_that_cover_a_file_make_it_again(byte[] file, (ushort, ushort)[] asked)
    {
        var stored = new Representation(Tag, DateTimeOffset.UnixEpoch, file.Length);
        var made = new byte?[file.Length];
        void Ask(string range)
        {
            var headers = new HeaderDictionary { ["Range"] = range, ["If-Range"] = Tag };
            var selected = ConditionalRequest.Evaluate("GET", headers, stored);
            if (selected.Kind == DownloadSelection.Partial)
            {
                var part = file.AsSpan((int)selected.First, (int)selected.Length);
                for (var i = 0; i < part.Length; i++)
                {
                    made[selected.First + i] = part[i];
                }
            }
        }

        foreach (var (first, length) in asked)
        {
            var from = first % (file.Length + 2);
            Ask($"bytes={from}-{from + length % 20}");
        }

        // A client asks for the first gap until there is none, and each answer must close it.
        for (var gap = Array.IndexOf(made, null); gap >= 0; gap = Array.IndexOf(made, null, gap))
        {
            var end = Array.FindIndex(made, gap, b => b is not null);
            Ask(end < 0 ? $"bytes={gap}-" : $"bytes={gap}-{end - 1}");
            made[gap].ShouldNotBeNull();
        }

        made.ShouldBe(file.Select(b => (byte?)b));
    }

    [Property(MaxTest = 2_000)]
    public void no_text_whatever_throws_or_selects_what_is_not_there(
        string? method, string?[] one, string?[] two, string?[] three, ulong size)
    {
        var stored = new Representation(Tag, DateTimeOffset.UnixEpoch, (long)(size % long.MaxValue));
        var headers = new HeaderDictionary();
        foreach (var (i, name) in Fields.Index())
        {
            headers[name] = new StringValues((i % 3) switch { 0 => one, 1 => two, _ => three });
        }

        var selected = ConditionalRequest.Evaluate(method ?? "GET", headers, stored);

        selected.First.ShouldBeInRange(0, Math.Max(0, stored.Length - 1));
        selected.Last.ShouldBeInRange(selected.First - 1, stored.Length - 1);
    }

    private sealed record Request(string Method, HeaderDictionary Headers, Representation Stored)
    {
        public override string ToString() =>
            $"{Method} of {Stored}: {System.Text.Json.JsonSerializer.Serialize(Headers)}";
    }

    private static Gen<Request> Requests() =>
        from method in Gen.Frequency(
            (8, Gen.Constant("GET")), (2, Gen.Constant("HEAD")), (1, Gen.Elements("get", "PUT", "OPTIONS", "")))
        from length in Gen.OneOf(Gen.Choose(0, 12).Select(n => (long)n), Gen.Elements(0, long.MaxValue, 1L << 40))
        from seconds in Gen.Choose(0, int.MaxValue)
        from fraction in Gen.Choose(0, 9_999_999)
        let modified = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(fraction)
        from fields in Gen.CollectToArray(Fields.Select(name => Lines(name, modified, length)))
        select new Request(method, Headers(fields), new Representation(Tag, modified, length));

    private static HeaderDictionary Headers(string[][] fields)
    {
        var headers = new HeaderDictionary();
        foreach (var (name, lines) in Fields.Zip(fields))
        {
            headers[name] = new StringValues(lines);
        }

        return headers;
    }

    // A field is mostly absent or one line, sometimes more; Range is mostly there.
    private static Gen<string[]> Lines(string name, DateTimeOffset modified, long length)
    {
        var value = name switch
        {
            "If-Match" or "If-None-Match" => TagLists(),
            "If-Range" => Gen.OneOf(Tags(), Dates(modified), TagLists()),
            "Range" => Ranges(length),
            _ => Dates(modified),
        };
        var line = Gen.Frequency((6, value), (1, value.SelectMany(Mutated)));
        return Gen.Frequency(
            (name == "Range" ? 1 : 6, Gen.Constant(Array.Empty<string>())), (4, line.ArrayOf(1)), (1, line.ArrayOf(2)));
    }

    private static Gen<string> TagLists() => Gen.Frequency(
        (1, Gen.Constant("*")),
        (5, from count in Gen.Choose(0, 3)
            from tags in Tags().ArrayOf(count)
            from comma in Gen.Elements(",", ", ", " ,\t", ",,", " , ,")
            select string.Join(comma, tags)));

    private static Gen<string> Tags() => Gen.Elements(
        Tag, Tag, "W/" + Tag, "w/" + Tag, "\"x\"", "\"a,v1\"", "\"\"", "W/\"\"", "\"é\\\"", "\"x y\"",
        "\"v1W/\"", "v1", "");

    private static Gen<string> Dates(DateTimeOffset modified) =>
        from offset in Gen.Frequency((3, Gen.Choose(-1, 1)), (1, Gen.Choose(int.MinValue, int.MaxValue)))
        from format in Gen.Elements(
            "r", "dddd, dd-MMM-yy HH:mm:ss 'GMT'", "ddd MMM dd HH:mm:ss yyyy", "ddd MMM  d HH:mm:ss yyyy")
        select modified.UtcDateTime.AddSeconds(offset).ToString(format, CultureInfo.InvariantCulture);

    private static Gen<string> Ranges(long length)
    {
        var near = Gen.Choose(-3, 3).Select(n => BigInteger.Max(0, length + n));
        var large = Gen.Choose(0, 3).Select(n => BigInteger.Pow(2, 64) + n);
        var number =
            from value in Gen.OneOf(Gen.Choose(0, 12).Select(n => new BigInteger(n)), near, large)
            from zeros in Gen.Frequency((5, Gen.Constant("")), (1, Gen.Elements("0", "0000000000000000000000")))
            select zeros + value;
        var range = Gen.Frequency(
            (4, from first in number from last in number select $"{first}-{last}"),
            (2, number.Select(n => $"{n}-")),
            (2, number.Select(n => $"-{n}")),
            (1, Gen.Elements("", "-", "1", "a-b", "1 -2")));
        return from unit in Gen.Frequency(
                   (8, Gen.Constant("bytes=")), (1, Gen.Elements("Bytes=", "items=", "bytes", "= ")))
               from count in Gen.Frequency((6, Gen.Constant(1)), (1, Gen.Choose(0, 3)))
               from ranges in range.ArrayOf(count)
               from comma in Gen.Elements(",", ", ", "\t,", ",,")
               from end in Gen.Frequency((8, Gen.Constant("")), (1, Gen.Elements(",", " ,", " ")))
               select unit + string.Join(comma, ranges) + end;
    }

    private static Gen<string> Mutated(string text) =>
        from at in Gen.Choose(0, text.Length)
        from removed in Gen.Choose(0, Math.Min(3, text.Length - at))
        from inserted in Gen.Elements(
            "", " ", "\t", ",", "\"", "0", "9", "-", "=", "*", "W/", "é", "\0", "\uD83D", "GMT")
        select text.Remove(at, removed).Insert(at, inserted);
}
