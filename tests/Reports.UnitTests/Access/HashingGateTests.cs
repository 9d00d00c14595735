using Reports.Access;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class HashingGateTests
{
    [Fact]
    public async Task no_more_than_allowed_runs_at_once_and_a_full_queue_is_refused_at_once()
    {
        using var gate = new HashingGate(atOnce: 2, longestQueue: 3, TimeSpan.FromMinutes(1));
        var (running, end) = (0, new TaskCompletionSource<int>());
        Task<int> Work()
        {
            Interlocked.Increment(ref running);
            return end.Task;
        }

        var admitted = Enumerable.Range(0, 5).Select(_ => gate.RunAsync(Work)).ToArray();
        var refused = await Should.ThrowAsync<ProblemException>(() => gate.RunAsync(Work));

        running.ShouldBe(2);
        refused.Problem.Status.ShouldBe(503);
        refused.Problem.RetryAfter.ShouldNotBeNull();
        end.SetResult(1);
        await Task.WhenAll(admitted);
        running.ShouldBe(5);
        (await gate.RunAsync(() => Task.FromResult(2))).ShouldBe(2);
    }

    [Fact]
    public async Task whoever_waits_too_long_is_refused_and_leaves_the_queue()
    {
        using var gate = new HashingGate(atOnce: 1, longestQueue: 1, TimeSpan.FromMilliseconds(20));
        var end = new TaskCompletionSource<int>();
        var first = gate.RunAsync(() => end.Task);

        (await Should.ThrowAsync<ProblemException>(() => gate.RunAsync(() => end.Task))).Problem.Status.ShouldBe(503);
        (await Should.ThrowAsync<ProblemException>(() => gate.RunAsync(() => end.Task))).Problem.Status.ShouldBe(503);

        end.SetResult(1);
        await first;
        (await gate.RunAsync(() => Task.FromResult(2))).ShouldBe(2);
    }

    [Fact]
    public async Task work_that_fails_gives_its_place_back()
    {
        using var gate = new HashingGate(atOnce: 1, longestQueue: 0, TimeSpan.FromMinutes(1));

        await Should.ThrowAsync<InvalidOperationException>(() => gate.RunAsync<int>(() => throw new InvalidOperationException()));

        (await gate.RunAsync(() => Task.FromResult(2))).ShouldBe(2);
    }
}
