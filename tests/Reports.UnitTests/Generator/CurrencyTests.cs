using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class CurrencyTests
{
    [Theory]
    [InlineData("JPY", 0)]
    [InlineData("KRW", 0)]
    [InlineData("USD", 2)]
    [InlineData("EUR", 2)]
    [InlineData("SAR", 2)]
    [InlineData("KWD", 3)]
    [InlineData("BHD", 3)]
    [InlineData("TND", 3)]
    [InlineData("CLF", 4)]
    public void a_currency_has_the_decimals_of_iso_4217(string code, int exponent) =>
        Currencies.ExponentOf(code).ShouldBe(exponent);

    [Theory]
    [InlineData("usd")]
    [InlineData("XXX")]
    [InlineData("DEM")]
    [InlineData("")]
    public void what_is_no_active_currency_is_unknown(string code) =>
        Currencies.TryGetExponent(code, out _).ShouldBeFalse();

    [Fact]
    public void every_code_is_three_capitals()
    {
        Currencies.Codes.ShouldAllBe(code => code.Length == 3 && code.All(char.IsAsciiLetterUpper));
        Currencies.Codes.Count.ShouldBeGreaterThan(150);
    }
}
