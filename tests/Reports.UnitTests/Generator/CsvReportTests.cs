using System.Globalization;
using System.Text;
using CsvHelper;
using FsCheck.Xunit;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class CsvReportTests
{
    private const string Header =
        "transaction_id,occurred_at,type,original_transaction_id,order_reference,customer_name,payment_method,currency,"
        + "gross_amount,fee_amount,net_amount\r\n";

    private const string Row =
        "pay_1,2026-03-01T00:30:15.250+03:00,payment,,ORD-1,Omar Haddad,KNET,KWD,12.345,-0.111,12.234";

    [Fact]
    public async Task a_report_without_rows_is_its_header() => (await A.CsvText()).ShouldBe(Header);

    [Fact]
    public async Task a_row_is_written_in_the_zone_of_the_report_with_the_decimals_of_its_currency() =>
        (await A.CsvText(A.Payment())).ShouldBe(
            $"{Header}{Row}\r\n");

    [Theory]
    [InlineData("JPY", "1200", "-39", "1161")]
    [InlineData("USD", "1200.00", "-39.00", "1161.00")]
    [InlineData("BHD", "1200.000", "-39.000", "1161.000")]
    [InlineData("CLF", "1200.0000", "-39.0000", "1161.0000")]
    public async Task an_amount_has_as_many_decimals_as_its_currency(
        string currency, string gross, string fee, string net) =>
        (await A.CsvText(A.Payment(currency, 1200, -39))).ShouldEndWith($",{currency},{gross},{fee},{net}\r\n");

    [Fact]
    public async Task a_negative_number_is_not_neutralised() =>
        (await A.CsvText(A.Payment(gross: -5m, fee: 0m))).ShouldEndWith(",-5.000,0.000,-5.000\r\n");

    [Theory]
    [InlineData("=1+1", ",'=1+1,")]
    [InlineData("+965 5555", ",'+965 5555,")]
    [InlineData("-1", ",'-1,")]
    [InlineData("@SUM(A1)", ",'@SUM(A1),")]
    [InlineData("\tx", ",'\tx,")]
    [InlineData("\rx", ",\"'\rx\",")]
    [InlineData("\nx", ",\"'\nx\",")]
    [InlineData("\0x", ",'\0x,")]
    [InlineData("＝1", ",'＝1,")]
    [InlineData("＋1", ",'＋1,")]
    [InlineData("－1", ",'－1,")]
    [InlineData("＠x", ",'＠x,")]
    [InlineData("=a,\"b\"", ",\"'=a,\"\"b\"\"\",")]
    public async Task text_that_looks_like_a_formula_gets_an_apostrophe(string customer, string cell) =>
        (await A.CsvText(A.Payment(customer: customer))).ShouldContain($",ORD-1{cell}KNET,");

    [Theory]
    [InlineData("a,b", ",\"a,b\",")]
    [InlineData("a\"b", ",\"a\"\"b\",")]
    [InlineData("a\nb", ",\"a\nb\",")]
    [InlineData("a\rb", ",\"a\rb\",")]
    [InlineData("a=b", ",a=b,")]
    public async Task a_field_is_quoted_where_it_must_be(string customer, string cell) =>
        (await A.CsvText(A.Payment(customer: customer))).ShouldContain($",ORD-1{cell}KNET,");

    [Fact]
    public async Task the_byte_order_mark_is_written_only_when_asked_for()
    {
        (await A.Csv(byteOrderMark: true)).ShouldBe([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Header)]);
        (await A.Csv(byteOrderMark: false)).ShouldBe(Encoding.UTF8.GetBytes(Header));
    }

    [Fact]
    public async Task another_culture_does_not_change_the_numbers()
    {
        var culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("ar-KW");
            (await A.CsvText(A.Payment())).ShouldBe($"{Header}{Row}\r\n");
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    [Fact]
    public async Task hostile_text_comes_back_as_it_was_but_for_the_apostrophe()
    {
        var rows = A.HostileTexts.Select(text => A.Payment(customer: text)).ToArray();
        var file = await A.Csv(byteOrderMark: true, rows);
        using var csv = CsvReader.Create(file, new CsvReaderOptions { Separator = ',' });
        foreach (var text in A.HostileTexts)
        {
            csv.Read().ShouldBeTrue();
            csv.GetString("customer_name").TrimStart('\'').ShouldBe(text.TrimStart('\''));
            csv.FieldCount.ShouldBe(11);
        }

        csv.Read().ShouldBeFalse();
    }

    [Property(MaxTest = 300)]
    public void any_text_stays_in_its_cell(string? text)
    {
        // A lone surrogate is no text; the writer replaces it.
        var customer = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
        var file = A.Csv(byteOrderMark: false, A.Payment(customer: customer)).GetAwaiter().GetResult();
        using var csv = CsvReader.Create(file, new CsvReaderOptions { Separator = ',' });
        csv.Read().ShouldBeTrue();
        csv.GetString("customer_name").ShouldBeOneOf(customer, $"'{customer}");
        csv.GetString("currency").ShouldBe("KWD");
        csv.Read().ShouldBeFalse();
    }
}
