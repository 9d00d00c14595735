using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using GenerationStarted = Reports.Contracts.Messages.GenerationStarted;

namespace Reports.UnitTests.Lifecycle;

/// <summary>
/// Messages come twice, late, and in any order. Whatever the history, the stream ends as if each had come once and in
/// order, and each answer is on record once at the most.
/// </summary>
public sealed class MessageHistoryProperties
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);
    private static readonly LifecycleOptions Options = new() { Attempts = 3 };
    private static readonly Guid Id = new("01980000-0000-7000-8000-000000000001");
    private static readonly ReportRequested Requested = new(
        Id,
        new("01980000-0000-7000-8000-00000000000f"),
        new(1, "r.csv", ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new(), new(Now.AddDays(-1), Now, "UTC"), Now),
        Actor.Operator);

    [Property(MaxTest = 2_000)]
    public Property a_shuffled_and_duplicated_history_ends_as_the_plain_one(int seed, byte failures, bool isLastRefused, bool isWhole)
    {
        var tries = (failures % 3) + 1;
        var isFinished = !isLastRefused;
        var plain = History(tries, isFinished).ToList();

        var expected = Deliver([.. plain], isWhole);
        var shuffled = Deliver(Shuffle(plain, new Random(seed)), isWhole);

        Same(shuffled.Report, expected.Report);
        shuffled.Events.OfType<ReportGenerated>().Count().ShouldBeLessThanOrEqualTo(1);
        shuffled.Events.Count(e => e is ReportFinished or ReportGenerationFailed).ShouldBe(1);
        shuffled.Events.OfType<GenerationAttemptFailed>().Select(e => e.Attempt).ShouldBeUnique();
        shuffled.Events.OfType<LateResultIgnored>().ShouldBeEmpty();
        shuffled.Undelivered.ShouldBe(0);
        return true.ToProperty();
    }

    [Property(MaxTest = 2_000)]
    public Property whatever_contradicts_itself_or_times_out_ends_once(int seed)
    {
        var random = new Random(seed);
        var messages = new List<object> { Requested };
        for (var attempt = 1; attempt <= Options.Attempts + 1; attempt++)
        {
            messages.AddRange(
            [
                new GenerationStarted(Id, attempt, "g", "gen/1"), Completion(attempt), Failure(attempt, isRetryable: true),
                Failure(attempt, isRetryable: false), new ExpireAttempt(Id, attempt),
            ]);
        }

        messages.RemoveAll(_ => random.Next(3) == 0);
        messages.Add(Requested);
        messages.AddRange(Enumerable.Repeat<object>(new CancelReport.Command(Id), random.Next(2)));

        var (report, events, _) = Deliver(Shuffle(messages, random), isWhole: random.Next(2) == 0);

        events.Count(e => e is ReportFinished or ReportGenerationFailed or ReportCancelled).ShouldBeLessThanOrEqualTo(1);
        events.OfType<ReportGenerated>().Count().ShouldBeLessThanOrEqualTo(1);
        events.OfType<GenerationAttemptFailed>().Select(e => e.Attempt).ShouldBeUnique();
        events.OfType<LateResultIgnored>().Select(e => (e.Attempt, e.Answer)).ShouldBeUnique();
        (report.Status is ReportStatus.Finished).ShouldBe(events.Any(e => e is ReportFinished));
        (report.Status is ReportStatus.Cancelled).ShouldBe(events.Any(e => e is ReportCancelled));
        return true.ToProperty();
    }

    // Each try has one outcome: all but the last fail and may be tried again.
    private static IEnumerable<object> History(int tries, bool isFinished)
    {
        yield return Requested;
        for (var attempt = 1; attempt <= tries; attempt++)
        {
            yield return new GenerationStarted(Id, attempt, "g", "gen/1");
            yield return attempt < tries
                ? Failure(attempt, isRetryable: true)
                : isFinished ? Completion(attempt) : Failure(attempt, isRetryable: false);
        }
    }

    private static GenerationFailed Failure(int attempt, bool isRetryable) =>
        new(Id, attempt, "g", "gen/1", "no_data", "Not yet.", isRetryable);

    private static GenerationCompleted Completion(int attempt) =>
        new(Id, attempt, "g", "gen/1", "report.csv", 10, new string('a', 64), 2, []);

    private static List<object> Shuffle(List<object> messages, Random random)
    {
        var copies = messages.SelectMany(m => Enumerable.Repeat(m, random.Next(1, 4))).ToArray();
        random.Shuffle(copies);
        return [.. copies];
    }

    // What is too early comes again later, as the retry policy has it.
    private static (Report Report, List<object> Events, int Undelivered) Deliver(List<object> messages, bool isWhole)
    {
        Report? report = null;
        var (events, waiting) = (new List<object>(), messages);
        for (var turn = 0; turn < 20 && waiting.Count > 0; turn++)
        {
            var early = new List<object>();
            foreach (var message in waiting)
            {
                try
                {
                    Take(Decide(report, message));
                }
                catch (ReportNotYetKnownException)
                {
                    early.Add(message);
                }

                if (report is { Status: ReportStatus.Generated })
                {
                    var facts = new FileFacts(isWhole ? 10 : 11, new string('a', 64), new BlockDigests(262144, [1]), 2);
                    Take(ReportVerifier.Decide(report, facts, TimeSpan.FromDays(1), Now));
                }
            }

            waiting = early;
        }

        return (report!, events, waiting.Count);

        void Take(IReadOnlyList<object> decided)
        {
            events.AddRange(decided);
            report = decided.Aggregate(report, Report.Fold);
        }
    }

    private static IReadOnlyList<object> Decide(Report? report, object message)
    {
        if (message is ReportRequested)
        {
            return report is null ? [message] : [];
        }

        // As the handlers do where the stream is not there yet; a cancellation finds nothing then.
        var by = new Actor(ActorKind.Generator, "gen/1");
        var known = report ?? throw new ReportNotYetKnownException(Id);
        return message switch
        {
            GenerationStarted m => RecordGenerationHandler.DecideStarted(known, m.Attempt, by, Now),
            GenerationFailed m => RecordGenerationHandler.DecideFailed(known, m, by, Options, Now),
            GenerationCompleted m => RecordGenerationHandler.DecideCompleted(
                known, m, StorageKey.Parse($"m/r/{m.Attempt}/{m.FileName}"), by, Now),
            ExpireAttempt m => ExpireAttemptHandler.Decide(known, m.Attempt, Options, Now),
            CancelReport.Command when known.Status is ReportStatus.Finished or ReportStatus.Failed => [],
            CancelReport.Command => CancelReport.Decide(known, null, Actor.Operator, Now),
            _ => throw new InvalidOperationException($"{message} is no message of a generator."),
        };
    }

    private static void Same(Report one, Report other)
    {
        (one.Status, one.Attempt, one.Claim?.StorageKey, one.ExpiresAt)
            .ShouldBe((other.Status, other.Attempt, other.Claim?.StorageKey, other.ExpiresAt));
        one.Answers.SetEquals(other.Answers).ShouldBeTrue();
    }
}
