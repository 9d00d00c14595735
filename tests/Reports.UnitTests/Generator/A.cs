using System.Text;
using Reports.Contracts;
using Reports.Generator;
using Reports.Generator.Files;

namespace Reports.UnitTests.Generator;

/// <summary>Transactions and files for the tests of this folder.</summary>
internal static class A
{
    public static readonly Guid Merchant = Guid.Parse("0198c5a2-7b1e-7c3d-9f00-1234567890ab");
    public static readonly TimeZoneInfo Kuwait = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kuwait");

    public static readonly string[] HostileTexts =
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", "a,b", "a\"b", "a\nb", "a\r\nb",
        "", " x ",
        "عطور الديرة", "青空 𠮷 🏺", "<b>&amp;</b>", "_x000D_", "_x005F_x000D_", "__x0041_", "\u0001\u001F", "]]>",
        "\uFFFE", "'=1", "''",
    ];

    public static Transaction Payment(
        string currency = "KWD",
        decimal gross = 12.345m,
        decimal fee = -0.111m,
        string customer = "Omar Haddad",
        string id = "pay_1") =>
        new(
            id,
            Merchant,
            new DateTimeOffset(2026, 2, 28, 21, 30, 15, 250, TimeSpan.Zero),
            TransactionType.Payment,
            OriginalId: null,
            OrderReference: "ORD-1",
            customer,
            PaymentMethod: "KNET",
            currency,
            gross,
            fee);

    public static Task<byte[]> Csv(bool byteOrderMark, params Transaction[] transactions) =>
        Csv(new ReportLayout(byteOrderMark), transactions);

    public static async Task<byte[]> Csv(ReportLayout layout, params Transaction[] transactions)
    {
        using var stream = new MemoryStream();
        await using var writer = new CsvReportWriter(stream, ReportTable.Of(layout), Kuwait, layout.ByteOrderMark);
        await Write(writer, transactions);
        return stream.ToArray();
    }

    public static async Task<string> CsvText(params Transaction[] transactions) =>
        Encoding.UTF8.GetString(await Csv(byteOrderMark: false, transactions));

    public static async Task<string> CsvText(ReportLayout layout, params Transaction[] transactions) =>
        Encoding.UTF8.GetString(await Csv(layout, transactions));

    public static Task<byte[]> Xlsx(bool rightToLeft, int rowsPerSheet, params Transaction[] transactions) =>
        Xlsx(new ReportLayout(RightToLeft: rightToLeft), rowsPerSheet, transactions);

    public static async Task<byte[]> Xlsx(ReportLayout layout, int rowsPerSheet, params Transaction[] transactions)
    {
        using var stream = new MemoryStream();
        await using (var digest = new DigestStream(stream))
        await using (var writer = new XlsxReportWriter(
            digest, ReportTable.Of(layout), Kuwait, layout.RightToLeft, rowsPerSheet))
        {
            await Write(writer, transactions);
        }

        return stream.ToArray();
    }

    private static async Task Write(IReportWriter writer, Transaction[] transactions)
    {
        foreach (var transaction in transactions)
        {
            await writer.WriteAsync(transaction, CancellationToken.None);
        }

        await writer.CompleteAsync(CancellationToken.None);
    }
}
