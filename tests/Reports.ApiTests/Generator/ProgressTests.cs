using System.Collections.Concurrent;
using Npgsql;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Generator.Files;
using Reports.Storage;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

public sealed class ProgressTests(GeneratorFixture fixture) : IClassFixture<GeneratorFixture>
{
    private readonly HandClock _clock = new();
    private readonly ConcurrentQueue<(long Records, long? Expected)> _words = new();
    private readonly Guid _merchant = Guid.CreateVersion7();

    [Fact]
    public async Task the_first_word_comes_before_the_rows_and_a_short_report_has_no_other()
    {
        await ImportAsync();
        (await GenerateAsync(GeneratorFixture.Request(_merchant))).Records.ShouldBe(2);
        _words.ShouldBe([(0, null)]);
        _clock.Timers.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(null, 10)]
    [InlineData(0, 10)]
    [InlineData(60, 20)]
    public async Task a_sign_of_life_comes_three_times_before_it_would_be_late(int? late, int pause)
    {
        var request = GeneratorFixture.Request(_merchant) with { HeartbeatSeconds = late };
        await using var heartbeat = await StartAsync(request, new Totals());
        _clock.Timers.ShouldBe([TimeSpan.FromSeconds(pause)]);
    }

    [Fact]
    public async Task signs_of_life_come_while_the_query_has_not_answered()
    {
        await ImportAsync();
        await using var blocker = await fixture.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await blocker.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await LockAsync(blocker);
        var generating = GenerateAsync(GeneratorFixture.Request(_merchant));
        await WordsAsync(4, _clock.Elapse);
        generating.IsCompleted.ShouldBeFalse();
        _words.Distinct().ShouldBe([(0, null)]);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        (await generating).Records.ShouldBe(2);
        _clock.Timers.ShouldBeEmpty("none comes after the end");
    }

    [Fact]
    public async Task a_long_report_says_how_many_rows_there_will_be()
    {
        await ImportAsync();
        var totals = new Totals();
        await using (await StartAsync(GeneratorFixture.Request(_merchant), totals))
        {
            totals.Add(Row());
            await WordsAsync(2, _clock.Tick);
            totals.Add(Row());
            totals.Add(Row());
            var said = _words.Count;
            await WordsAsync(said + 2, _clock.Tick);
        }

        _words.ElementAt(1).ShouldBe((1, 2));
        _words.Last().ShouldBe((3, null), "a count that has turned out wrong is not told again");
    }

    [Fact]
    public async Task a_progress_that_fails_ends_the_work_and_leaves_nothing_behind()
    {
        var request = GeneratorFixture.Request(_merchant);
        await Should.ThrowAsync<TimeoutException>(() => fixture.Generator.GenerateAsync(
            request, (_, _, _) => throw new TimeoutException(), TestContext.Current.CancellationToken));
        Directory.GetFiles(Path.Combine(fixture.Root, request.StoragePrefix)).ShouldBeEmpty();
    }

    private async Task ImportAsync() => (await fixture.ImportAsync(
        $"a,{_merchant},2026-02-10T10:00:00+03:00,payment,,,,KNET,KWD,1,0",
        $"b,{_merchant},2026-02-11T10:00:00+03:00,payment,,,,KNET,KWD,2,0")).Succeeded.ShouldBeTrue();

    private Transaction Row() => new(
        "a", _merchant, DateTimeOffset.UnixEpoch, TransactionType.Payment, OriginalId: null, "", "", "", "KWD", 1, 0);

    private Task<GenerationCompleted> GenerateAsync(GenerateReport request) =>
        new ReferenceGenerator(fixture.Transactions, new ReportFiles(fixture.Root), _clock)
            .GenerateAsync(request, SayAsync, TestContext.Current.CancellationToken);

    private Task<Heartbeat> StartAsync(GenerateReport request, Totals totals) => Heartbeat.StartAsync(
        request, fixture.Transactions, totals, SayAsync, _clock, TestContext.Current.CancellationToken);

    private ValueTask SayAsync(long records, long? expected, CancellationToken cancellation)
    {
        _words.Enqueue((records, expected));
        return ValueTask.CompletedTask;
    }

    /// <summary>Lets time pass until so many words are said.</summary>
    private async Task WordsAsync(int count, Action pass) => await Eventually.GetAsync<object>(
        () =>
        {
            pass();
            return Task.FromResult<object?>(_words.Count >= count ? _words : null);
        },
        $"{count} words");

    private static async Task LockAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand(
            "lock table transactions.transactions in access exclusive mode", connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A clock whose timers go off when the test says so.</summary>
    private sealed class HandClock : TimeProvider
    {
        private readonly ConcurrentDictionary<HandTimer, TimeSpan> _timers = new();

        public IReadOnlyCollection<TimeSpan> Timers => [.. _timers.Values];

        /// <summary>Everything that waits has waited long enough.</summary>
        public void Elapse() => GoOff(_ => true);

        /// <summary>What comes again and again comes, and no patience ends.</summary>
        public void Tick() => GoOff(timer => timer.IsPeriodic);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new HandTimer(this, period != Timeout.InfiniteTimeSpan, () => callback(state));
            _timers[timer] = dueTime;
            return timer;
        }

        private void GoOff(Func<HandTimer, bool> which)
        {
            foreach (var timer in _timers.Keys.Where(which))
            {
                timer.GoOff();
            }
        }

        private sealed class HandTimer(HandClock clock, bool isPeriodic, Action goOff) : ITimer
        {
            public bool IsPeriodic => isPeriodic;

            public void GoOff() => goOff();

            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose() => clock._timers.TryRemove(this, out _);

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
