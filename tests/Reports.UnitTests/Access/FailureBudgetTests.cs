using System.Net;
using Reports.Access;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class FailureBudgetTests
{
    private static readonly IPAddress Here = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress There = IPAddress.Parse("192.0.2.2");

    private readonly TestClock _clock = new();

    [Fact]
    public void an_address_has_its_failures_in_a_window_that_begins_with_the_first()
    {
        var budgets = Budgets(perAddress: 3);
        for (var i = 0; i < 3; i++)
        {
            budgets.Charge(Here, null).Exhausted.ShouldBeNull();
            _clock.Pass(seconds: 60);
        }

        var gone = budgets.Charge(Here, null).Exhausted.ShouldNotBeNull();
        (gone.Policy.Name, gone.Policy.Quota, gone.Remaining, gone.ResetSeconds)
            .ShouldBe(("failed-authentication", 3, 0, 120));
        budgets.Charge(There, null).Exhausted.ShouldBeNull();
        _clock.Pass(seconds: 119.9);
        budgets.Charge(Here, null).Exhausted.ShouldNotBeNull();
        _clock.Pass(seconds: 0.2);
        budgets.Charge(Here, null).Exhausted.ShouldBeNull();
    }

    [Fact]
    public void an_identity_has_its_own_budget_from_one_address_and_from_all_of_them()
    {
        var budgets = Budgets(perAddress: 100, perIdentity: 5, perPair: 3);
        for (var i = 0; i < 3; i++)
        {
            budgets.Charge(Here, "user a").Exhausted.ShouldBeNull();
        }

        budgets.Charge(Here, "user a").Exhausted!.Policy.Name.ShouldBe("failed-authentication-pair");
        budgets.Charge(Here, "user b").Exhausted.ShouldBeNull();
        budgets.Charge(There, "user a").Exhausted.ShouldBeNull();
        budgets.Charge(There, "user a").Exhausted.ShouldBeNull();
        budgets.Charge(There, "user a").Exhausted!.Policy.Name.ShouldBe("failed-authentication-identity");
    }

    [Fact]
    public void what_is_refused_costs_nothing()
    {
        var budgets = Budgets(perAddress: 100, perIdentity: 100, perPair: 1);
        budgets.Charge(Here, "user a");
        for (var i = 0; i < 50; i++)
        {
            budgets.Charge(Here, "user a").Exhausted.ShouldNotBeNull();
        }

        budgets.Left(Here).Remaining.ShouldBe(99);
    }

    [Fact]
    public void a_right_guess_gets_its_price_back()
    {
        var budgets = Budgets(perAddress: 1, perIdentity: 1, perPair: 1);

        budgets.Charge(Here, "user a").Refund();

        budgets.Left(Here).Remaining.ShouldBe(1);
        budgets.Charge(Here, "user a").Exhausted.ShouldBeNull();
    }

    [Fact]
    public void a_price_is_given_back_to_the_window_that_it_was_taken_from()
    {
        var budgets = Budgets(perAddress: 2);
        var late = budgets.Charge(Here, null);
        _clock.Pass(seconds: 301);
        budgets.Charge(Here, null);

        late.Refund();
        late.Refund();

        budgets.Left(Here).Remaining.ShouldBe(1);
    }

    [Fact]
    public void asking_what_is_left_costs_nothing()
    {
        var budgets = Budgets(perAddress: 7);

        budgets.Left(Here);

        var left = budgets.Left(Here);
        (left.Remaining, left.Reset).ShouldBe((7, TimeSpan.FromMinutes(5)));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.2", false)]
    [InlineData("fe80::1%3", "fe80::2%4", true)]
    public void an_ipv6_address_counts_by_its_network_and_a_mapped_one_as_what_it_maps(string one, string other, bool same) =>
        (FailureBudgets.Network(IPAddress.Parse(one)) == FailureBudgets.Network(IPAddress.Parse(other))).ShouldBe(same);

    [Fact]
    public void an_unknown_address_is_one_address()
    {
        var budgets = Budgets(perAddress: 1);

        budgets.Charge(null, null).Exhausted.ShouldBeNull();
        budgets.Charge(null, null).Exhausted.ShouldNotBeNull();
    }

    [Fact]
    public void a_flood_of_keys_is_forgotten_before_those_that_have_failed_often()
    {
        var budget = new FailureBudget(new RateLimitPolicy("x", 3, TimeSpan.FromMinutes(5)), _clock, mostKept: 100);
        var guessed = Guid.CreateVersion7();
        for (var i = 0; i < 3; i++)
        {
            budget.TryTake(guessed);
        }

        for (var i = 0; i < 10_000; i++)
        {
            budget.TryTake(Guid.CreateVersion7());
            budget.Count.ShouldBeLessThanOrEqualTo(100);
        }

        budget.TryTake(guessed).ShouldBeNull();
    }

    [Fact]
    public async Task many_at_once_never_take_more_than_there_is()
    {
        var budgets = Budgets(perAddress: 50);
        var taken = 0;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                if (budgets.Charge(Here, $"user {i}").Exhausted is null)
                {
                    Interlocked.Increment(ref taken);
                }
            }
        })));

        taken.ShouldBe(50);
    }

    [Fact]
    public void the_refusal_says_when_to_try_again_and_how_to_get_more()
    {
        var budgets = Budgets(perAddress: 1);
        budgets.Charge(Here, null);
        _clock.Pass(seconds: 0.5);

        var problem = FailureCharge.Problem(budgets.Charge(Here, null).Exhausted!);

        (problem.Status, problem.Code, problem.RetryAfter).ShouldBe((429, "rate_limited", 300));
        problem.Detail!.ShouldContain("300 seconds");
        problem.Detail!.ShouldContain("operator");
    }

    private FailureBudgets Budgets(int perAddress, int perIdentity = 1000, int perPair = 1000) =>
        new(new AccessOptions(perAddress, perIdentity, perPair, TimeSpan.FromMinutes(5)), _clock);
}
