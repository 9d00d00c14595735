using Reports.Access;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class PasswordCacheTests
{
    private readonly TestClock _clock = new();
    private readonly PasswordCache _passwords;

    public PasswordCacheTests() => _passwords = new PasswordCache(_clock);

    [Fact]
    public async Task a_right_password_is_known_for_five_minutes_after_its_last_use()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "right");
        _passwords.IsRight(fingerprint).ShouldBeFalse();
        (await _passwords.CheckAsync(fingerprint, () => true, () => Task.FromResult(true))).ShouldBeTrue();

        for (var i = 0; i < 10; i++)
        {
            _clock.Pass(seconds: 299);
            _passwords.IsRight(fingerprint).ShouldBeTrue();
        }

        _clock.Pass(seconds: 301);
        _passwords.IsRight(fingerprint).ShouldBeFalse();
    }

    [Fact]
    public async Task a_wrong_password_is_known_for_half_a_minute()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "wrong");
        (await _passwords.CheckAsync(fingerprint, () => true, () => Task.FromResult(false))).ShouldBeFalse();

        _clock.Pass(seconds: 29);
        _passwords.IsWrong(fingerprint).ShouldBeTrue();
        _clock.Pass(seconds: 2);
        _passwords.IsWrong(fingerprint).ShouldBeFalse();
        _passwords.IsRight(fingerprint).ShouldBeFalse();
    }

    [Fact]
    public void another_name_verifier_or_password_is_another_fingerprint()
    {
        var one = _passwords.Fingerprint("user", "verifier", "password");

        _passwords.Fingerprint("user", "verifier", "password").ShouldBe(one);
        _passwords.Fingerprint("other", "verifier", "password").ShouldNotBe(one);
        _passwords.Fingerprint("user", "changed", "password").ShouldNotBe(one);
        _passwords.Fingerprint("user", "verifier", "passwordx").ShouldNotBe(one);
        _passwords.Fingerprint("userv", "erifier", "password").ShouldNotBe(one);
        new PasswordCache(_clock).Fingerprint("user", "verifier", "password").ShouldNotBe(one);
    }

    [Fact]
    public async Task the_same_check_at_the_same_time_is_made_once()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "right");
        var (checks, answer) = (0, new TaskCompletionSource<bool>());
        Task<bool> Check()
        {
            checks++;
            return answer.Task;
        }

        var all = Enumerable.Range(0, 50).Select(_ => _passwords.CheckAsync(fingerprint, () => true, Check)).ToArray();
        answer.SetResult(true);

        (await Task.WhenAll(all)).ShouldAllBe(isRight => isRight);
        checks.ShouldBe(1);
    }

    [Fact]
    public async Task whoever_comes_when_the_same_check_has_just_ended_is_not_asked_to_pay()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "right");
        await _passwords.CheckAsync(fingerprint, () => true, () => Task.FromResult(true));

        (await _passwords.CheckAsync(fingerprint, () => throw new InvalidOperationException(), null!)).ShouldBeTrue();
    }

    [Fact]
    public async Task a_check_that_may_not_be_made_says_nothing_of_the_password()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "right");

        (await _passwords.CheckAsync(fingerprint, () => false, null!)).ShouldBeFalse();

        _passwords.IsWrong(fingerprint).ShouldBeFalse();
        (await _passwords.CheckAsync(fingerprint, () => true, () => Task.FromResult(true))).ShouldBeTrue();
    }

    [Fact]
    public async Task a_check_that_could_not_be_made_is_not_remembered()
    {
        var fingerprint = _passwords.Fingerprint("user", "verifier", "right");

        await Should.ThrowAsync<ProblemException>(() => _passwords.CheckAsync(
            fingerprint, () => true, () => throw new ProblemException(Problem.Unavailable)));

        _passwords.IsWrong(fingerprint).ShouldBeFalse();
        (await _passwords.CheckAsync(fingerprint, () => true, () => Task.FromResult(true))).ShouldBeTrue();
    }

    [Fact]
    public void what_was_seen_is_bounded_and_the_oldest_goes_first()
    {
        var set = new RecentSet(_clock, TimeSpan.FromMinutes(5), most: 100);
        var kept = Guid.CreateVersion7();
        for (var i = 0; i < 10_000; i++)
        {
            set.Add(kept);
            set.Add(Guid.CreateVersion7());
            set.Count.ShouldBeLessThanOrEqualTo(100);
            _clock.Pass(seconds: 0.001);
        }

        set.Contains(kept).ShouldBeTrue();
    }
}
