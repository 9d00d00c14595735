using System.Text;
using Reports.Generator;
using Reports.Generator.Import;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class ImportFileTests
{
    private const string Merchant = "0198c5a2-7b1e-7c3d-9f00-1234567890ab";
    private const string Good =
        $"pay_1,{Merchant},2026-03-01T09:15:30.250+03:00,payment,,ORD-1,Omar,KNET,KWD,12.345,-0.111";

    [Fact]
    public async Task a_good_row_is_read_as_it_is()
    {
        var (rows, errors) = await Read(Good);
        errors.ShouldBeEmpty();
        rows.ShouldBe([A.Payment() with
        {
            OccurredAt = new DateTimeOffset(2026, 3, 1, 6, 15, 30, 250, TimeSpan.Zero),
            CustomerName = "Omar",
        }]);
    }

    [Fact]
    public async Task a_byte_order_mark_is_not_taken_for_a_part_of_the_header()
    {
        var (rows, errors) = await ReadFile($"\uFEFF{TransactionImport.Header}\n{Good}\n");
        errors.ShouldBeEmpty();
        rows.Count.ShouldBe(1);
    }

    [Fact]
    public async Task columns_may_come_in_any_order()
    {
        var reversed = string.Join(',', Good.Split(',').Reverse());
        var header = string.Join(',', TransactionImport.Header.Split(',').Reverse());
        var (rows, errors) = await ReadFile($"{header}\n{reversed}\n");
        errors.ShouldBeEmpty();
        rows.Single().Id.ShouldBe("pay_1");
    }

    [Theory]
    [InlineData("transaction_id", "", "1 to 64 letters")]
    [InlineData("transaction_id", "-1", "1 to 64 letters")]
    [InlineData("transaction_id", "a b", "1 to 64 letters")]
    [InlineData("merchant_id", "17", "a UUID")]
    [InlineData("merchant_id", "00000000-0000-0000-0000-000000000000", "a UUID")]
    [InlineData("occurred_at", "2026-03-01", "with its offset")]
    [InlineData("occurred_at", "2026-03-01T09:15:30", "with its offset")]
    [InlineData("occurred_at", "2026-03-01 09:15:30+03:00", "with its offset")]
    [InlineData("occurred_at", "2026-02-30T09:15:30+03:00", "with its offset")]
    [InlineData("occurred_at", "2026-03-01T09:15:30.1234+03:00", "at most milliseconds")]
    [InlineData("occurred_at", "1999-03-01T09:15:30Z", "2000 to 2099")]
    [InlineData("type", "Payment", "one of payment, refund, void, fee")]
    [InlineData("original_transaction_id", "pay_0", "only a refund or a void has one")]
    [InlineData("currency", "kwd", "ISO 4217")]
    [InlineData("currency", "XYZ", "ISO 4217")]
    [InlineData("gross_amount", "12.3456", "at most 3 decimals (KWD)")]
    [InlineData("gross_amount", "1e3", "a number")]
    [InlineData("gross_amount", "\"1,000\"", "a number")]
    [InlineData("gross_amount", "١٢", "a number")]
    [InlineData("gross_amount", "", "a number")]
    [InlineData("gross_amount", "1000000000000000", "15 digits")]
    [InlineData("gross_amount", "0", "more than 0 for a payment")]
    [InlineData("fee_amount", "0.5", "0 or less for a payment")]
    public async Task a_wrong_value_is_told_by_line_and_column_with_what_is_expected(
        string column, string value, string expected)
    {
        var (rows, errors) = await Read(Good, With(column, value));
        rows.Count.ShouldBe(1);
        var error = errors.ShouldHaveSingleItem();
        error.Line.ShouldBe(3);
        error.Column.ShouldBe(column);
        error.Value.ShouldBe(value.Trim('"'));
        error.Expected.ShouldContain(expected);
    }

    [Theory]
    [InlineData("JPY", "1", true)]
    [InlineData("JPY", "1.0", false)]
    [InlineData("USD", "1.23", true)]
    [InlineData("USD", "1.234", false)]
    [InlineData("KWD", "1.234", true)]
    [InlineData("KWD", "1.2345", false)]
    [InlineData("CLF", "1.2345", true)]
    public async Task an_amount_may_have_the_decimals_of_its_currency(string currency, string gross, bool isGood)
    {
        var line = With("currency", currency).Replace("12.345,-0.111", $"{gross},0", StringComparison.Ordinal);
        (await Read(line)).Errors.Count.ShouldBe(isGood ? 0 : 1);
    }

    [Theory]
    [InlineData("refund", "", "-1", "0", "original_transaction_id")]
    [InlineData("refund", "pay_0", "1", "0", "gross_amount")]
    [InlineData("void", "pay_0", "0", "0", "gross_amount")]
    [InlineData("fee", "", "-1", "-1", "gross_amount")]
    [InlineData("fee", "", "0", "0", "fee_amount")]
    [InlineData("refund", "pay_0", "-1", "-0.5", null)]
    [InlineData("void", "pay_0", "-1", "0.5", null)]
    [InlineData("fee", "", "0", "-1", null)]
    public async Task the_type_decides_over_signs_and_original(
        string type, string original, string gross, string fee, string? wrongColumn)
    {
        var line = $"x_1,{Merchant},2026-03-01T09:15:30Z,{type},{original},,,,KWD,{gross},{fee}";
        (await Read(line)).Errors.SingleOrDefault()?.Column.ShouldBe(wrongColumn);
    }

    [Fact]
    public async Task missing_unknown_and_double_columns_are_named()
    {
        var header = TransactionImport.Header
            .Replace("merchant_id", "merchant", StringComparison.Ordinal)
            .Replace("fee_amount", "gross_amount", StringComparison.Ordinal);
        var (rows, errors) = await ReadFile($"{header}\n{Good}\n");
        rows.ShouldBeEmpty();
        errors.Select(error => (error.Line, error.Column)).ShouldBe(
            [(1, "merchant_id"), (1, "fee_amount"), (1, "merchant"), (1, "gross_amount")]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("\"transaction_id")]
    public async Task a_file_without_a_header_is_refused(string file)
    {
        var (rows, errors) = await ReadFile(file);
        rows.ShouldBeEmpty();
        errors.ShouldNotBeEmpty();
        errors.ShouldAllBe(error => error.Line == 1);
    }

    [Fact]
    public async Task lines_are_counted_through_quoted_line_breaks_and_empty_lines()
    {
        var (_, errors) = await Read(With("customer_name", "\"two\r\nlines\""), "", With("type", "x"));
        errors.Single().Line.ShouldBe(5);
    }

    [Theory]
    [InlineData("\"a\"b", "after a closing quote")]
    [InlineData("a\"b", "doubled")]
    [InlineData("\"a", "closing quote")]
    public async Task bad_quoting_is_told_by_its_line(string customer, string expected)
    {
        var (_, errors) = await Read(Good, With("customer_name", customer));
        var error = errors.ShouldHaveSingleItem();
        error.Line.ShouldBe(3);
        error.Expected.ShouldContain(expected);
    }

    [Fact]
    public async Task a_quote_that_is_never_closed_does_not_fill_the_memory()
    {
        var (_, errors) = await Read(Good, With("customer_name", "\"" + new string('x', 1_000_000)));
        var error = errors.ShouldHaveSingleItem();
        error.Line.ShouldBe(3);
        error.Expected.ShouldContain("65536 bytes");
    }

    [Fact]
    public async Task a_row_with_too_few_fields_is_told_by_its_line()
    {
        var (_, errors) = await Read(Good, "pay_2,oops");
        errors.Single().ToString().ShouldBe("line 3: expected 11 fields, found 2");
    }

    [Fact]
    public async Task bytes_that_are_not_utf_8_and_nul_are_told_by_column()
    {
        var before = Encoding.UTF8.GetBytes($"{TransactionImport.Header}\n");
        var line = Encoding.Latin1.GetBytes(With("customer_name", "Jos\u00E9") + "\n" + With("order_reference", "a\0b"));
        var (_, errors) = await ReadBytes([.. before, .. line]);
        errors.Select(error => (error.Line, error.Column)).ShouldBe([(2, "customer_name"), (3, "order_reference")]);
    }

    [Fact]
    public async Task reading_stops_after_twenty_errors()
    {
        var (_, errors) = await Read([.. Enumerable.Repeat(With("type", "x"), 50)]);
        errors.Count.ShouldBe(20);
        errors[^1].Line.ShouldBe(21);
    }

    [Fact]
    public async Task an_offending_value_is_cut() =>
        (await Read(With("type", new string('x', 500)))).Errors.Single().Value!.Length.ShouldBe(81);

    private static string With(string column, string value)
    {
        var fields = Good.Split(',');
        fields[Array.IndexOf(TransactionImport.Header.Split(','), column)] = value;
        return string.Join(',', fields);
    }

    private static Task<(List<Transaction> Rows, IReadOnlyList<ImportError> Errors)> Read(params string[] lines) =>
        ReadFile($"{TransactionImport.Header}\r\n{string.Join("\r\n", lines)}");

    private static Task<(List<Transaction> Rows, IReadOnlyList<ImportError> Errors)> ReadFile(string file) =>
        ReadBytes(Encoding.UTF8.GetBytes(file));

    private static async Task<(List<Transaction> Rows, IReadOnlyList<ImportError> Errors)> ReadBytes(byte[] file)
    {
        await using var import = new ImportFile(new MemoryStream(file));
        var rows = new List<Transaction>();
        await foreach (var (_, transaction) in import.RowsAsync(CancellationToken.None))
        {
            rows.Add(transaction);
        }

        return (rows, import.Errors);
    }
}
