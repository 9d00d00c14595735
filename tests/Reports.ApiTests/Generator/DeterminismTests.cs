using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

/// <summary>The same request over the same transactions gives the same bytes, wherever the rows lie.</summary>
public sealed class DeterminismTests(GeneratorFixture fixture) : IClassFixture<GeneratorFixture>, IAsyncLifetime
{
    private readonly Guid _merchant = Guid.CreateVersion7();
    private readonly Guid _twin = Guid.CreateVersion7();

    public static TheoryData<ReportFormat, bool, bool, ReportLocale?, bool> Layouts()
    {
        var layouts = new TheoryData<ReportFormat, bool, bool, ReportLocale?, bool>();
        foreach (var format in Enum.GetValues<ReportFormat>())
        {
            foreach (var locale in new ReportLocale?[] { null, ReportLocale.En, ReportLocale.Ar })
            {
                layouts.Add(format, false, false, locale, false);
                layouts.Add(format, true, true, locale, true);
            }
        }

        return layouts;
    }

    /// <summary>
    /// The transactions of the one merchant, and the same of the other: put in backwards, with a part written
    /// again so that its rows lie behind the others.
    /// </summary>
    public async ValueTask InitializeAsync()
    {
        await ExecuteAsync($"""
            insert into transactions.transactions
            select '{_merchant}', case when n % 10 = 0 then 'ref_' else 'pay_' end || n,
                   '2026-02-01T00:00:00+03:00'::timestamptz + (n / 3) * interval '10 minutes',
                   case when n % 10 = 0 then 'refund' else 'payment' end,
                   case when n % 10 = 0 then 'pay_' || (n - 1 - n % 7) end,
                   'ORD-' || md5(n::text), case when n % 5 = 0 then '=1+' || n else 'عميل ' || n end, 'KNET',
                   case when n % 2 = 0 then 'KWD' else 'JPY' end,
                   case when n % 10 = 0 then -1 else n end, 0
              from generate_series(1, 3000) as n
            """);
        await ExecuteAsync($"""
            insert into transactions.transactions
            select '{_twin}', id, occurred_at, type, original_id, order_reference, customer_name, payment_method,
                   currency, gross_amount, fee_amount
              from transactions.transactions where merchant_id = '{_merchant}' order by md5(id)
            """);
        await ExecuteAsync($"""
            update transactions.transactions set fee_amount = fee_amount
             where merchant_id = '{_twin}' and id < 'pay_2'
            """);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [MemberData(nameof(Layouts))]
    public async Task the_same_request_gives_the_same_bytes_in_every_layout(
        ReportFormat format, bool byteOrderMark, bool rightToLeft, ReportLocale? locale, bool all)
    {
        var layout = new ReportLayout(
            byteOrderMark, rightToLeft, locale, all ? [.. ReportColumnNames.All.Reverse()] : null);
        var first = await DigestAsync(_merchant, format, layout);
        (await DigestAsync(_merchant, format, layout)).ShouldBe(first);
        (await DigestAsync(_twin, format, layout)).ShouldBe(first, "rows that lie elsewhere are the same rows");
    }

    private async Task<string> DigestAsync(Guid merchant, ReportFormat format, ReportLayout layout)
    {
        var request = GeneratorFixture.Request(merchant, format, layout: layout);
        var answer = await fixture.Generator.GenerateAsync(
            request, progress: null, TestContext.Current.CancellationToken);
        answer.Records.ShouldBe(3000);
        return answer.Sha256;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = fixture.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
