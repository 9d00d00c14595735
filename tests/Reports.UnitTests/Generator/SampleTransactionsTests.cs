using System.Security.Cryptography;
using Reports.Generator;
using Reports.Generator.Import;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class SampleTransactionsTests
{
    private static readonly DateOnly Until = new(2026, 4, 1);
    private static readonly IReadOnlyList<SampleMerchant> Merchants =
    [
        .. SampleTransactions.DefaultMerchants
            .Select((merchant, i) => merchant with { Id = new Guid(i + 1, 0, 0, new byte[8]) }),
    ];

    private static readonly Lazy<IReadOnlyList<Transaction>> Sample = new(() =>
    [
        .. SampleTransactions.Generate(
            Merchants, Until, SampleTransactions.DefaultSeed, SampleTransactions.DefaultCount),
    ]);

    [Fact]
    public async Task the_same_arguments_give_the_same_bytes_and_others_do_not()
    {
        var file = await Write(seed: 1, count: 3000);
        (await Write(seed: 1, count: 3000)).ShouldBe(file);
        (await Write(seed: 2, count: 3000)).ShouldNotBe(file);
    }

    [Fact]
    public async Task the_bytes_are_the_same_on_every_machine() =>
        Convert.ToHexStringLower(SHA256.HashData(await Write(seed: 1, count: 1000))).ShouldBe(
            "4383ee577b4aadb15cf8d7610e60dd5a07e89c8c6353a56f75017a6cab2c4b87");

    [Fact]
    public async Task the_file_can_be_imported_as_it_is()
    {
        using var stream = new MemoryStream(await Write(SampleTransactions.DefaultSeed, count: 20_000));
        await using var file = new ImportFile(stream);
        var rows = new List<Transaction>();
        await foreach (var (_, transaction) in file.RowsAsync(CancellationToken.None))
        {
            rows.Add(transaction);
        }

        file.Errors.ShouldBeEmpty();
        rows.ShouldBe(SampleTransactions.Generate(Merchants, Until, SampleTransactions.DefaultSeed, 20_000)
            .Select(row => row with { OccurredAt = row.OccurredAt.ToUniversalTime() }));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(999)]
    public void there_are_as_many_as_asked_for(int count) =>
        SampleTransactions.Generate(Merchants, Until, seed: 3, count).Count().ShouldBe(count);

    [Fact]
    public void they_spread_over_fourteen_months_and_end_before_the_last_day()
    {
        Sample.Value.Count.ShouldBe(120_000);
        foreach (var merchant in Merchants)
        {
            var days = Of(merchant).Select(row => DateOnly.FromDateTime(row.OccurredAt.DateTime)).ToHashSet();
            days.Max().ShouldBe(Until.AddDays(-1));
            days.Min().ShouldBe(Until.AddMonths(-14));
            days.Count.ShouldBe(Until.DayNumber - Until.AddMonths(-14).DayNumber, "no day is without business");
        }
    }

    [Fact]
    public void each_merchants_rows_come_by_time_and_no_id_comes_twice()
    {
        foreach (var merchant in Merchants)
        {
            Of(merchant).Select(row => row.OccurredAt).ShouldBeInOrder();
            Of(merchant).DistinctBy(row => row.Id).Count().ShouldBe(Of(merchant).Count());
        }
    }

    [Fact]
    public void a_refund_never_exceeds_its_payment()
    {
        var payments = Of(TransactionType.Payment).ToDictionary(row => row.Id);
        foreach (var refunds in Of(TransactionType.Refund).GroupBy(row => row.OriginalId!))
        {
            var payment = payments[refunds.Key];
            refunds.ShouldAllBe(row =>
                row.OccurredAt > payment.OccurredAt && row.Currency == payment.Currency && row.Gross < 0);
            (-refunds.Sum(row => row.Gross)).ShouldBeLessThanOrEqualTo(payment.Gross);
        }
    }

    [Fact]
    public void there_are_full_partial_and_repeated_refunds()
    {
        var payments = Of(TransactionType.Payment).ToDictionary(row => row.Id);
        var refunds = Of(TransactionType.Refund).ToLookup(row => row.OriginalId!);
        refunds.Count(group => group.Sum(row => -row.Gross) == payments[group.Key].Gross).ShouldBeGreaterThan(1000);
        refunds.Count(group => group.Sum(row => -row.Gross) < payments[group.Key].Gross).ShouldBeGreaterThan(1000);
        refunds.Count(group => group.Count() > 1).ShouldBeGreaterThan(100);
    }

    [Fact]
    public void a_void_undoes_a_recent_payment_that_is_not_refunded_too()
    {
        var payments = Of(TransactionType.Payment).ToDictionary(row => row.Id);
        var refunded = Of(TransactionType.Refund).Select(row => row.OriginalId).ToHashSet();
        var voids = Of(TransactionType.Void).ToList();
        voids.Count.ShouldBeGreaterThan(500);
        voids.ShouldAllBe(row =>
            row.Gross == -payments[row.OriginalId!].Gross
            && row.Fee == -payments[row.OriginalId!].Fee
            && row.OccurredAt > payments[row.OriginalId!].OccurredAt
            && row.OccurredAt <= payments[row.OriginalId!].OccurredAt.AddHours(2)
            && !refunded.Contains(row.OriginalId));
    }

    [Fact]
    public void every_month_has_its_fee() => Of(TransactionType.Fee).Count().ShouldBe(14 * 3);

    [Fact]
    public void the_wanted_currencies_are_there() =>
        Sample.Value.Select(row => row.Currency).Distinct()
            .ShouldBe(["KWD", "SAR", "BHD", "USD", "EUR", "GBP", "JPY"], ignoreOrder: true);

    [Fact]
    public void there_are_names_in_arabic_and_latin_letters_and_hostile_text()
    {
        var names = Sample.Value.Select(row => row.CustomerName).ToHashSet();
        names.ShouldContain(name => name.Any(c => c >= '\u0600' && c <= '\u06FF'));
        names.ShouldContain(name => name.Any(char.IsAsciiLetter));
        foreach (var start in "=+-@\t＝")
        {
            names.ShouldContain(name => name.StartsWith(start));
        }

        names.ShouldContain(name => name.Contains('\n', StringComparison.Ordinal));
        names.ShouldContain(name => name.Contains('"', StringComparison.Ordinal));
        names.ShouldContain(name => name.Contains(',', StringComparison.Ordinal));
    }

    [Fact]
    public void business_has_its_rhythm()
    {
        var kuwait = Of(Merchants[0]).ToList();
        int At(int hour) => kuwait.Count(row => row.OccurredAt.Hour == hour);
        At(20).ShouldBeGreaterThan(5 * At(4));
        var books = Of(Merchants[1]).ToList();
        int On(DayOfWeek day) => books.Count(row => row.OccurredAt.DayOfWeek == day);
        On(DayOfWeek.Saturday).ShouldBeGreaterThan(On(DayOfWeek.Sunday) * 3 / 2);
        int In(int month) => books.Count(row => row.OccurredAt.Year == 2025 && row.OccurredAt.Month == month);
        In(12).ShouldBeGreaterThan(In(7) * 3 / 2);
    }

    [Fact]
    public async Task a_merchant_needs_an_id() => await Should.ThrowAsync<ArgumentException>(() =>
        SampleTransactions.WriteAsync(Stream.Null, SampleTransactions.DefaultMerchants, Until));

    private static IEnumerable<Transaction> Of(SampleMerchant merchant) =>
        Sample.Value.Where(row => row.MerchantId == merchant.Id);

    private static IEnumerable<Transaction> Of(TransactionType type) => Sample.Value.Where(row => row.Type == type);

    private static async Task<byte[]> Write(long seed, int count)
    {
        using var stream = new MemoryStream();
        await SampleTransactions.WriteAsync(stream, Merchants, Until, seed, count);
        return stream.ToArray();
    }
}
