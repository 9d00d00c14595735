using System.Globalization;
using System.Text;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

public sealed class BreakdownTests(SampleFixture fixture) : IClassFixture<SampleFixture>
{
    private static readonly ReportLayout Layout =
        new(Columns: ["transaction_id", "refunded_amount", "voided_amount"]);

    private readonly Guid _merchant = Guid.CreateVersion7();

    [Fact]
    public async Task only_what_was_given_back_of_a_payment_before_the_end_counts()
    {
        await ImportAsync(
            $"paid,{_merchant},2026-02-10T10:00:00+03:00,payment,,,,KNET,KWD,10,-0.1",
            $"part,{_merchant},2026-02-11T10:00:00+03:00,refund,paid,,,KNET,KWD,-1.25,0",
            $"last,{_merchant},2026-02-28T23:59:59.999+03:00,refund,paid,,,KNET,KWD,-2.5,0",
            $"late,{_merchant},2026-03-01T00:00:00+03:00,refund,paid,,,KNET,KWD,-4,0",
            $"whole,{_merchant},2026-02-12T10:00:00+03:00,payment,,,,KNET,KWD,7.125,-0.1",
            $"undone,{_merchant},2026-02-12T11:00:00+03:00,void,whole,,,KNET,KWD,-7.125,0.1",
            $"kept,{_merchant},2026-02-13T10:00:00+03:00,payment,,,,KNET,KWD,3,-0.1",
            $"charge,{_merchant},2026-02-14T10:00:00+03:00,fee,,,,,KWD,0,-5");
        (await RowsAsync()).ShouldBe(
        [
            "paid,3.750,0.000", "part,,", "whole,0.000,7.125", "undone,,", "kept,0.000,0.000", "charge,,", "last,,",
        ]);
    }

    [Theory]
    [InlineData("JPY", "1200", "-300", "300", "0")]
    [InlineData("USD", "1200", "-300.5", "300.50", "0.00")]
    [InlineData("BHD", "1200", "-300.5", "300.500", "0.000")]
    [InlineData("CLF", "1200", "-300.5", "300.5000", "0.0000")]
    public async Task they_have_the_decimals_of_their_currency(
        string currency, string paid, string given, string refunded, string voided)
    {
        await ImportAsync(
            $"p,{_merchant},2026-02-10T10:00:00+03:00,payment,,,,CARD,{currency},{paid},0",
            $"r,{_merchant},2026-02-11T10:00:00+03:00,refund,p,,,CARD,{currency},{given},0");
        (await RowsAsync()).ShouldBe([$"p,{refunded},{voided}", "r,,"]);
    }

    [Fact]
    public async Task another_currency_or_merchant_gives_nothing_back_of_a_payment()
    {
        await ImportAsync(
            $"p,{_merchant},2026-02-10T10:00:00+03:00,payment,,,,CARD,KWD,10,0",
            $"r,{_merchant},2026-02-11T10:00:00+03:00,refund,p,,,CARD,USD,-3,0",
            $"r,{Guid.CreateVersion7()},2026-02-11T10:00:00+03:00,refund,p,,,CARD,KWD,-3,0");
        (await RowsAsync()).ShouldBe(["p,0.000,0.000", "r,,"]);
    }

    [Fact]
    public async Task a_payment_of_an_earlier_period_is_not_there_although_its_refund_is()
    {
        await ImportAsync(
            $"p,{_merchant},2026-01-10T10:00:00+03:00,payment,,,,CARD,KWD,10,0",
            $"r,{_merchant},2026-02-11T10:00:00+03:00,refund,p,,,CARD,KWD,-3,0");
        (await RowsAsync()).ShouldBe(["r,,"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task over_a_whole_sample_they_are_what_another_query_says(int merchant)
    {
        var request = GeneratorFixture.Request(fixture.Merchants[merchant], layout: Layout);
        var rows = (await LinesAsync(request)).Select(row => row.Split(',')).ToList();
        rows.Count(row => Amount(row[1]) > 0).ShouldBeGreaterThan(10);
        rows.Count(row => Amount(row[2]) > 0).ShouldBeGreaterThan(2);
        rows.Select(row => (row[0], Amount(row[1]), Amount(row[2]))).ShouldBe(await ExpectedAsync(request));

        var answer = await GenerateAsync(request);
        var standard = await GenerateAsync(request with { Layout = new ReportLayout() });
        answer.Totals.ShouldBe(standard.Totals, "the choice of columns has no part in the totals");
    }

    private static decimal? Amount(string cell) =>
        cell.Length == 0 ? null : decimal.Parse(cell, CultureInfo.InvariantCulture);

    private async Task<List<(string Id, decimal? Refunded, decimal? Voided)>> ExpectedAsync(GenerateReport request)
    {
        await using var command = fixture.Database.DataSource.CreateCommand("""
            with given_back as (
                select original_id, type, currency, sum(abs(gross_amount)) as amount from transactions.transactions
                 where merchant_id = $1 and type in ('refund', 'void') and occurred_at < $3
                 group by original_id, type, currency)
            select p.id, case p.type when 'payment' then coalesce(r.amount, 0) end,
                   case p.type when 'payment' then coalesce(v.amount, 0) end
              from transactions.transactions p
              left join given_back r on r.original_id = p.id and r.type = 'refund' and r.currency = p.currency
              left join given_back v on v.original_id = p.id and v.type = 'void' and v.currency = p.currency
             where p.merchant_id = $1 and p.occurred_at >= $2 and p.occurred_at < $3 order by p.occurred_at, p.id
            """);
        command.Parameters.AddWithValue(request.MerchantId);
        command.Parameters.AddWithValue(request.Period.Start.UtcDateTime);
        command.Parameters.AddWithValue(request.Period.End.UtcDateTime);
        var rows = new List<(string, decimal?, decimal?)>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            rows.Add((
                reader.GetString(0),
                reader.IsDBNull(1) ? null : reader.GetDecimal(1),
                reader.IsDBNull(2) ? null : reader.GetDecimal(2)));
        }

        return rows;
    }

    private async Task ImportAsync(params string[] rows) =>
        (await fixture.Database.ImportAsync(rows)).Succeeded.ShouldBeTrue();

    private Task<IReadOnlyList<string>> RowsAsync() =>
        LinesAsync(GeneratorFixture.Request(_merchant, layout: Layout));

    private async Task<IReadOnlyList<string>> LinesAsync(GenerateReport request)
    {
        var answer = await GenerateAsync(request);
        var text = Encoding.UTF8.GetString(fixture.FileOf(request, answer.FileName));
        return text.TrimEnd().Split("\r\n")[1..];
    }

    private Task<GenerationCompleted> GenerateAsync(GenerateReport request) =>
        fixture.Database.Generator.GenerateAsync(request, progress: null, TestContext.Current.CancellationToken);
}
