using System.Text.Json;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Lifecycle;
using Reports.Lifecycle.Schedules;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

public sealed class ScheduleDecisionTests
{
    private static readonly Guid Id = new("01980000-0000-7000-8000-000000000001");
    private static readonly Guid Merchant = new("01980000-0000-7000-8000-00000000000f");
    private static readonly Actor By = Actor.Operator;
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);
    private static readonly ScheduleDefinition Daily = new(
        new ScheduleRule(ReportInterval.Daily, new(0, 0), "UTC"),
        ReportFormat.Csv,
        new ReportLayout(Columns: ["transaction_id"]),
        "settlement");

    [Fact]
    public void the_first_period_is_the_first_to_end_after_the_schedule_was_created() =>
        Stored(Created()).Next!.End.ShouldBe(Now.Date.AddDays(1).ToUtc());

    [Fact]
    public void the_next_period_begins_where_the_last_one_ended()
    {
        var asked = Stored(Created()) with { LastEnd = Now.Date.AddDays(5).ToUtc() };

        asked.Next!.Start.ShouldBe(Now.Date.AddDays(5).ToUtc());
        asked.Next.End.ShouldBe(Now.Date.AddDays(6).ToUtc());
    }

    [Fact]
    public void what_ended_while_a_schedule_was_paused_is_not_asked_for()
    {
        var paused = Stored(Created(), new SchedulePaused(Id, By, Now.AddHours(1)))
            with { LastEnd = Now.Date.ToUtc() };
        var resumed = paused.After([new ScheduleResumed(Id, By, Now.AddDays(3))]);

        paused.Next.ShouldBeNull();
        resumed.Next!.Start.ShouldBe(Now.Date.AddDays(3).ToUtc());
        resumed.Next.End.ShouldBe(Now.Date.AddDays(4).ToUtc());
        resumed.Version.ShouldBe(3);
    }

    [Fact]
    public void a_changed_schedule_asks_for_whole_periods_of_its_new_rule()
    {
        var monthly = Daily with { Rule = new(ReportInterval.Monthly, new(0, 0), "UTC", Day: 1) };
        var changed = Stored(Created(), new ScheduleChanged(Id, monthly, By, Now.AddHours(1)))
            with { LastEnd = Now.Date.ToUtc() };

        changed.Next!.Start.ShouldBe(new DateTime(2026, 11, 1).ToUtc());
        changed.Next.End.ShouldBe(new DateTime(2026, 12, 1).ToUtc());
    }

    [Fact]
    public void a_deleted_schedule_asks_for_nothing() =>
        Stored(Created(), new ScheduleDeleted(Id, By, Now)).Next.ShouldBeNull();

    [Fact]
    public void a_period_is_asked_for_under_one_id_whoever_asks()
    {
        var schedule = Stored(Created());
        var (here, there) = (schedule.Ask(schedule.Next!, 1, Now), schedule.Ask(schedule.Next!, 2, Now.AddHours(1)));

        here.ReportId.ShouldBe(there.ReportId);
        here.ReportId.ShouldNotBe(StoredSchedule.ReportId(Id, Now));
        StoredSchedule.ReportId(Id, Now).ShouldBe(StoredSchedule.ReportId(Id, Now.ToOffset(TimeSpan.FromHours(3))));
        here.ScheduleId.ShouldBe(Id);
        here.By.ShouldBe(new Actor(ActorKind.Service, "schedule"));
        here.Report.ShouldBe(new ReportDescription(
            1, "settlement-2026-11-23.csv", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, Daily.Layout,
            new ReportPeriod(Now.Date.ToUtc(), Now.Date.AddDays(1).ToUtc(), "UTC"), Now));
    }

    [Fact]
    public void changing_into_what_it_is_changes_nothing() => ChangeSchedule.Decide(
        Stored(Created()).Schedule,
        Daily with { Layout = Daily.Layout with { Columns = ["transaction_id"] } },
        ScheduleStatus.Active,
        By,
        Now).ShouldBeEmpty();

    [Fact]
    public void a_change_may_pause_too()
    {
        var other = Daily with { Format = ReportFormat.Xlsx };

        ChangeSchedule.Decide(Stored(Created()).Schedule, other, ScheduleStatus.Paused, By, Now)
            .ShouldBe([new ScheduleChanged(Id, other, By, Now), new SchedulePaused(Id, By, Now)]);
    }

    [Fact]
    public void a_schedule_may_begin_paused() =>
        CreateSchedule.Decide(Id, Merchant, Daily, ScheduleStatus.Paused, By, Now)
            .ShouldBe([Created(), new SchedulePaused(Id, By, Now)]);

    [Theory]
    [InlineData("""{"interval": "daily"}""", "daily 00:00 Asia/Kuwait")]
    [InlineData("""{"interval": "Weekly", "weekday": "friday", "cut_off": "17:30"}""", "weekly friday 17:30 Asia/Kuwait")]
    [InlineData("""{"interval": "monthly", "time_zone": "UTC"}""", "monthly 1 00:00 UTC")]
    [InlineData("""{"interval": "monthly", "day": "last", "month": null}""", "monthly 31 00:00 Asia/Kuwait")]
    [InlineData("""{"interval": "yearly"}""", "yearly 1 1 00:00 Asia/Kuwait")]
    [InlineData("""{"interval": "yearly", "month": 2, "day": 29}""", "yearly 2 29 00:00 Asia/Kuwait")]
    public void a_body_that_leaves_members_out_has_their_defaults(string body, string rule)
    {
        var (definition, status) = Read(body);

        definition.ShouldBe(new ScheduleDefinition(CutOffTests.Rule(rule), ReportFormat.Csv, new(), "settlement"));
        status.ShouldBeNull();
    }

    [Theory]
    [InlineData("""{}""", "interval")]
    [InlineData("""{"interval": "custom"}""", "interval")]
    [InlineData("""{"interval": "hourly", "cut_off": "24:00"}""", "interval", "cut_off")]
    [InlineData("""{"interval": "weekly"}""", "weekday")]
    [InlineData("""{"interval": "weekly", "weekday": "monday", "day": 1}""", "day")]
    [InlineData("""{"interval": "daily", "weekday": "monday", "day": 1, "month": 1}""", "weekday", "day", "month")]
    [InlineData("""{"interval": "monthly", "day": 0}""", "day")]
    [InlineData("""{"interval": "monthly", "day": 1.5}""", "day")]
    [InlineData("""{"interval": "yearly", "day": 32, "month": 13}""", "day", "month")]
    [InlineData("""{"interval": "daily", "time_zone": "Mars/Olympus"}""", "time_zone")]
    [InlineData("""{"interval": "daily", "time_zone": "Arabic Standard Time"}""", "time_zone")]
    [InlineData("""{"interval": "daily", "format": "pdf", "locale": "fr", "byte_order_mark": 1}""", "format", "locale", "byte_order_mark")]
    [InlineData("""{"interval": "daily", "file_name_prefix": ".hidden"}""", "file_name_prefix")]
    [InlineData("""{"interval": "daily", "file_name_prefix": "a/b"}""", "file_name_prefix")]
    [InlineData("""{"interval": "daily", "columns": []}""", "columns")]
    [InlineData("""{"interval": "daily", "columns": ["transaction_id", "transaction_id"]}""", "columns")]
    [InlineData("""{"interval": "daily", "columns": ["password"]}""", "columns")]
    [InlineData("""{"interval": "daily", "status": "deleted"}""", "status")]
    [InlineData("""{"interval": "daily", "colour": "red", "id": "x"}""", "colour", "id")]
    public void every_member_at_fault_is_named(string body, params string[] members) =>
        Should.Throw<ProblemException>(() => Read(body)).Problem.Errors.Keys.ShouldBe(members, ignoreOrder: true);

    [Fact]
    public void what_was_shown_may_be_sent_back()
    {
        var stored = Stored(Created());
        var shown = JsonSerializer.SerializeToElement(ListedSchedule.Of(stored), ScheduleJson.Plain.ListedSchedule);

        var (definition, status) = ScheduleBody.Read(new JsonFields(shown), "Asia/Kuwait", isNew: false);

        ChangeSchedule.Decide(stored.Schedule, definition, status, By, Now).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{}""", """["transaction_id"]""", "00:00")]
    [InlineData("""{"columns": null, "cut_off": "06:00"}""", "null", "06:00")]
    public void a_patch_changes_what_it_names(string patch, string columns, string cutOff)
    {
        var fields = ScheduleBody.Merge(JsonElement.Parse(patch), Daily, ScheduleStatus.Paused);

        var (definition, status) = ScheduleBody.Read(fields, "Asia/Kuwait", isNew: false);

        JsonSerializer.Serialize(definition.Layout.Columns).ShouldBe(columns);
        ScheduleBody.TimeOf(definition.Rule).ShouldBe(cutOff);
        definition.Rule.TimeZone.ShouldBe("UTC");
        status.ShouldBe(ScheduleStatus.Paused);
    }

    private static (ScheduleDefinition Definition, ScheduleStatus? Status) Read(string body) =>
        ScheduleBody.Read(new JsonFields(JsonElement.Parse(body)), "Asia/Kuwait", isNew: true);

    private static ScheduleCreated Created() => new(Id, Merchant, Daily, By, Now);

    private static StoredSchedule Stored(params object[] events) => new(
        events.Aggregate((Schedule?)null, Schedule.Fold)!, events.Length, LastEnd: null);
}

internal static class Dates
{
    public static DateTimeOffset ToUtc(this DateTime day) => new(DateTime.SpecifyKind(day, DateTimeKind.Unspecified), TimeSpan.Zero);
}
