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
    private static readonly GenerationFailed Refusal = new(Id, 1, "g", "gen/1", "no_data", "The ledger is closed.", true);
    private static readonly Actor Generator = new(ActorKind.Generator, "gen/1");
    private static readonly LifecycleOptions Options = new();
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
        var generated = Completed(Requested()).ShouldHaveSingleItem().ShouldBeOfType<ReportGenerated>();

        (generated.FileSize, generated.Sha256, generated.Records).ShouldBe((10, Answer.Sha256, 2));
        generated.By.ShouldBe(Generator);
    }

    [Fact]
    public void the_same_claim_after_that_is_old_news()
    {
        Completed(Generated()).ShouldBeEmpty();
        Completed(Finished()).ShouldBeEmpty();
    }

    [Fact]
    public void another_claim_after_that_is_late_and_is_recorded_once()
    {
        var other = StorageKey.Parse("m/r/1/other.csv");
        var late = Completed(Finished(), other).ShouldHaveSingleItem().ShouldBeOfType<LateResultIgnored>();

        (late.Answer, late.Subject).ShouldBe((GeneratorAnswer.Completed, other.Value));
        Completed(Fold(Finished(), late), other).ShouldBeEmpty();
        Fold(Finished(), late).Status.ShouldBe(ReportStatus.Finished);
    }

    [Fact]
    public void an_answer_to_a_try_that_is_not_known_yet_waits()
    {
        Should.Throw<ReportNotYetKnownException>(() => RecordGenerationHandler.DecideCompleted(
            Requested(), Answer with { Attempt = 2 }, Key, Generator, Now));
        Should.Throw<ReportNotYetKnownException>(() => RecordGenerationHandler.DecideStarted(Requested(), 2, Generator, Now));
        Should.Throw<ReportNotYetKnownException>(() => RecordGenerationHandler.DecideFailed(
            Requested(), Refusal with { Attempt = 2 }, Generator, Options, Now));
    }

    [Fact]
    public void a_failure_that_may_pass_is_tried_again_until_the_last_try()
    {
        var report = Requested();
        var waits = new List<TimeSpan>();
        for (var attempt = 1; attempt < Options.Attempts; attempt++)
        {
            var failed = Failed(report, attempt).ShouldHaveSingleItem().ShouldBeOfType<GenerationAttemptFailed>();
            waits.Add(failed.RetryAt - failed.FailedAt);
            report = Fold(report, failed);
            (report.Status, report.Attempt).ShouldBe((ReportStatus.Requested, attempt + 1));
            Failed(report, attempt).ShouldBeEmpty();
        }

        waits.ShouldBe([Options.RetryDelay, Options.RetryDelay * 2]);
        var last = Failed(report, Options.Attempts).ShouldHaveSingleItem().ShouldBeOfType<ReportGenerationFailed>();
        (last.Code, last.Attempt, last.Retryable).ShouldBe(("no_data", Options.Attempts, true));
        Failed(Fold(report, last), Options.Attempts).ShouldBeEmpty();
    }

    [Fact]
    public void a_generator_fails_a_try_once_whatever_it_calls_it()
    {
        var second = Fold(Requested(), Failed(Requested(), 1)[0]);

        RecordGenerationHandler.DecideFailed(second, Refusal with { Code = "other" }, Generator, Options, Now).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("no_data", "no_data")]
    [InlineData("", "unspecified")]
    [InlineData("No Data", "unspecified")]
    [InlineData("x\ny", "unspecified")]
    public void what_a_generator_calls_a_failure_is_a_word_or_left_out(string code, string expected) =>
        RecordGenerationHandler.DecideFailed(
                Requested(), Refusal with { Code = code, Retryable = false }, Generator, Options, Now)
            .ShouldHaveSingleItem().ShouldBeOfType<ReportGenerationFailed>().Code.ShouldBe(expected);

    [Fact]
    public void what_a_generator_says_of_a_failure_has_an_end_and_no_control_characters()
    {
        var failed = RecordGenerationHandler.DecideFailed(
                Requested(), Refusal with { Message = "a\u001b[31mb\0" + new string('c', 5000), Retryable = false },
                Generator, Options, Now)
            .ShouldHaveSingleItem().ShouldBeOfType<ReportGenerationFailed>();

        failed.Message.Length.ShouldBeLessThanOrEqualTo(1001);
        failed.Message.Any(char.IsControl).ShouldBeFalse();
    }

    [Fact]
    public void a_failure_that_stays_fails_the_report_at_once() =>
        RecordGenerationHandler.DecideFailed(Requested(), Refusal with { Retryable = false }, Generator, Options, Now)
            .ShouldHaveSingleItem().ShouldBeOfType<ReportGenerationFailed>().Retryable.ShouldBeFalse();

    [Fact]
    public void silence_ends_the_try_that_is_waited_for_and_no_other()
    {
        var timeout = ExpireAttemptHandler.Decide(Requested(), 1, Options, Now)
            .ShouldHaveSingleItem().ShouldBeOfType<GenerationAttemptFailed>();
        (timeout.Code, timeout.By).ShouldBe(("timeout", Actor.Service));
        var second = Fold(Requested(), timeout);

        ExpireAttemptHandler.Decide(second, 1, Options, Now).ShouldBeEmpty();
        ExpireAttemptHandler.Decide(Generated(), 1, Options, Now).ShouldBeEmpty();
        ExpireAttemptHandler.Decide(Finished(), 1, Options, Now).ShouldBeEmpty();
    }

    [Fact]
    public void an_answer_after_the_timeout_of_its_try_is_late()
    {
        var second = Fold(Requested(), ExpireAttemptHandler.Decide(Requested(), 1, Options, Now)[0]);

        Completed(second).ShouldHaveSingleItem().ShouldBeOfType<LateResultIgnored>();
        Failed(second, 1).ShouldHaveSingleItem().ShouldBeOfType<LateResultIgnored>().Subject.ShouldBe("no_data");
    }

    [Fact]
    public void what_has_not_ended_can_be_cancelled_and_twice_is_once()
    {
        foreach (var report in new[] { Requested(), Fold(Requested(), Started()), Generated() })
        {
            var cancelled = CancelReport.Decide(report, "why", Actor.Operator, Now).ShouldHaveSingleItem();
            var after = Fold(report, cancelled);
            after.Status.ShouldBe(ReportStatus.Cancelled);
            CancelReport.Decide(after, "why", Actor.Operator, Now).ShouldBeEmpty();
            Completed(after, StorageKey.Parse("m/r/1/other.csv"))
                .ShouldHaveSingleItem().ShouldBeOfType<LateResultIgnored>();
            ExpireAttemptHandler.Decide(after, 1, Options, Now).ShouldBeEmpty();
        }
    }

    [Fact]
    public void what_has_ended_cannot_be_cancelled()
    {
        var failed = Fold(Requested(), RecordGenerationHandler.DecideFailed(
            Requested(), Refusal with { Retryable = false }, Generator, Options, Now)[0]);
        foreach (var report in new[] { Finished(), failed })
        {
            Should.Throw<ProblemException>(() => CancelReport.Decide(report, null, Actor.Operator, Now))
                .Problem.Status.ShouldBe(409);
        }
    }

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
            var events = ReportVerifier.Decide(Generated(), other, TimeSpan.FromDays(30), Now);

            events.Count.ShouldBe(2);
            events[0].ShouldBeOfType<FileQuarantined>().QuarantineKey.ShouldBe($"quarantine/{Key.Value}");
            events[1].ShouldBeOfType<ReportGenerationFailed>().Code.ShouldBe("verification");
            events.Aggregate(Generated(), Fold).Status.ShouldBe(ReportStatus.Failed);
        }
    }

    [Fact]
    public void a_finished_report_expires_when_its_time_is_over_and_not_while_it_is_held()
    {
        var report = Finished();
        var end = report.ExpiresAt!.Value;
        ExpireReportHandler.Decide(report, end.AddTicks(-1)).ShouldBeEmpty();
        var expired = ExpireReportHandler.Decide(report, end).ShouldHaveSingleItem();

        var placed = PlaceLegalHold.Decide(report, "case 1", Actor.Operator, Now).ShouldHaveSingleItem();
        var held = Fold(report, placed);
        ExpireReportHandler.Decide(held, end).ShouldBeEmpty();
        PlaceLegalHold.Decide(held, "case 2", Actor.Operator, Now).ShouldBeEmpty();
        held.KeptFile.ShouldBe(Key.Value);

        var released = Fold(held, ReleaseLegalHold.Decide(held, "closed", Actor.Operator, Now).ShouldHaveSingleItem());
        ReleaseLegalHold.Decide(released, "closed", Actor.Operator, Now).ShouldBeEmpty();
        ExpireReportHandler.Decide(released, end).ShouldHaveSingleItem().ShouldBeOfType<ReportExpired>();

        ExpireReportHandler.Decide(Fold(report, expired), end).ShouldBeEmpty();
        Fold(report, expired).KeptFile.ShouldBeNull();
    }

    [Fact]
    public void only_what_has_a_file_can_be_held()
    {
        var expired = Fold(Finished(), ExpireReportHandler.Decide(Finished(), Now.AddDays(31)).ShouldHaveSingleItem());
        foreach (var report in new[] { Requested(), Generated(), expired })
        {
            Should.Throw<ProblemException>(() => PlaceLegalHold.Decide(report, "case", Actor.Operator, Now))
                .Problem.Status.ShouldBe(409);
            ExpireReportHandler.Decide(report, Now.AddDays(31)).ShouldBeEmpty();
        }

        Should.Throw<ProblemException>(() => PlaceLegalHold.Decide(null, "case", Actor.Operator, Now)).Problem.Status.ShouldBe(404);
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

    private static object Decide(FileFacts facts) =>
        ReportVerifier.Decide(Generated(), facts, TimeSpan.FromDays(30), Now).ShouldHaveSingleItem();

    private static ReportDescription Description() => Request(ReportInterval.Daily, new(2026, 11, 1));

    private static Report Requested() =>
        Report.Fold(null, new ReportRequested(Id, Merchant, Description(), Actor.Operator))!;

    private static object Started() =>
        RecordGenerationHandler.DecideStarted(Requested(), 1, Generator, Now).ShouldHaveSingleItem();

    private static Report Generated() => Fold(Requested(), Completed(Requested()).ShouldHaveSingleItem());

    private static Report Finished() => Fold(Generated(), Decide(Facts));

    private static Report Fold(Report report, object @event) => Report.Fold(report, @event)!;

    private static IReadOnlyList<object> Completed(Report report, StorageKey? key = null) =>
        RecordGenerationHandler.DecideCompleted(report, Answer, key ?? Key, Generator, Now);

    private static IReadOnlyList<object> Failed(Report report, int attempt) => RecordGenerationHandler.DecideFailed(
        report, Refusal with { Attempt = attempt }, Generator, Options, Now);
}
