namespace Reports.Generator.Import;

/// <summary>The columns of an import file, in any order; <c>docs/import.md</c> says their rules.</summary>
internal static class ImportColumns
{
    public const string TransactionId = "transaction_id";
    public const string MerchantId = "merchant_id";
    public const string OccurredAt = "occurred_at";
    public const string Type = "type";
    public const string OriginalId = "original_transaction_id";
    public const string OrderReference = "order_reference";
    public const string CustomerName = "customer_name";
    public const string PaymentMethod = "payment_method";
    public const string Currency = "currency";
    public const string Gross = "gross_amount";
    public const string Fee = "fee_amount";

    public static IReadOnlyList<string> Names { get; } =
    [
        TransactionId, MerchantId, OccurredAt, Type, OriginalId, OrderReference, CustomerName, PaymentMethod, Currency,
        Gross, Fee,
    ];

    public static string Header { get; } = string.Join(',', Names);

    /// <summary>Reports each column that is missing, unknown or there twice.</summary>
    public static void Check(IReadOnlyList<string> header, Action<long, string?, string?, string> report)
    {
        foreach (var missing in Names.Except(header, StringComparer.Ordinal))
        {
            report(1, missing, null, "a column of this name in the header");
        }

        foreach (var unknown in header.Except(Names, StringComparer.Ordinal))
        {
            report(1, unknown, null, $"no column but {Header}");
        }

        foreach (var twice in header.Intersect(Names).Where(name => header.Count(other => other == name) > 1))
        {
            report(1, twice, null, "a column of this name once");
        }
    }
}
