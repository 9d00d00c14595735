using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Npgsql;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

public sealed class ReferenceGeneratorTests(SampleFixture fixture) : IClassFixture<SampleFixture>
{
    private static readonly XNamespace Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

    [Theory]
    [InlineData(0, "Asia/Kuwait", "2026-02-01T00:00:00+03:00", "2026-03-01T00:00:00+03:00")]
    [InlineData(1, "Europe/Amsterdam", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")]
    [InlineData(2, "Asia/Tokyo", "2025-01-01T00:00:00+09:00", "2026-01-01T00:00:00+09:00")]
    public async Task a_csv_file_is_what_the_database_says_of_the_period(
        int merchant, string zone, string start, string end)
    {
        var request = GeneratorFixture.Request(fixture.Merchants[merchant], ReportFormat.Csv, start, end, zone);
        var answer = await GenerateAsync(request);
        var file = fixture.FileOf(request, answer.FileName);
        Encoding.UTF8.GetString(file).ShouldBe(await ExpectedCsvAsync(request));
        await ShouldFitAsync(answer, request, file);
        answer.FileName.ShouldMatch(@"^report-[0-9a-f]{12}\.csv$");
        answer.Records.ShouldBeGreaterThan(50);
    }

    [Fact]
    public async Task a_workbook_holds_the_same_rows_and_sums()
    {
        var request = GeneratorFixture.Request(
            fixture.Merchants[0], ReportFormat.Xlsx, layout: new ReportLayout(RightToLeft: true));
        var answer = await GenerateAsync(request);
        var file = fixture.FileOf(request, answer.FileName);
        await ShouldFitAsync(answer, request, file);
        var rows = SheetRows(file);
        rows.Count.ShouldBe((int)answer.Records);
        foreach (var total in answer.Totals)
        {
            var ofCurrency = rows.Where(row => row["H"] == total.Currency).ToList();
            ofCurrency.Count.ShouldBe((int)total.Records);
            ofCurrency.Sum(row => decimal.Parse(row["I"], CultureInfo.InvariantCulture)).ShouldBe(total.Gross);
            ofCurrency.Sum(row => decimal.Parse(row["J"], CultureInfo.InvariantCulture)).ShouldBe(total.Fee);
            ofCurrency.Sum(row => decimal.Parse(row["K"], CultureInfo.InvariantCulture)).ShouldBe(total.Net);
        }
    }

    [Theory]
    [InlineData(ReportFormat.Csv)]
    [InlineData(ReportFormat.Xlsx)]
    public async Task the_same_request_gives_the_same_bytes_in_a_file_of_its_own(ReportFormat format)
    {
        var request = GeneratorFixture.Request(fixture.Merchants[1], format);
        var first = await GenerateAsync(request);
        var second = await GenerateAsync(request);
        second.FileName.ShouldNotBe(first.FileName);
        fixture.FileOf(request, second.FileName).ShouldBe(fixture.FileOf(request, first.FileName));
        (second with { FileName = first.FileName }).ShouldBeEquivalentTo(first);
    }

    [Theory]
    [InlineData(ReportFormat.Csv)]
    [InlineData(ReportFormat.Xlsx)]
    public async Task a_period_without_transactions_is_a_file_with_a_header(ReportFormat format)
    {
        var answer = await GenerateAsync(GeneratorFixture.Request(Guid.CreateVersion7(), format));
        answer.Records.ShouldBe(0);
        answer.Totals.ShouldBeEmpty();
        answer.FileSize.ShouldBeGreaterThan(100);
    }

    [Fact]
    public async Task the_first_instant_belongs_to_a_period_and_the_end_does_not()
    {
        var merchant = Guid.CreateVersion7();
        (await fixture.Database.ImportAsync(
            $"before,{merchant},2026-01-31T23:59:59.999+03:00,payment,,,,KNET,KWD,1,0",
            $"first,{merchant},2026-02-01T00:00:00+03:00,payment,,,,KNET,KWD,2,0",
            $"b-same-time,{merchant},2026-02-28T23:59:59.999+03:00,payment,,,,KNET,KWD,4,0",
            $"a-same-time,{merchant},2026-02-28T23:59:59.999+03:00,payment,,,,KNET,KWD,8,0",
            $"B-same-time,{merchant},2026-02-28T23:59:59.999+03:00,payment,,,,KNET,KWD,16,0",
            $"end,{merchant},2026-03-01T00:00:00+03:00,payment,,,,KNET,KWD,32,0")).Succeeded.ShouldBeTrue();
        var request = GeneratorFixture.Request(merchant);
        var answer = await GenerateAsync(request);
        answer.Totals.ShouldBe([new ControlTotal("KWD", 4, 30, 0, 30)]);
        Encoding.UTF8.GetString(fixture.FileOf(request, answer.FileName))
            .Split("\r\n")[1..5]
            .Select(line => line.Split(',')[0])
            .ShouldBe(["first", "B-same-time", "a-same-time", "b-same-time"]);
    }

    [Theory]
    [InlineData("Asia/Atlantis", "2026-03-01T00:00:00+03:00", "unknown_time_zone")]
    [InlineData("Asia/Kuwait", "2026-02-01T00:00:00+03:00", "invalid_period")]
    public async Task what_can_never_succeed_is_answered_with_a_failure(string zone, string end, string code)
    {
        var request = GeneratorFixture.Request(fixture.Merchants[0], zone: zone, end: end);
        var failure = (await HandleAsync(request)).ShouldBeOfType<GenerationFailed>();
        failure.Code.ShouldBe(code);
        failure.Retryable.ShouldBeFalse();
        failure.Grant.ShouldBe(request.Grant);
    }

    [Fact]
    public async Task an_unknown_column_is_answered_with_a_failure_that_names_it()
    {
        var request = GeneratorFixture.Request(fixture.Merchants[0], layout: new ReportLayout(Columns: ["margin"]));
        var failure = (await HandleAsync(request)).ShouldBeOfType<GenerationFailed>();
        (failure.Code, failure.Retryable).ShouldBe(("unknown_column", false));
        failure.Message.ShouldContain("'margin'");
    }

    [Fact]
    public async Task a_prefix_that_climbs_out_of_the_store_is_refused() =>
        (await HandleAsync(GeneratorFixture.Request(fixture.Merchants[0]) with { StoragePrefix = "../x/" }))
            .ShouldBeOfType<GenerationFailed>().Code.ShouldBe("invalid_storage_prefix");

    [Fact]
    public async Task a_database_that_is_away_throws_so_that_the_message_comes_again()
    {
        await using var away = new TransactionDatabase(
            NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=2"));
        var generator = new ReferenceGenerator(
            away, new Storage.ReportFiles(fixture.Database.Root), TimeProvider.System);
        var request = GeneratorFixture.Request(fixture.Merchants[0]);
        await Should.ThrowAsync<NpgsqlException>(() =>
            GenerateReportHandler.Handle(request, generator, TestContext.Current.CancellationToken));
        Directory.GetFiles(Path.Combine(fixture.Database.Root, request.StoragePrefix)).ShouldBeEmpty();
    }

    private Task<GenerationCompleted> GenerateAsync(GenerateReport request) =>
        fixture.Database.Generator.GenerateAsync(request, progress: null, TestContext.Current.CancellationToken);

    private Task<object> HandleAsync(GenerateReport request) =>
        GenerateReportHandler.Handle(request, fixture.Database.Generator, TestContext.Current.CancellationToken);

    private async Task ShouldFitAsync(GenerationCompleted answer, GenerateReport request, byte[] file)
    {
        answer.FileSize.ShouldBe(file.Length);
        answer.Sha256.ShouldBe(Convert.ToHexStringLower(SHA256.HashData(file)));
        answer.Totals.ShouldBe(await ExpectedTotalsAsync(request));
        answer.Records.ShouldBe(answer.Totals.Sum(total => total.Records));
    }

    private async Task<List<ControlTotal>> ExpectedTotalsAsync(GenerateReport request)
    {
        var totals = new List<ControlTotal>();
        await using var connection = await OpenAsync();
        await using var command = Command(connection, request, """
            select currency, count(*), sum(gross_amount), sum(fee_amount), sum(gross_amount + fee_amount)
              from transactions.transactions where merchant_id = $1 and occurred_at >= $2 and occurred_at < $3
             group by currency order by currency collate "C"
            """);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            totals.Add(new ControlTotal(
                reader.GetString(0),
                reader.GetInt64(1),
                reader.GetDecimal(2),
                reader.GetDecimal(3),
                reader.GetDecimal(4)));
        }

        return totals;
    }

    /// <summary>The whole file as PostgreSQL itself would write it.</summary>
    private async Task<string> ExpectedCsvAsync(GenerateReport request)
    {
        var zone = request.Period.TimeZone.Replace("'", "''", StringComparison.Ordinal);
        await using var connection = await OpenAsync();
        await using var command = Command(connection, request, $$"""
            with rows as (
                select *, occurred_at at time zone '{{zone}}' as local,
                       (occurred_at at time zone '{{zone}}') - (occurred_at at time zone 'UTC') as shift,
                       case currency when 'JPY' then 'FM999999999999990' when 'KWD' then 'FM999999999990.000'
                                     when 'BHD' then 'FM999999999990.000' else 'FM999999999990.00' end as format
                  from transactions.transactions where merchant_id = $1 and occurred_at >= $2 and occurred_at < $3)
            select string_agg(concat_ws(',', pg_temp.cell(id), to_char(local, 'YYYY-MM-DD"T"HH24:MI:SS.MS')
                       || '+' || to_char(shift, 'HH24:MI'), type, coalesce(original_id, ''),
                       pg_temp.cell(order_reference), pg_temp.cell(customer_name), pg_temp.cell(payment_method),
                       currency,
                       to_char(gross_amount, format), to_char(fee_amount, format),
                       to_char(gross_amount + fee_amount, format)) || E'\r\n', '' order by occurred_at, id)
              from rows
            """);
        await using var cell = new NpgsqlCommand("""
            create function pg_temp.cell(value text) returns text language sql as $$
                select case when safe ~ '[",\r\n]' then '"' || replace(safe, '"', '""') || '"' else safe end
                  from (select case when value ~ '^[-=+@\t\r\n＝＋－＠]' then '''' || value else value end as safe) as v $$
            """, connection);
        await cell.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var rows = (string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
        return "transaction_id,occurred_at,type,original_transaction_id,order_reference,customer_name,payment_method,"
            + $"currency,gross_amount,fee_amount,net_amount\r\n{rows}";
    }

    private ValueTask<NpgsqlConnection> OpenAsync() =>
        fixture.Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);

    private static NpgsqlCommand Command(NpgsqlConnection connection, GenerateReport request, string sql)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = request.MerchantId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = request.Period.Start.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = request.Period.End.UtcDateTime });
        return command;
    }

    private static List<Dictionary<string, string>> SheetRows(byte[] file)
    {
        using var zip = new ZipArchive(new MemoryStream(file));
        using var sheet = zip.GetEntry("xl/worksheets/sheet1.xml")!.Open();
        return [.. XDocument.Load(sheet).Descendants(Main + "row").Skip(1).Select(row => row.Elements(Main + "c")
            .ToDictionary(cell => cell.Attribute("r")!.Value[..1], cell => cell.Value))];
    }
}
