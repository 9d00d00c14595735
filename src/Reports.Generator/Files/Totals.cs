using Reports.Contracts;

namespace Reports.Generator.Files;

/// <summary>The sums of the rows that went into a file, by currency.</summary>
internal sealed class Totals
{
    private readonly SortedDictionary<string, ControlTotal> _byCurrency = new(StringComparer.Ordinal);

    private long _records;

    /// <summary>How many rows; another thread may ask while rows come.</summary>
    public long Records => Volatile.Read(ref _records);

    public void Add(Transaction transaction)
    {
        var sum = _byCurrency.GetValueOrDefault(transaction.Currency)
            ?? new ControlTotal(transaction.Currency, Records: 0, Gross: 0, Fee: 0, Net: 0);
        _byCurrency[transaction.Currency] = sum with
        {
            Records = sum.Records + 1,
            Gross = sum.Gross + transaction.Gross,
            Fee = sum.Fee + transaction.Fee,
            Net = sum.Net + transaction.Net,
        };
        Volatile.Write(ref _records, _records + 1);
    }

    /// <summary>The sums with as many decimals as their currency has.</summary>
    public IReadOnlyList<ControlTotal> ByCurrency() => [.. _byCurrency.Values.Select(sum => sum with
    {
        Gross = Scaled(sum.Gross, sum.Currency),
        Fee = Scaled(sum.Fee, sum.Currency),
        Net = Scaled(sum.Net, sum.Currency),
    })];

    private static decimal Scaled(decimal amount, string currency) =>
        decimal.Round(amount, Currencies.ExponentOf(currency));
}
