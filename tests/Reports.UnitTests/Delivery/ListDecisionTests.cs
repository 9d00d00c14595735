using Reports.BuildingBlocks;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class ListDecisionTests
{
    private static readonly Guid Merchant = Guid.CreateVersion7();
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);

    [Fact]
    public void without_bounds_it_is_the_last_thirty_days()
    {
        var filter = Decide(null, null);

        filter.From.ShouldBe(Now.AddDays(-30));
        filter.Until.ShouldBe(Times.Latest);
    }

    [Fact]
    public void an_upper_bound_alone_looks_back_without_end() => Decide(null, "2026-11-01").From.ShouldBe(Times.Earliest);

    [Theory]
    [InlineData("Asia/Kuwait", "2026-03-29", "2026-03-28T21:00:00Z", "2026-03-29T21:00:00Z")]
    [InlineData("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]
    [InlineData("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]
    [InlineData("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z")]
    [InlineData("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")]
    public void a_date_is_a_local_day_also_when_the_clocks_change(string zone, string day, string from, string until)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;

        var filter = ListReports.Decide(new(day, day, null, null, null, null), Merchant, zone, Now);

        filter.From.ShouldBe(DateTimeOffset.Parse(from, culture));
        filter.Until.ShouldBe(DateTimeOffset.Parse(until, culture));
    }

    [Theory]
    [InlineData("2026-11-01T00:00:00Z")]
    [InlineData("2026-11-01t03:00:00+03:00")]
    [InlineData("2026-11-01T00:00:00.0000000z")]
    [InlineData("2026-11-01T00:00:00.000000000000Z")]
    [InlineData("2026-10-31T19:00:00.000-05:00")]
    public void an_instant_is_read_as_rfc_3339_writes_it(string text) =>
        Times.Instant(text).ShouldBe(new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData("2026-11-01T00:00:00")]
    [InlineData("2026-11-01 00:00:00Z")]
    [InlineData("2026-11-01T24:00:00Z")]
    [InlineData("2026-11-01T00:00Z")]
    [InlineData("2026-11-01T00:00:00.Z")]
    [InlineData("2026-11-01T00:00:00.+03:00")]
    [InlineData("2026-11-01T00:00:00.")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("10000-01-01T00:00:00Z")]
    [InlineData("٢٠٢٦-11-01T00:00:00Z")]
    [InlineData("")]
    public void what_is_no_instant_is_none(string text) => Times.Instant(text).ShouldBeNull();

    [Theory]
    [InlineData("0001-01-01", "9999-12-31")]
    [InlineData("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")]
    [InlineData("9999-12-31", "9999-12-31")]
    [InlineData("9999-12-31T23:59:59Z", null)]
    public void the_ends_of_the_calendar_stand_for_ever(string after, string? before)
    {
        foreach (var zone in new[] { "Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago" })
        {
            var filter = ListReports.Decide(new(after, before), Merchant, zone, Now);

            filter.From.ShouldBeLessThan(filter.Until);
            filter.Until.Year.ShouldBe(9999);
        }
    }

    [Theory]
    [InlineData("Pacific/Kiritimati")]
    [InlineData("Pacific/Pago_Pago")]
    public void the_first_day_of_the_calendar_is_a_day_everywhere(string zone)
    {
        var filter = ListReports.Decide(new("0001-01-01", "0001-01-01"), Merchant, zone, Now);

        filter.From.ShouldBeLessThan(filter.Until);
    }

    private static ReportFilter Decide(string? after, string? before) =>
        ListReports.Decide(new(after, before), Merchant, "UTC", Now);
}
