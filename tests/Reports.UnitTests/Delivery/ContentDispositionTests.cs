using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using FsCheck.Xunit;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed partial class ContentDispositionTests
{
    [Theory]
    [InlineData("settlement-2026-11-22.csv", "settlement-2026-11-22.csv", "settlement-2026-11-22.csv")]
    [InlineData("é\".csv", "__.csv", "é\".csv")]
    [InlineData("a;b,c.csv", "a;b,c.csv", "a;b,c.csv")]
    [InlineData("a\r\nSet-Cookie: x\0.csv", "a__Set-Cookie: x_.csv", "a__Set-Cookie: x_.csv")]
    [InlineData("..\\..\\x", "_.._x", "_.._x")]
    [InlineData("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd")]
    [InlineData("100%25.csv", "100_25.csv", "100%25.csv")]
    [InlineData("gpj.\u202Eexe.csv", "gpj._exe.csv", "gpj._exe.csv")]
    [InlineData("تقرير.csv", "_____.csv", "تقرير.csv")]
    [InlineData("😀.csv", "__.csv", "😀.csv")]
    [InlineData("...", "report", "report")]
    [InlineData("", "report", "report")]
    [InlineData("%41.csv", "_41.csv", "%41.csv")]
    [InlineData("x\"; filename=\"y.csv", "x_; filename=_y.csv", "x\"; filename=\"y.csv")]
    [InlineData("x'%20*=y.csv", "x'_20*=y.csv", "x'%20*=y.csv")]
    [InlineData("x\u2028\u200By.csv", "x__y.csv", "x__y.csv")]
    [InlineData("CON.csv", "_CON.csv", "_CON.csv")]
    [InlineData("com1", "_com1", "_com1")]
    [InlineData("lpt\u00B9.csv", "_lpt_.csv", "_lpt\u00B9.csv")]
    [InlineData("nul .csv", "_nul .csv", "_nul .csv")]
    [InlineData("CONTROL.csv", "CONTROL.csv", "CONTROL.csv")]
    public void hostile_names_make_a_valid_field(string name, string ascii, string real)
    {
        var field = ContentDisposition.Attachment(name);

        field.ShouldAllBe(c => c >= ' ' && c < '\x7f');
        var parsed = ContentDispositionHeaderValue.Parse(field);
        parsed.DispositionType.ShouldBe("attachment");
        parsed.FileName!.Trim('"').ShouldBe(ascii);
        parsed.FileNameStar.ShouldBe(real);
    }

    [Fact]
    public void half_a_character_is_replaced()
    {
        foreach (var half in "\uD83D\uDE00\uFFFD")
        {
            ContentDisposition.Attachment($"{half}.csv")
                .ShouldBe("attachment; filename=\"_.csv\"; filename*=UTF-8''_.csv");
        }
    }

    [Theory]
    [InlineData("é")]
    [InlineData("😀")]
    [InlineData("x😀")]
    [InlineData("%")]
    public void a_name_of_four_thousand_characters_is_cut_before_its_extension(string character)
    {
        var field = ContentDisposition.Attachment(string.Concat(Enumerable.Repeat(character, 4096)) + ".csv");

        field.Length.ShouldBeLessThan(2100);
        var parsed = ContentDispositionHeaderValue.Parse(field);
        parsed.FileName!.Trim('"').ShouldEndWith(".csv");
        parsed.FileNameStar.ShouldNotBeNull().ShouldEndWith(".csv");
        parsed.FileNameStar.ShouldNotContain("\uFFFD");
    }

    [Property(MaxTest = 500)]
    public void no_name_whatever_makes_an_invalid_field(string? name)
    {
        var field = ContentDisposition.Attachment(name ?? "");

        Field().IsMatch(field).ShouldBeTrue(field);
    }

    // Disposition type and each parameter once (RFC 6266 section 4.1); a plain name without quotes, backslashes and
    // percent signs (appendix D); an extended one of attr-chars and escapes (RFC 8187 section 3.2).
    [GeneratedRegex("""\Aattachment; filename="[ !#$&-\[\]-~]+"; """
        + """filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+\z""")]
    private static partial Regex Field();
}
