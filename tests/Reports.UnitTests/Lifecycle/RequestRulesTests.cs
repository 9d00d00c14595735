using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Lifecycle;
using Reports.Lifecycle.Requests;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

/// <summary>What may stand in a request for a report, and what it stands for.</summary>
public sealed class RequestRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, true)]
    [InlineData("a", true)]
    [InlineData("Corner-Shop_2.1 north", true)]
    [InlineData("أرباح", true)]
    [InlineData("हिन्दी", true)]
    [InlineData("報表", true)]
    [InlineData("", false)]
    [InlineData(" a", false)]
    [InlineData(".a", false)]
    [InlineData("\u0301a", false)]
    [InlineData("a/b", false)]
    [InlineData("a\\b", false)]
    [InlineData("a\"b", false)]
    [InlineData("a\nb", false)]
    [InlineData("a\u202Eb", false)]
    [InlineData("a\0", false)]
    [InlineData("a;b", false)]
    public void a_prefix_of_file_names_has_letters_digits_and_little_else(string? prefix, bool isUsable) =>
        FileNamePrefix.IsUsable(prefix).ShouldBe(isUsable);

    [Fact]
    public void a_prefix_has_sixty_characters_at_the_most()
    {
        FileNamePrefix.IsUsable(new string('a', 60)).ShouldBeTrue();
        FileNamePrefix.IsUsable(string.Concat(Enumerable.Repeat("𐐀", 60))).ShouldBeTrue();
        FileNamePrefix.IsUsable(new string('a', 61)).ShouldBeFalse();
    }

    [Fact]
    public void columns_are_chosen_from_those_there_are()
    {
        ColumnChoice.IsUsable(null).ShouldBeTrue();
        ColumnChoice.IsUsable(["net_amount", "transaction_id"]).ShouldBeTrue();
        ColumnChoice.IsUsable([.. ReportColumnNames.All]).ShouldBeTrue();
        ColumnChoice.IsUsable([]).ShouldBeFalse();
        ColumnChoice.IsUsable(["net_amount", "net_amount"]).ShouldBeFalse();
        ColumnChoice.IsUsable(["Net_Amount"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324")]
    [InlineData("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324")]
    [InlineData(" Zm9v+/= ", "Zm9v+/=")]
    [InlineData("\"a\\\"b\\\\c,;\"", "a\"b\\c,;")]
    public void a_key_is_the_same_bare_and_between_quotation_marks(string field, string key) =>
        IdempotencyKey.Parse(field).ShouldBe(key);

    [Theory]
    [InlineData("")]
    [InlineData("\"")]
    [InlineData("\"\"")]
    [InlineData("\"a")]
    [InlineData("a\"")]
    [InlineData("\"a\"b")]
    [InlineData("\"a\\\"")]
    [InlineData("\"a\\n\"")]
    [InlineData("\"a\";x=1")]
    [InlineData("\"a b\"")]
    [InlineData("a b")]
    [InlineData("a,b")]
    [InlineData("a;x=1")]
    [InlineData("é")]
    public void what_is_no_key_is_refused(string field) =>
        Should.Throw<ProblemException>(() => IdempotencyKey.Parse(field)).Problem.Status.ShouldBe(400);

    [Fact]
    public void a_key_is_given_once_and_not_too_long()
    {
        IdempotencyKey.Parse(StringValues.Empty).ShouldBeNull();
        IdempotencyKey.Parse(new string('a', 255)).ShouldNotBeNull();
        Should.Throw<ProblemException>(() => IdempotencyKey.Parse(new string('a', 256)));
        Should.Throw<ProblemException>(() => IdempotencyKey.Parse(new StringValues(["a", "a"])));
    }

    [Theory]
    [InlineData("""{"first_day":"2026-10-25"}""", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")]
    [InlineData("""{"first_day":"2023-12-31","last_day":"2024-12-30"}""", "2023-12-31T00:00:00+01:00", "2024-12-31T00:00:00+01:00")]
    [InlineData("""{"period_start":"2025-03-30","period_end":"2026-03-30"}""", "2025-03-30T00:00:00+01:00", "2026-03-31T00:00:00+02:00")]
    [InlineData("""{"period_start":"2026-11-24T23:00:00Z","period_end":"2026-11-25T12:00:00Z"}""", "2026-11-25T00:00:00+01:00", "2026-11-25T13:00:00+01:00")]
    public void a_period_is_counted_in_local_days(string body, string start, string end)
    {
        var command = Read(body);
        var period = RequestedPeriod.Of(command, TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));

        period.Start.ToString("yyyy-MM-dd'T'HH:mm:sszzz", null).ShouldBe(start);
        period.End.ToString("yyyy-MM-dd'T'HH:mm:sszzz", null).ShouldBe(end);
    }

    [Theory]
    [InlineData("""{"first_day":"2026-11-25"}""", "first_day")]
    [InlineData("""{"first_day":"2026-11-01","last_day":"2026-11-25"}""", "last_day")]
    [InlineData("""{"interval":"monthly","first_day":"2026-11-01"}""", "first_day")]
    [InlineData("""{"first_day":"2024-01-01","last_day":"2025-01-01"}""", "last_day")]
    [InlineData("""{"period_start":"2026-11-24","period_end":"2026-11-25T12:00:01Z"}""", "period_end")]
    [InlineData("""{"period_start":"2025-01-01T00:00:00Z","period_end":"2026-01-02T00:00:01Z"}""", "period_end")]
    public void a_period_is_over_and_has_a_year_at_the_most(string body, string field) =>
        Should.Throw<ProblemException>(() => Read(body)).Problem.Errors.Keys.ShouldBe([field]);

    [Fact]
    public void two_bodies_that_say_the_same_are_the_same_command()
    {
        string Canonical(string body) => JsonSerializer.Serialize(Read(body), ContractJson.Options);

        Canonical("""{"format":"csv","first_day":"2026-10-01","interval":"custom","locale":null}""")
            .ShouldBe(Canonical("""{ "first_day": "2026-10-01" }"""));
        Canonical("""{"period_start":"2026-10-01T03:00:00+03:00","period_end":"2026-10-02T00:00:00Z"}""")
            .ShouldBe(Canonical("""{"period_start":"2026-10-01T00:00:00.000Z","period_end":"2026-10-02T00:00:00Z"}"""));
        Canonical("""{"first_day":"2026-10-01","columns":["net_amount"]}""")
            .ShouldNotBe(Canonical("""{"first_day":"2026-10-01"}"""));
        Canonical("""{"first_day":"2026-10-01","byte_order_mark":true}""")
            .ShouldNotBe(Canonical("""{"first_day":"2026-10-01"}"""));
    }

    private static RequestReport.Command Read(string body)
    {
        using var document = JsonDocument.Parse(body);
        return RequestBody.Read(new JsonFields(document.RootElement.Clone()), "Europe/Berlin", Now);
    }
}
