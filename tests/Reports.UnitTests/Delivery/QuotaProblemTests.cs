using Reports.BuildingBlocks;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class QuotaProblemTests
{
    [Fact]
    public void it_says_which_quota_is_used_up_when_there_is_more_and_who_can_raise_it()
    {
        Quotas.Exceeded(Left(RequestQuota.Policy, 90_000, TimeSpan.FromDays(1), 1259.2)).Detail.ShouldBe(
            "The quota of 90000 requests a day is used up; the next day begins at 00:00 UTC, in 1260 seconds. " +
            "An operator of the service can raise the quota");
        Quotas.Exceeded(Left(DownloadQuota.Policy, 25, TimeSpan.FromHours(1), 1800)).Detail.ShouldBe(
            "The quota of 25 report downloads an hour is used up; the next one is free in 1800 seconds. " +
            "An operator of the service can raise the quota");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.001, 1)]
    [InlineData(7, 7)]
    [InlineData(7.000001, 8)]
    public void it_never_asks_to_come_back_too_early(double reset, int seconds)
    {
        var problem = Quotas.Exceeded(Left(DownloadQuota.Policy, 25, TimeSpan.FromHours(1), reset));

        problem.RetryAfter.ShouldBe(seconds);
        (problem.Status, problem.Code, problem.Errors.Count).ShouldBe((429, "rate_limited", 0));
    }

    private static RateLimit Left(string name, long quota, TimeSpan window, double resetSeconds) =>
        new(new RateLimitPolicy(name, quota, window), 0, TimeSpan.FromSeconds(resetSeconds));
}
