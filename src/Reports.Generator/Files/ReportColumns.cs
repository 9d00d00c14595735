using System.Globalization;

namespace Reports.Generator.Files;

/// <summary>The columns of a report, in both formats; <c>docs/report-columns.md</c> says what they mean.</summary>
internal static class ReportColumns
{
    /// <summary>ISO 8601 to the millisecond, with the offset.</summary>
    public const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffzzz";

    private const int Wide = 22;
    private const int Narrow = 15;

    private static readonly string[] AmountFormats = ["F0", "F1", "F2", "F3", "F4"];

    public static IReadOnlyList<ReportColumn> All { get; } =
    [
        new("transaction_id", "Transaction ID", "رقم المعاملة", Wide, (row, t) => row.Text(t.Id)),
        new("occurred_at", "Date and time", "التاريخ والوقت", Wide, (row, t) => row.Time(t.OccurredAt)),
        new("type", "Type", "نوع المعاملة", Wide, (row, t) => row.Text(t.Type.Name())),
        new(
            "original_transaction_id",
            "Original transaction ID",
            "رقم المعاملة الأصلية",
            Wide,
            (row, t) => row.Text(t.OriginalId ?? "")),
        new("order_reference", "Order reference", "مرجع الطلب", Wide, (row, t) => row.Text(t.OrderReference)),
        new("customer_name", "Customer name", "اسم العميل", Wide, (row, t) => row.Text(t.CustomerName)),
        new("payment_method", "Payment method", "طريقة الدفع", Narrow, (row, t) => row.Text(t.PaymentMethod)),
        new("currency", "Currency", "العملة", Narrow, (row, t) => row.Text(t.Currency)),
        new("gross_amount", "Gross amount", "المبلغ الإجمالي", Narrow, (row, t) => row.Amount(t.Gross, t.Currency)),
        new("fee_amount", "Fee amount", "مبلغ الرسوم", Narrow, (row, t) => row.Amount(t.Fee, t.Currency)),
        new("net_amount", "Net amount", "المبلغ الصافي", Narrow, (row, t) => row.Amount(t.Net, t.Currency)),
        new(
            "refunded_amount",
            "Refunded amount",
            "المبلغ المسترد",
            Narrow,
            (row, t) => row.Amount(t.Refunded, t.Currency))
        {
            IsBreakdown = true,
        },
        new("voided_amount", "Voided amount", "المبلغ الملغى", Narrow, (row, t) => row.Amount(t.Voided, t.Currency))
        {
            IsBreakdown = true,
        },
    ];

    /// <summary>An amount with as many decimals as its currency has.</summary>
    public static string Amount(decimal amount, int exponent) =>
        amount.ToString(AmountFormats[exponent], CultureInfo.InvariantCulture);
}

/// <summary>One column of a report.</summary>
/// <param name="Name">What requests call it; what its header says when no language is asked for.</param>
/// <param name="English">Its label in English.</param>
/// <param name="Arabic">Its label in Arabic.</param>
/// <param name="Width">Its width in a sheet, in characters.</param>
/// <param name="Write">Writes its cell, exactly one.</param>
internal sealed record ReportColumn(
    string Name, string English, string Arabic, int Width, Action<IRowCells, Transaction> Write)
{
    /// <summary>Whether it needs what was given back of a payment, which takes a look at other rows.</summary>
    public bool IsBreakdown { get; init; }
}

/// <summary>Takes the cells of a row, one after the other.</summary>
internal interface IRowCells
{
    void Text(string text);

    void Time(DateTimeOffset time);

    /// <summary>An amount with the decimals of its currency; none for an empty cell.</summary>
    void Amount(decimal? amount, string currency);
}
