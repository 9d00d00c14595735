using System.Security.Cryptography;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

public sealed class ReportDecisionTests
{
    private static readonly Guid Id = Guid.CreateVersion7();
    private static readonly Guid Merchant = Guid.CreateVersion7();
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);
    private static readonly GenerationCompleted Answer = new(Id, 1, "g", "gen/1", "report.csv", 10, new string('a', 64), 2, []);
    private static readonly StorageKey Key = StorageKey.Parse("m/r/1/report.csv");
    private static readonly FileFacts Facts = new(10, new string('a', 64), new BlockDigests(262144, [1]), 2);

    [Fact]
    public void a_request_names_the_report_after_its_period()
    {
        Request(ReportInterval.Daily, new(2026, 11, 1)).Name.ShouldBe("settlement-2026-11-01.csv");
        Request(ReportInterval.Weekly, new(2026, 11, 2)).Name.ShouldBe("settlement-2026-11-02_2026-11-08.csv");
        Request(ReportInterval.Monthly, new(2026, 10, 17)).Name.ShouldBe("settlement-2026-10.csv");
        Request(ReportInterval.Yearly, new(2025, 6, 1)).Name.ShouldBe("settlement-2025.csv");
        Request(ReportInterval.Custom, new(2026, 10, 1), new DateOnly(2026, 10, 15)).Name
            .ShouldBe("settlement-2026-10-01_2026-10-15.csv");
    }

    [Fact]
    public void a_period_is_counted_in_local_days()
    {
        var period = Request(ReportInterval.Monthly, new(2026, 10, 17)).Period;

        period.Start.ShouldBe(new DateTimeOffset(2026, 10, 1, 0, 0, 0, TimeSpan.FromHours(2)));
        period.End.ShouldBe(new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.FromHours(1)));
        period.TimeZone.ShouldBe("Europe/Berlin");
    }

    [Fact]
    public void a_period_that_is_not_over_is_refused()
    {
        Should.Throw<ProblemException>(() => Request(ReportInterval.Monthly, new(2026, 11, 1))).Problem.Status.ShouldBe(400);
        Should.Throw<ProblemException>(() => Request(ReportInterval.Daily, new(2026, 11, 23)));
        Request(ReportInterval.Daily, new(2026, 11, 22)).ShouldNotBeNull();
    }

    [Fact]
    public void the_first_claim_is_recorded_as_it_was_made()
    {
        var generated = RecordGenerationHandler.Decide(Requested(), Answer, Key, Now).ShouldNotBeNull();

        (generated.FileSize, generated.Sha256, generated.Records).ShouldBe((10, Answer.Sha256, 2));
        generated.By.ShouldBe(new Actor(ActorKind.Generator, "gen/1"));
        generated.StorageKey.ShouldBe(Key.Value);
    }

    [Fact]
    public void a_claim_after_that_is_old_news()
    {
        RecordGenerationHandler.Decide(Generated(), Answer, Key, Now).ShouldBeNull();
        RecordGenerationHandler.Decide(Finished(), Answer, Key, Now).ShouldBeNull();
    }

    [Fact]
    public void a_claim_before_its_request_waits() =>
        Should.Throw<ReportNotYetKnownException>(() => RecordGenerationHandler.Decide(null, Answer, Key, Now));

    [Fact]
    public void a_claim_that_holds_finishes_the_report()
    {
        var finished = Decide(Facts).ShouldBeOfType<ReportFinished>();

        finished.ExpiresAt.ShouldBe(Now.AddDays(30));
        finished.GeneratedAt.ShouldBe(Generated().Claim!.GeneratedAt);
        finished.Report.ShouldBe(Generated().Description);
    }

    [Fact]
    public void a_claim_that_does_not_hold_fails_it()
    {
        foreach (var other in new[] { Facts with { Size = 11 }, Facts with { Sha256 = new('b', 64) }, Facts with { Records = 3 } })
        {
            Decide(other).ShouldBeOfType<ReportGenerationFailed>().Code.ShouldBe("verification");
        }
    }

    [Fact]
    public void a_grant_opens_for_its_own_report_and_attempt_until_it_expires()
    {
        var grants = new Grants(new KeyRing(1, new Dictionary<int, byte[]> { [1] = RandomNumberGenerator.GetBytes(32) }));
        var grant = new Grant(Id, 2, "m/r/2/", Now.AddDays(7));
        var text = grants.Seal(grant);

        grants.OpenFor(text, Id, 2, Now).ShouldBe(grant);
        Should.Throw<GrantRefusedException>(() => grants.OpenFor(text, Guid.CreateVersion7(), 2, Now));
        Should.Throw<GrantRefusedException>(() => grants.OpenFor(text, Id, 1, Now));
        Should.Throw<GrantRefusedException>(() => grants.OpenFor(text, Id, 2, Now.AddDays(7)));
        Should.Throw<GrantRefusedException>(() => grants.Open("", Now));
        Should.Throw<GrantRefusedException>(() => grants.Open("!", Now));
        for (var i = 0; i < text.Length; i++)
        {
            var changed = text[..i] + (text[i] == 'B' ? 'C' : 'B') + text[(i + 1)..];
            Should.Throw<GrantRefusedException>(() => grants.Open(changed, Now));
        }
    }

    private static ReportDescription Request(ReportInterval interval, DateOnly first, DateOnly? last = null) =>
        RequestReport.Decide(
            Id, 1, Merchant, "Europe/Berlin",
            new RequestReport.Command(interval, ReportSource.Manual, ReportFormat.Csv, first, last), Actor.Operator, Now).Report;

    private static object Decide(FileFacts facts) => ReportVerifier.Decide(Generated(), facts, TimeSpan.FromDays(30), Now);

    private static ReportDescription Description() => Request(ReportInterval.Daily, new(2026, 11, 1));

    private static Report Requested() =>
        Report.Fold(null, new ReportRequested(Id, Merchant, Description(), Actor.Operator))!;

    private static Report Generated() =>
        Report.Fold(Requested(), RecordGenerationHandler.Decide(Requested(), Answer, Key, Now)!)!;

    private static Report Finished() => Report.Fold(Generated(), Decide(Facts))!;
}
