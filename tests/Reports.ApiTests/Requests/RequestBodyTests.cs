using System.Net;
using System.Text;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Requests;

/// <summary>What may stand in the body of a request, and what is answered when something else does.</summary>
public sealed class RequestBodyTests(ReportsApp app)
{
    [Theory]
    [InlineData("{}", "first_day")]
    [InlineData("""{"first_day":null}""", "first_day")]
    [InlineData("""{"first_day":20260301}""", "first_day")]
    [InlineData("""{"first_day":"2026-02-30"}""", "first_day")]
    [InlineData("""{"first_day":"1999-12-31"}""", "first_day")]
    [InlineData("""{"first_day":"9999-12-31"}""", "first_day")]
    [InlineData("""{"first_day":"2126-01-01"}""", "first_day")]
    [InlineData("""{"first_day":"2026-03-01","last_day":"2126-01-01"}""", "last_day")]
    [InlineData("""{"first_day":"2026-03-01","last_day":"2026-02-01"}""", "last_day")]
    [InlineData("""{"first_day":"2025-01-01","last_day":"2026-01-02"}""", "last_day")]
    [InlineData("""{"interval":"daily","first_day":"2026-03-01","last_day":"2026-03-01"}""", "last_day")]
    [InlineData("""{"interval":"yearly","first_day":"2026-03-01"}""", "first_day")]
    [InlineData("""{"interval":"hourly","first_day":"2026-03-01"}""", "interval")]
    [InlineData("""{"first_day":"2026-03-01","format":"pdf"}""", "format")]
    [InlineData("""{"first_day":"2026-03-01","format":["csv"]}""", "format")]
    [InlineData("""{"first_day":"2026-03-01","time_zone":"Mars/Olympus"}""", "time_zone")]
    [InlineData("""{"first_day":"2026-03-01","time_zone":"../../etc/passwd"}""", "time_zone")]
    [InlineData("""{"first_day":"2026-03-01","locale":"fr"}""", "locale")]
    [InlineData("""{"first_day":"2026-03-01","byte_order_mark":"yes"}""", "byte_order_mark")]
    [InlineData("""{"first_day":"2026-03-01","right_to_left":1}""", "right_to_left")]
    [InlineData("""{"first_day":"2026-03-01","columns":"net"}""", "columns")]
    [InlineData("""{"first_day":"2026-03-01","columns":[1]}""", "columns")]
    [InlineData("""{"first_day":"2026-03-01","columns":[]}""", "columns")]
    [InlineData("""{"first_day":"2026-03-01","columns":["net_amount","password"]}""", "columns")]
    [InlineData("""{"first_day":"2026-03-01","columns":["net_amount","net_amount"]}""", "columns")]
    [InlineData("""{"first_day":"2026-03-01","file_name_prefix":""}""", "file_name_prefix")]
    [InlineData("""{"first_day":"2026-03-01","file_name_prefix":"../x"}""", "file_name_prefix")]
    [InlineData("""{"first_day":"2026-03-01","file_name_prefix":"\ud800"}""", "file_name_prefix")]
    [InlineData("""{"first_day":"2026-03-01","first_day":"2026-03-02"}""", "first_day")]
    [InlineData("""{"period_start":"2026-03-01"}""", "period_end")]
    [InlineData("""{"period_end":"2026-03-01T00:00:00Z"}""", "period_start")]
    [InlineData("""{"period_start":"2026-03-01T00:00:00","period_end":"2026-03-02T00:00:00Z"}""", "period_start")]
    [InlineData("""{"period_start":"2026-03-01T00:00:00Z","period_end":"2026-03-01T00:00:00Z"}""", "period_end")]
    [InlineData("""{"period_start":"2025-01-01","period_end":"2026-01-02"}""", "period_end")]
    [InlineData("""{"period_start":"2026-03-01","period_end":"2126-01-01"}""", "period_end")]
    [InlineData("""{"period_start":"2026-03-01","period_end":"2026-03-02","interval":"weekly"}""", "interval")]
    [InlineData("""{"period_start":"2026-03-01","period_end":"2026-03-02","first_day":"2026-03-01"}""", "first_day")]
    [InlineData("""{"first_day":"2026-03-01","status":"finished"}""", "status")]
    public async Task a_wrong_field_is_named(string body, string field)
    {
        var merchant = await app.MerchantAsync("Europe/Berlin");
        using var client = new RequestClient(merchant.Client());

        using var response = await client.PostAsync(body);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = await Problems.ReadAsync(response, Problem.InvalidParameters);
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe([field]);
        (await client.ListAsync()).GetProperty("count").GetInt64().ShouldBe(0);
    }

    [Fact]
    public async Task all_wrong_fields_are_named_at_once()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());

        using var response = await client.PostAsync(
            """
            {"interval":7,"first_day":"tomorrow","format":"pdf","time_zone":"x","columns":{},"locale":"xx",
             "byte_order_mark":0,"right_to_left":"","file_name_prefix":" x","colour":"red","__proto__":{}}
            """);

        (await Problems.ReadAsync(response, Problem.InvalidParameters)).GetProperty("errors").EnumerateObject()
            .Select(e => e.Name).ShouldBe(
                [
                    "interval", "first_day", "format", "time_zone", "columns", "locale", "byte_order_mark",
                    "right_to_left", "file_name_prefix", "colour", "__proto__",
                ],
                ignoreOrder: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("first_day=2026-03-01")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"2026-03-01\"")]
    [InlineData("""{"first_day":"2026-03-01"} {}""")]
    [InlineData("""{"first_day":"2026-03-01",}""")]
    [InlineData("""{"\ud800":1}""")]
    public async Task what_is_no_json_object_is_malformed(string body)
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());

        using var response = await client.PostAsync(body);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        await Problems.ReadAsync(response, Problem.InvalidParameters);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("")]
    public async Task other_media_types_are_refused(string type)
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());

        using var response = await client.PostAsync(RequestClient.Daily(1), type: type);

        response.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        await Problems.ReadAsync(response, Problem.UnsupportedMediaType);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task a_large_body_is_refused_whether_its_length_is_told_or_not(bool isChunked)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.RealClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(RequestClient.Path, UriKind.Relative))
        {
            Content = new StringContent(
                $$"""{"first_day":"2026-03-01","x":"{{new string('x', 64 * 1024)}}"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = isChunked;

        using var response = await client.SendAsync(request);

        response.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        await Problems.ReadAsync(response, Problem.PayloadTooLarge);
    }

    [Theory]
    [InlineData(
        """{"period_start":"2026-03-01","period_end":"2026-03-31","file_name_prefix":"أرباح 3.1"}""",
        "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "أرباح 3.1-2026-03-01_2026-03-31.csv")]
    [InlineData(
        """{"period_start":"2026-03-01T08:00:00Z","period_end":"2026-03-02T06:30:15+03:00"}""",
        "2026-03-01T09:00:00+01:00", "2026-03-02T04:30:15+01:00", "settlement-2026-03-01T0900_2026-03-02T043015.csv")]
    [InlineData(
        """{"interval":"MONTHLY","first_day":"2026-02-17","time_zone":"Asia/Kuwait"}""",
        "2026-02-01T00:00:00+03:00", "2026-03-01T00:00:00+03:00", "settlement-2026-02.csv")]
    [InlineData(
        """{"first_day":"2024-02-29","last_day":null,"columns":null}""",
        "2024-02-29T00:00:00+01:00", "2024-03-01T00:00:00+01:00", "settlement-2024-02-29_2024-02-29.csv")]
    public async Task the_period_is_the_one_that_was_named(string body, string start, string end, string name)
    {
        var merchant = await app.MerchantAsync("Europe/Berlin");
        using var client = new RequestClient(merchant.Client());

        var shown = await client.AcceptedAsync(body);

        string?[] period = [.. ((string[])["period_start", "period_end", "report_name"]).Select(m => shown.GetProperty(m).GetString())];
        period.ShouldBe([start, end, name]);
    }
}
