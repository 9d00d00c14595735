using System.Globalization;
using System.Text;
using System.Text.Json;
using Reports.Audit;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Audit;

public sealed class AuditFieldsTests
{
    private static readonly byte[] Headers = """{"origin": "somewhere", "request_id": "0HN:1"}"""u8.ToArray();

    [Fact]
    public void every_event_says_who_what_when_with_what_outcome_from_where_and_on_what()
    {
        var examples = EventExamples.All(Guid.CreateVersion7());

        examples.Keys.ShouldBe(ContractNames.Events.Keys, ignoreOrder: true);
        foreach (var (type, example) in examples)
        {
            var fields = AuditFields.Of(type, Headers, Json(example));

            fields.ShouldSatisfyAllConditions(
                type,
                () => fields.Principal.ShouldBe(Principal(example)),
                () => fields.Type.ShouldBe(type),
                () => Times(example).ShouldContain(DateTimeOffset.Parse(
                    fields.Time.ShouldNotBeNull(), CultureInfo.InvariantCulture)),
                () => fields.Outcome.ShouldBeOneOf(AuditFields.Success, AuditFields.Failure, AuditFields.Pending),
                () => fields.Origin.ShouldNotBeNullOrEmpty(),
                () => fields.Resource.ShouldNotBeNull().ShouldMatch("^[a-z_]+:.+$"));
        }
    }

    [Fact]
    public void the_origin_of_an_event_goes_before_that_of_its_request()
    {
        var attempted = EventExamples.All(Guid.Empty)["download.attempted.v1"];

        AuditFields.Of("download.attempted.v1", Headers, Json(attempted)).Origin.ShouldBe(new string('a', 64));
        AuditFields.Of("report.expired.v1", Headers, "{}"u8.ToArray()).Origin.ShouldBe("somewhere");
    }

    [Fact]
    public void what_was_not_found_is_named_by_the_hash_of_what_was_asked_for() =>
        AuditFields.Of("download.attempted.v1", null, """{"locator_sha256": "abc"}"""u8.ToArray())
            .Resource.ShouldBe("locator:abc");

    [Theory]
    [InlineData(200, "success")]
    [InlineData(403, "failure")]
    public void a_read_of_the_audit_fails_by_its_status(int status, string outcome) =>
        AuditFields.Of("audit.read.v1", null, Encoding.UTF8.GetBytes($$"""{"status": {{status}}}"""))
            .Outcome.ShouldBe(outcome);

    [Theory]
    [InlineData("""{"by": "somebody", "report_id": 7, "ended_at": {}, "origin": []}""")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("")]
    public void whatever_is_stored_is_no_reason_to_fail(string data)
    {
        foreach (var type in ContractNames.Events.Keys.Append("unknown.v1"))
        {
            var fields = AuditFields.Of(type, Encoding.UTF8.GetBytes(data), Encoding.UTF8.GetBytes(data));

            (fields.Principal, fields.Time, fields.Origin).ShouldBe((null, null, null));
        }
    }

    private static byte[] Json(object e) => JsonSerializer.SerializeToUtf8Bytes(e, e.GetType(), ContractJson.Options);

    private static string Principal(object e) =>
        e.GetType().GetProperty("By")!.GetValue(e) is Actor by ? $"{by.Kind.Word()}:{by.Id}" : "";

    // The instants of an event, and of what describes it.
    private static IEnumerable<DateTimeOffset> Times(object e) => e.GetType().GetProperties()
        .Select(property => property.GetValue(e))
        .SelectMany(value => value switch
        {
            DateTimeOffset at => [at],
            ReportDescription report => [report.RequestedAt],
            _ => Array.Empty<DateTimeOffset>(),
        });
}
