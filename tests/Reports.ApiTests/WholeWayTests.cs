using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Generator;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>From transactions and a request to downloaded bytes.</summary>
public sealed class WholeWayTests(ReportsApp app)
{
    [Fact]
    public async Task a_requested_report_is_generated_verified_listed_and_downloaded()
    {
        var merchant = await app.MerchantAsync("Asia/Kuwait");
        await ImportAsync(merchant,
            "p1,2026-03-01T00:00:00+03:00,payment,,o-1,Sara,KNET,KWD,10.500,-0.105",
            "p2,2026-03-01T12:00:00+03:00,payment,,o-2,\"Al-Rai, \"\"Co\"\"\",Visa,JPY,1200,-36",
            "r1,2026-03-01T23:59:59.999+03:00,refund,p1,o-1,=SUM(A1),KNET,KWD,-0.500,0.000",
            "p3,2026-03-02T00:00:00+03:00,payment,,o-3,Next day,Visa,USD,1.00,-0.03");

        var report = await RequestAsync(merchant, ReportFormat.Csv, new DateOnly(2026, 3, 1));

        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        listed.GetProperty("report_name").GetString().ShouldBe("settlement-2026-03-01.csv");
        listed.GetProperty("records_amount").GetInt64().ShouldBe(3);
        listed.GetProperty("period_start").GetString().ShouldBe("2026-03-01T00:00:00+03:00");
        listed.GetProperty("period_end").GetString().ShouldBe("2026-03-02T00:00:00+03:00");

        using var client = merchant.Client();
        var bytes = await client.GetByteArrayAsync(new Uri(TestMerchant.PathOf(listed), UriKind.Relative));
        const string Header = "transaction_id,occurred_at,type,original_transaction_id,order_reference,customer_name,"
            + "payment_method,currency,gross_amount,fee_amount,net_amount\r\n";
        Encoding.UTF8.GetString(bytes).ShouldBe(Header
            + "p1,2026-03-01T00:00:00.000+03:00,payment,,o-1,Sara,KNET,KWD,10.500,-0.105,10.395\r\n"
            + "p2,2026-03-01T12:00:00.000+03:00,payment,,o-2,\"Al-Rai, \"\"Co\"\"\",Visa,JPY,1200,-36,1164\r\n"
            + "r1,2026-03-01T23:59:59.999+03:00,refund,p1,o-1,'=SUM(A1),KNET,KWD,-0.500,0.000,-0.500\r\n");
        listed.GetProperty("sha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(bytes)));
        listed.GetProperty("file_size").GetInt64().ShouldBe(bytes.Length);

        var events = await merchant.EventsAsync(report);
        events.Select(e => e.GetType()).ShouldBe(
            [typeof(ReportRequested), typeof(GenerationStarted), typeof(ReportGenerated), typeof(ReportFinished)]);
        ((ReportGenerated)events[2]).Totals.ShouldBe(
            [new ControlTotal("JPY", 1, 1200m, -36m, 1164m), new ControlTotal("KWD", 2, 10.000m, -0.105m, 9.895m)],
            ignoreOrder: true);
    }

    [Theory]
    [InlineData(ReportFormat.Csv, "text/csv; charset=utf-8")]
    [InlineData(ReportFormat.Xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    public async Task a_report_without_rows_is_a_report(ReportFormat format, string mediaType)
    {
        var merchant = await app.MerchantAsync();

        await RequestAsync(merchant, format, new DateOnly(2026, 3, 1));

        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        listed.GetProperty("records_amount").GetInt64().ShouldBe(0);
        using var client = merchant.Client();
        using var answer = await client.GetAsync(new Uri(TestMerchant.PathOf(listed), UriKind.Relative));
        (await answer.Content.ReadAsByteArrayAsync()).ShouldNotBeEmpty();
        answer.Content.Headers.ContentType!.ToString().ShouldBe(mediaType);
    }

    [Fact]
    public async Task a_workbook_has_as_many_records_as_the_list_says()
    {
        var merchant = await app.MerchantAsync();
        await ImportAsync(merchant, [.. Enumerable.Range(0, 40).Select(i =>
            $"p{i},2026-03-01T00:{i:00}:00Z,payment,,o-{i},Customer,Visa,USD,1.00,-0.03")]);

        await RequestAsync(merchant, ReportFormat.Xlsx, new DateOnly(2026, 3, 1));

        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        listed.GetProperty("file_format").GetString().ShouldBe("xlsx");
        listed.GetProperty("records_amount").GetInt64().ShouldBe(40);
    }

    [Fact]
    public async Task events_say_who_and_which_request_caused_them()
    {
        var merchant = await app.MerchantAsync();

        var report = await RequestAsync(merchant, ReportFormat.Csv, new DateOnly(2026, 3, 1));

        await using var command = app.Database.CreateCommand(
            "select user_name, tenant_id from events.mt_events where stream_id = $1 order by version");
        command.Parameters.AddWithValue(report);
        await using var row = await command.ExecuteReaderAsync();
        var users = new List<string>();
        while (await row.ReadAsync())
        {
            users.Add(row.GetString(0));
            row.GetString(1).ShouldBe(merchant.Id.ToString());
        }

        users.Distinct().ShouldBe(["operator", ReferenceGenerator.Name, "reports"]);
    }

    private async Task<Guid> RequestAsync(TestMerchant merchant, ReportFormat format, DateOnly day)
    {
        var report = await app.Services.SendAsync(
            merchant.Id,
            new RequestReport.Command(ReportInterval.Daily, ReportSource.Manual, format, day),
            default);
        await Eventually.GetAsync(
            async () =>
            {
                var status = await StatusAsync(report);
                status.ShouldNotBe("failed");
                return status == "finished" ? status : null;
            },
            $"report {report} to be finished");
        return report;
    }

    private async Task<string?> StatusAsync(Guid report)
    {
        await using var command = app.Database.CreateCommand(
            "select status from reports.report_requests where report_id = $1");
        command.Parameters.AddWithValue(report);
        return (string?)await command.ExecuteScalarAsync();
    }

    private async Task ImportAsync(TestMerchant merchant, params string[] rows)
    {
        var csv = new StringBuilder(TransactionImport.Header).Append("\r\n");
        foreach (var row in rows)
        {
            var id = row.IndexOf(',', StringComparison.Ordinal);
            csv.Append(CultureInfo.InvariantCulture, $"{row[..id]},{merchant.Id}{row[id..]}\r\n");
        }

        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(csv.ToString()));
        var result = await app.Services.GetRequiredService<TransactionImport>().ImportAsync(stream, null, default);
        result.Errors.ShouldBeEmpty();
    }
}
