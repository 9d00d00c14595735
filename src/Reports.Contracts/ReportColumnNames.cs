namespace Reports.Contracts;

/// <summary>The columns that a report can have; <c>docs/report-columns.md</c> says what they mean.</summary>
public static class ReportColumnNames
{
    /// <summary>The columns of a report whose <see cref="ReportLayout.Columns"/> names none, in this order.</summary>
    public static IReadOnlyList<string> Standard { get; } =
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

    /// <summary>Every column that <see cref="ReportLayout.Columns"/> can name.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Standard, "refunded_amount", "voided_amount"];
}
