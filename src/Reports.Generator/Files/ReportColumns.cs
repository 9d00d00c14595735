using System.Globalization;

namespace Reports.Generator.Files;

/// <summary>The columns of a report, in both formats; <c>docs/report-columns.md</c> says what they mean.</summary>
internal static class ReportColumns
{
    /// <summary>ISO 8601 to the millisecond, with the offset.</summary>
    public const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffzzz";

    private static readonly string[] AmountFormats = ["F0", "F1", "F2", "F3", "F4"];

    public static IReadOnlyList<string> Names { get; } =
    [
        "transaction_id",
        "occurred_at",
        "type",
        "original_transaction_id",
        "order_reference",
        "customer_name",
        "payment_method",
        "currency",
        "gross_amount",
        "fee_amount",
        "net_amount",
    ];

    /// <summary>An amount with as many decimals as its currency has.</summary>
    public static string Amount(decimal amount, int exponent) =>
        amount.ToString(AmountFormats[exponent], CultureInfo.InvariantCulture);
}
