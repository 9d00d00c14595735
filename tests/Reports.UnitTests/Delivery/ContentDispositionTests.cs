using System.Net.Http.Headers;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class ContentDispositionTests
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
    public void a_name_of_four_thousand_characters_is_cut() =>
        ContentDisposition.Attachment(new string('é', 4096)).Length.ShouldBeLessThan(2000);
}
