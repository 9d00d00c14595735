using System.Text;
using CsvHelper;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Validation;
using Reports.Contracts;
using Reports.Generator;
using Reports.Generator.Files;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class ReportColumnsTests
{
    private static readonly ReportLayout Everything = new(Columns: ReportColumnNames.All);

    private static readonly Transaction Refund = A.Payment(id: "ref_1", gross: -1m, fee: 0m) with
    {
        Type = TransactionType.Refund,
        OriginalId = "pay_1",
    };

    [Fact]
    public void every_column_that_a_request_can_name_is_there() =>
        ReportColumns.All.Select(column => column.Name).ShouldBe(ReportColumnNames.All);

    [Fact]
    public void every_label_is_there_once_in_its_own_script()
    {
        ReportColumns.All.Select(column => column.English).ShouldBeUnique();
        ReportColumns.All.Select(column => column.Arabic).ShouldBeUnique();
        ReportColumns.All.ShouldAllBe(column => column.English.All(c => char.IsAsciiLetter(c) || c == ' '));
        ReportColumns.All.ShouldAllBe(column => column.Arabic.All(c => c == ' ' || (c >= '\u0621' && c <= '\u064A')));
    }

    [Fact]
    public void the_page_of_the_columns_shows_every_label()
    {
        var page = File.ReadAllText(Path.Combine(Checkout(), "docs/report-columns.md"));
        foreach (var column in ReportColumns.All)
        {
            page.ShouldContain($"| `{column.Name}` | {column.English} | {column.Arabic} |");
        }
    }

    [Fact]
    public async Task columns_come_as_they_are_asked_for() =>
        (await A.CsvText(new ReportLayout(Columns: ["net_amount", "transaction_id", "type"]), A.Payment()))
            .ShouldBe("net_amount,transaction_id,type\r\n12.234,pay_1,payment\r\n");

    [Fact]
    public async Task without_a_choice_the_standard_columns_come() =>
        (await A.Csv(new ReportLayout(Columns: ReportColumnNames.Standard), A.Payment()))
            .ShouldBe(await A.Csv(new ReportLayout(), A.Payment()));

    [Fact]
    public async Task a_workbook_has_the_same_columns_with_a_width_for_each()
    {
        var layout = new ReportLayout(Columns: ["net_amount", "order_reference", "currency"]);
        var book = await Workbook.Of(layout, A.Payment());
        book.Rows(1)[0].Values.Select(cell => cell.Text).ShouldBe(["net_amount", "order_reference", "currency"]);
        book.Rows(1)[1].ToDictionary(cell => cell.Key, cell => cell.Value.Text ?? cell.Value.Value).ShouldBe(
            new Dictionary<string, string?> { ["A"] = "12.234", ["B"] = "ORD-1", ["C"] = "KWD" }, ignoreOrder: true);
        book.Widths(1).ShouldBe([("1", "1", "15"), ("2", "2", "22"), ("3", "3", "15")]);
    }

    [Theory]
    [InlineData("The column 'margin' is not known.", "currency", "margin")]
    [InlineData("The column 'Currency' is not known.", "Currency")]
    [InlineData("The column '' is not known.", "")]
    [InlineData("The column '' is not known.", null)]
    [InlineData("The column 'type' is asked for twice.", "type", "currency", "type")]
    [InlineData("A report needs at least one column.")]
    public void what_is_no_choice_of_columns_is_refused(string message, params string[]? columns)
    {
        var refusal = Should.Throw<GenerationRefusedException>(
            () => ReportTable.Of(new ReportLayout(Columns: columns ?? [null!])));
        refusal.Code.ShouldBe("unknown_column");
        refusal.Message.ShouldBe(message);
    }

    [Fact]
    public async Task the_header_is_in_the_language_that_is_asked_for()
    {
        (await A.CsvText(Everything with { Locale = ReportLocale.En }, A.Payment() with { Refunded = 0, Voided = 0 }))
            .ShouldBe(
                "Transaction ID,Date and time,Type,Original transaction ID,Order reference,Customer name,"
                + "Payment method,Currency,Gross amount,Fee amount,Net amount,Refunded amount,Voided amount\r\n"
                + "pay_1,2026-03-01T00:30:15.250+03:00,payment,,ORD-1,Omar Haddad,KNET,KWD,12.345,-0.111,12.234,"
                + "0.000,0.000\r\n");
        (await A.CsvText(new ReportLayout(Locale: ReportLocale.Ar, Columns: ["type", "net_amount"]), A.Payment()))
            .ShouldBe("نوع المعاملة,المبلغ الصافي\r\npayment,12.234\r\n");
    }

    [Fact]
    public async Task each_sheet_has_the_labels_of_the_language()
    {
        var layout = new ReportLayout(RightToLeft: true, Locale: ReportLocale.Ar);
        var book = new Workbook(await A.Xlsx(layout, rowsPerSheet: 1, A.Payment(), Refund));
        book.SheetNames.Count.ShouldBe(2);
        for (var sheet = 1; sheet <= 2; sheet++)
        {
            book.Rows(sheet)[0].Values.Select(cell => cell.Text)
                .ShouldBe(ReportColumns.All.Take(11).Select(column => column.Arabic));
            book.Rows(sheet)[0].Values.ShouldAllBe(cell => book.IsBold(cell));
        }

        book.Rows(1)[1]["C"].Text.ShouldBe("payment");
    }

    [Theory]
    [InlineData("JPY", "1200", "0")]
    [InlineData("USD", "1200.00", "0.00")]
    [InlineData("KWD", "1200.000", "0.000")]
    public async Task what_was_given_back_has_the_decimals_of_its_currency_or_is_empty(
        string currency, string refunded, string voided)
    {
        var layout = new ReportLayout(Columns: ["transaction_id", "refunded_amount", "voided_amount"]);
        var payment = A.Payment(currency) with { Refunded = 1200m, Voided = 0.0000m };
        (await A.CsvText(layout, payment, Refund)).ShouldEndWith($"pay_1,{refunded},{voided}\r\nref_1,,\r\n");

        var book = await Workbook.Of(layout, payment, Refund);
        book.Rows(1)[1]["B"].Type.ShouldBeNull("a cell without a type is a number");
        book.Rows(1)[1]["B"].Value.ShouldBe(refunded);
        book.Rows(1)[1]["C"].Value.ShouldBe(voided);
        book.Rows(1)[2].Keys.ShouldBe(["A"]);
    }

    [Theory]
    [InlineData("refunded_amount")]
    [InlineData("original_transaction_id")]
    public async Task a_lone_empty_cell_is_no_empty_line(string column)
    {
        var file = await A.Csv(new ReportLayout(Columns: [column]), A.Payment(), A.Payment());
        Encoding.UTF8.GetString(file).ShouldBe($"{column}\r\n\"\"\r\n\"\"\r\n");
        using var csv = CsvReader.Create(file, new CsvReaderOptions { Separator = ',' });
        csv.Read().ShouldBeTrue();
        csv.Read().ShouldBeTrue();
        csv.Read().ShouldBeFalse();
    }

    [Fact]
    public async Task a_workbook_of_every_column_is_valid_by_the_schemas_of_office_open_xml()
    {
        var layout = Everything with { RightToLeft = true, Locale = ReportLocale.Ar };
        using var file = new MemoryStream(
            await A.Xlsx(layout, rowsPerSheet: 10, A.Payment() with { Refunded = 1, Voided = 0 }, Refund));
        using var document = SpreadsheetDocument.Open(file, isEditable: false);
        new OpenXmlValidator(FileFormatVersions.Microsoft365).Validate(document, TestContext.Current.CancellationToken)
            .Select(error => $"{error.Part?.Uri} {error.Path?.XPath}: {error.Description}")
            .ShouldBeEmpty();
    }

    private static string Checkout()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Reports.sln")))
        {
            directory = directory.Parent!;
        }

        return directory.FullName;
    }
}
