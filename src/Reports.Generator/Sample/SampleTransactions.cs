using CsvHelper;
using Reports.Generator.Files;
using Reports.Generator.Import;
using Reports.Generator.Sample;

namespace Reports.Generator;

/// <summary>
/// Made-up transactions to try the service with, as a file for <see cref="TransactionImport"/>. The same arguments give
/// the same bytes.
/// </summary>
public static class SampleTransactions
{
    /// <summary>How many transactions are written unless another number is asked for.</summary>
    public const int DefaultCount = 120_000;

    /// <summary>The seed unless another is given.</summary>
    public const long DefaultSeed = 20_260_101;

    /// <summary>How many months before the last day the first one is.</summary>
    public const int Months = 14;

    /// <summary>
    /// Three merchants without an id: one in Kuwait (KWD, SAR, BHD, USD), one in the Netherlands (EUR, GBP, USD), one
    /// in Japan (JPY, USD). A caller sets the ids: <c>merchant with { Id = … }</c>.
    /// </summary>
    public static IReadOnlyList<SampleMerchant> DefaultMerchants { get; } =
        [SampleProfiles.Perfumes, SampleProfiles.Books, SampleProfiles.Ceramics];

    /// <summary>Writes the file: the merchants one after the other, each one's transactions by time.</summary>
    /// <param name="csv">Where to; left open.</param>
    /// <param name="merchants">Whose transactions.</param>
    /// <param name="until">The day after the last one, in each merchant's zone.</param>
    /// <param name="seed">Another seed gives another history.</param>
    /// <param name="count">How many transactions, over all merchants.</param>
    /// <param name="cancellation">Stops the writing.</param>
    /// <returns>A task that ends when the file is written.</returns>
    /// <exception cref="ArgumentException">A merchant has no id, or two have the same.</exception>
    /// <exception cref="TimeZoneNotFoundException">A merchant's time zone is not known.</exception>
    public static async Task WriteAsync(
        Stream csv,
        IReadOnlyList<SampleMerchant> merchants,
        DateOnly until,
        long seed = DefaultSeed,
        int count = DefaultCount,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(merchants);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (merchants.Any(m => m.Id == Guid.Empty) || merchants.DistinctBy(m => m.Id).Count() < merchants.Count)
        {
            throw new ArgumentException("Every merchant needs an id of its own.", nameof(merchants));
        }

        await using var writer = CsvWriter.Create(csv, leaveOpen: true);
        await WriteHeaderAsync(writer, cancellation);
        foreach (var transaction in Generate(merchants, until, seed, count))
        {
            await WriteAsync(writer, transaction, cancellation);
        }
    }

    internal static IEnumerable<Transaction> Generate(
        IReadOnlyList<SampleMerchant> merchants, DateOnly until, long seed, int count)
    {
        // A seed of its own for each merchant, day and size: ids of two different samples do not meet.
        var seeds = new SplitMix64(unchecked((ulong)seed + ((ulong)until.DayNumber << 32) + (ulong)count));
        long shares = merchants.Sum(merchant => merchant.Profile.Share), soFar = 0, given = 0;
        foreach (var merchant in merchants)
        {
            soFar += merchant.Profile.Share;
            var due = count * soFar / shares;
            var history = new SampleHistory(merchant, until.AddMonths(-Months), until, seeds.Next());
            foreach (var transaction in history.Transactions((int)(due - given)))
            {
                yield return transaction;
            }

            given = due;
        }
    }

    private static ValueTask WriteHeaderAsync(CsvWriter writer, CancellationToken cancellation)
    {
        foreach (var name in ImportColumns.Names)
        {
            writer.WriteField(name);
        }

        return writer.EndRecordAsync(cancellation);
    }

    private static ValueTask WriteAsync(CsvWriter writer, Transaction row, CancellationToken cancellation)
    {
        var exponent = Currencies.ExponentOf(row.Currency);
        writer.WriteField(row.Id);
        writer.WriteField(row.MerchantId);
        writer.WriteField(row.OccurredAt, ReportColumns.TimeFormat);
        writer.WriteField(row.Type.Name());
        writer.WriteField(row.OriginalId);
        writer.WriteField(row.OrderReference);
        writer.WriteField(row.CustomerName);
        writer.WriteField(row.PaymentMethod);
        writer.WriteField(row.Currency);
        writer.WriteField(ReportColumns.Amount(row.Gross, exponent));
        writer.WriteField(ReportColumns.Amount(row.Fee, exponent));
        return writer.EndRecordAsync(cancellation);
    }
}
