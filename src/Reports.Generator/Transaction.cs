namespace Reports.Generator;

/// <summary>What moved the money. The names are stored and written in lower case.</summary>
internal enum TransactionType
{
    /// <summary>A customer paid: the gross amount is positive.</summary>
    Payment,

    /// <summary>Money went back to a customer: the gross amount is negative.</summary>
    Refund,

    /// <summary>A payment was undone before it settled: the gross amount is negative, the fee is given back.</summary>
    Void,

    /// <summary>A fee that belongs to no payment: the gross amount is zero.</summary>
    Fee,
}

/// <summary>One settled transaction of a merchant; amounts are in units of the currency.</summary>
internal sealed record Transaction(
    string Id,
    Guid MerchantId,
    DateTimeOffset OccurredAt,
    TransactionType Type,
    string? OriginalId,
    string OrderReference,
    string CustomerName,
    string PaymentMethod,
    string Currency,
    decimal Gross,
    decimal Fee)
{
    public decimal Net => Gross + Fee;

    /// <summary>How much of a payment was refunded; none for other types, and when nobody asked.</summary>
    public decimal? Refunded { get; init; }

    /// <summary>How much of a payment was voided; none for other types, and when nobody asked.</summary>
    public decimal? Voided { get; init; }
}

internal static class TransactionTypes
{
    public static string Name(this TransactionType type) => type switch
    {
        TransactionType.Payment => "payment",
        TransactionType.Refund => "refund",
        TransactionType.Void => "void",
        TransactionType.Fee => "fee",
    };

    public static TransactionType? Parse(string name) => name switch
    {
        "payment" => TransactionType.Payment,
        "refund" => TransactionType.Refund,
        "void" => TransactionType.Void,
        "fee" => TransactionType.Fee,
        _ => null,
    };
}
