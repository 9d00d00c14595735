using System.Globalization;
using System.Text;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Validation;
using FsCheck.Xunit;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class XlsxReportTests
{
    [Fact]
    public async Task a_report_without_rows_is_one_sheet_with_a_header()
    {
        var book = await Workbook.Of(rightToLeft: false);
        book.SheetNames.ShouldBe(["Transactions"]);
        book.Rows(1).Count.ShouldBe(1);
        book.Rows(1)[0].Keys.ShouldBe(["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"]);
        book.Rows(1)[0]["K"].Text.ShouldBe("net_amount");
    }

    [Fact]
    public async Task a_workbook_is_valid_by_the_schemas_of_office_open_xml()
    {
        var rows = A.HostileTexts.Select(text => A.Payment(customer: text)).ToArray();
        using var file = new MemoryStream(await A.Xlsx(rightToLeft: true, rowsPerSheet: 10, rows));
        using var document = SpreadsheetDocument.Open(file, isEditable: false);
        document.WorkbookPart!.WorksheetParts.Count().ShouldBe(3);
        new OpenXmlValidator(FileFormatVersions.Microsoft365).Validate(document, TestContext.Current.CancellationToken)
            .Select(error => $"{error.Part?.Uri} {error.Path?.XPath}: {error.Description}")
            .ShouldBeEmpty();
    }

    [Fact]
    public async Task the_header_is_bold_and_stays_in_view()
    {
        var book = await Workbook.Of(rightToLeft: false, A.Payment());
        book.Rows(1)[0].Values.ShouldAllBe(cell => book.IsBold(cell));
        book.Rows(1)[1].Values.ShouldAllBe(cell => !book.IsBold(cell));
        book.Pane(1).ShouldBe(("1", "frozen"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task every_sheet_runs_in_the_direction_that_is_asked_for(bool rightToLeft)
    {
        var book = await Workbook.OfSheets(rightToLeft, rowsPerSheet: 1, A.Payment(), A.Payment(id: "pay_2"));
        book.IsRightToLeft(1).ShouldBe(rightToLeft);
        book.IsRightToLeft(2).ShouldBe(rightToLeft);
    }

    [Theory]
    [InlineData("JPY", "1200", "0")]
    [InlineData("USD", "1200.00", "0.00")]
    [InlineData("KWD", "1200.000", "0.000")]
    [InlineData("CLF", "1200.0000", "0.0000")]
    public async Task an_amount_is_a_number_in_the_format_of_its_currency(string currency, string value, string format)
    {
        var book = await Workbook.Of(rightToLeft: false, A.Payment(currency, 1200, 0));
        var cell = book.Rows(1)[1]["I"];
        cell.Type.ShouldBeNull("a cell without a type is a number");
        cell.Value.ShouldBe(value);
        book.Format(cell).ShouldBe(format);
    }

    [Fact]
    public async Task a_time_is_a_date_of_the_spreadsheet_in_the_zone_of_the_report()
    {
        var book = await Workbook.Of(rightToLeft: false, A.Payment());
        var cell = book.Rows(1)[1]["B"];
        cell.Type.ShouldBeNull();
        book.Format(cell).ShouldBe(@"yyyy\-mm\-dd\ hh:mm:ss");
        DateTime.FromOADate(double.Parse(cell.Value!, CultureInfo.InvariantCulture))
            .ShouldBe(new DateTime(2026, 3, 1, 0, 30, 15, 250, DateTimeKind.Unspecified));
    }

    [Fact]
    public async Task text_is_text_and_never_a_formula()
    {
        var rows = A.HostileTexts.Select(text => A.Payment(customer: text)).ToArray();
        var book = await Workbook.Of(rightToLeft: true, rows);
        book.Elements(1, "f").ShouldBe(0);
        var texts = book.Rows(1).Skip(1).Select(row => row.TryGetValue("F", out var cell) ? cell.Text : "");
        texts.ShouldBe(A.HostileTexts);
        book.IsQuoted(book.Rows(1)[1]["F"]).ShouldBeTrue();
        book.IsQuoted(book.Rows(1)[1]["E"]).ShouldBeFalse();
    }

    [Fact]
    public async Task rows_past_the_limit_go_to_further_sheets_with_a_header_of_their_own()
    {
        var rows = Enumerable.Range(1, 7).Select(n => A.Payment(id: $"pay_{n}")).ToArray();
        var book = await Workbook.OfSheets(rightToLeft: false, rowsPerSheet: 3, rows);
        book.SheetNames.ShouldBe(["Transactions", "Transactions 2", "Transactions 3"]);
        Enumerable.Range(1, 3).SelectMany(sheet => book.Rows(sheet).Skip(1)).Select(row => row["A"].Text)
            .ShouldBe(rows.Select(row => row.Id));
        Enumerable.Range(1, 3).ShouldAllBe(sheet => book.Rows(sheet)[0]["A"].Text == "transaction_id");
    }

    [Fact]
    public async Task a_full_sheet_is_not_followed_by_an_empty_one()
    {
        var rows = Enumerable.Range(1, 3).Select(n => A.Payment(id: $"pay_{n}")).ToArray();
        (await Workbook.OfSheets(rightToLeft: false, rowsPerSheet: 3, rows)).SheetNames.Count.ShouldBe(1);
    }

    [Fact]
    public async Task the_same_rows_give_the_same_bytes()
    {
        var rows = Enumerable.Range(1, 5000).Select(n => A.Payment(id: $"pay_{n}")).ToArray();
        var first = await A.Xlsx(rightToLeft: true, rowsPerSheet: 2000, rows);
        // The clock of a zip archive ticks every two seconds.
        await Task.Delay(TimeSpan.FromSeconds(2.1), TestContext.Current.CancellationToken);
        (await A.Xlsx(rightToLeft: true, rowsPerSheet: 2000, rows)).ShouldBe(first);
    }

    [Property(MaxTest = 300)]
    public void any_text_comes_back_as_it_was(string? text)
    {
        var customer = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
        var book = Workbook.Of(rightToLeft: false, A.Payment(customer: customer)).GetAwaiter().GetResult();
        var row = book.Rows(1)[1];
        (row.TryGetValue("F", out var cell) ? cell.Text : "").ShouldBe(customer);
    }
}
