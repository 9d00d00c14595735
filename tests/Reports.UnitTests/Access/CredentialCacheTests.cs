using Reports.Access;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class CredentialCacheTests
{
    private readonly TestClock _clock = new();
    private readonly CredentialCache _cache;

    public CredentialCacheTests() => _cache = new CredentialCache(_clock);

    [Fact]
    public void a_row_is_used_while_polls_see_its_epoch()
    {
        Poll(7);
        Keep(Row(epoch: 7));

        for (var i = 0; i < 20; i++)
        {
            Find().ShouldNotBeNull();
            _clock.Pass(seconds: 0.2);
            Poll(7);
        }
    }

    [Fact]
    public void a_row_is_not_used_once_another_epoch_was_seen()
    {
        Poll(7);
        Keep(Row(epoch: 7));

        Poll(8);

        Find().ShouldBeNull();
    }

    [Fact]
    public void a_row_is_not_used_when_the_last_poll_that_succeeded_started_too_long_ago()
    {
        Poll(7);
        Keep(Row(epoch: 7));
        _clock.Pass(seconds: 0.69);
        Find().ShouldNotBeNull();

        _clock.Pass(seconds: 0.02);
        Find().ShouldBeNull();

        Poll(7);
        Find().ShouldNotBeNull("nothing was taken away meanwhile");
    }

    [Fact]
    public void a_poll_counts_from_its_start()
    {
        var started = _clock.GetTimestamp();
        _clock.Pass(seconds: 0.8);
        _cache.Confirm(7, started);

        Keep(Row(epoch: 7));

        Find().ShouldBeNull();
    }

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    public void a_row_of_another_epoch_than_the_polls_is_not_kept(long epoch)
    {
        Poll(7);

        Keep(Row(epoch));

        Find().ShouldBeNull();
        Poll(epoch);
        Find().ShouldBeNull();
    }

    [Fact]
    public void a_row_that_was_read_before_the_epoch_changed_is_not_kept()
    {
        Poll(7);
        var before = _cache.Current;
        Poll(8);
        Poll(7);

        _cache.Keep(before, SecretStore.ApiKeys, "k", Row(epoch: 7));

        Find().ShouldBeNull("the epoch 7 of another history is another one");
    }

    [Fact]
    public void nothing_is_kept_before_the_first_poll()
    {
        Keep(Row(epoch: 0));

        Find().ShouldBeNull();
    }

    [Fact]
    public void the_cache_is_bounded()
    {
        Poll(7);
        for (var i = 0; i < CredentialCache.MostKept + 10; i++)
        {
            _cache.Keep(_cache.Current, SecretStore.ApiKeys, $"{i}", Row(epoch: 7));
        }

        _cache.Current!.Rows.Count.ShouldBe(10);
    }

    [Theory]
    [InlineData(null, false, true)]
    [InlineData(1, false, true)]
    [InlineData(0, false, false)]
    [InlineData(-1, false, false)]
    [InlineData(1, true, false)]
    public void a_credential_is_live_until_its_time_is_over_or_it_was_ended(int? expiresIn, bool isEnded, bool isLive)
    {
        var expiresAt = expiresIn is { } seconds ? _clock.GetUtcNow().AddSeconds(seconds) : (DateTimeOffset?)null;

        (Row(epoch: 1) with { ExpiresAt = expiresAt, IsEnded = isEnded }).IsLive(_clock.GetUtcNow()).ShouldBe(isLive);
    }

    private void Poll(long epoch) => _cache.Confirm(epoch, _clock.GetTimestamp());

    private void Keep(StoredCredential row) => _cache.Keep(_cache.Current, SecretStore.ApiKeys, "k", row);

    private StoredCredential? Find() => _cache.Find(SecretStore.ApiKeys, "k");

    private static StoredCredential Row(long epoch) => new("v", null, false, Caller.Operator(null), epoch);
}
