using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class AccessRefusalsTests
{
    private static readonly RefusalKind Kind = new(null, Actor.Anonymous, null, "GET /x", 401, "unauthorized", "::1");

    private readonly TestClock _clock = new();
    private readonly AccessRefusals _refusals;

    public AccessRefusalsTests() => _refusals = new AccessRefusals(_clock);

    [Fact]
    public void the_first_of_a_kind_is_due_at_once_and_those_after_it_a_minute_later_together()
    {
        var first = _clock.GetUtcNow();
        _refusals.Note(Kind, Origin.Node, "a");
        var one = _refusals.Take().ShouldHaveSingleItem();
        (one.Refused.Count, one.Refused.FirstAt, one.Refused.LastAt, one.Refused.RequestId).ShouldBe((1, first, first, "a"));
        one.Refused.Origin.ShouldBe(Origin.Node.Id);

        _clock.Pass(1);
        var second = _clock.GetUtcNow();
        _refusals.Note(Kind, Origin.Node, "b");
        _clock.Pass(58);
        _refusals.Note(Kind, Origin.Node, "c");
        _refusals.Take().ShouldBeEmpty();
        _clock.Pass(1);

        var rest = _refusals.Take().ShouldHaveSingleItem().Refused;
        (rest.Count, rest.FirstAt, rest.LastAt, rest.RequestId).ShouldBe((2, second, second.AddSeconds(58), "b"));
        rest.RefusalId.ShouldNotBe(one.Refused.RefusalId);
    }

    [Fact]
    public void what_differs_in_anything_but_time_and_request_is_told_apart()
    {
        RefusalKind[] kinds =
        [
            Kind,
            Kind with { Tenant = Guid.CreateVersion7() },
            Kind with { By = new Actor(ActorKind.User, "u") },
            Kind with { Claimed = new Actor(ActorKind.User, "u") },
            Kind with { Endpoint = "GET /y" },
            Kind with { Status = 403 },
            Kind with { Code = "forbidden" },
            Kind with { Network = "::2" },
        ];
        foreach (var kind in kinds)
        {
            _refusals.Note(kind, null, "");
        }

        _refusals.Take().Count.ShouldBe(kinds.Length);
    }

    [Fact]
    public void at_the_end_everything_is_due()
    {
        _refusals.Note(Kind, null, "");
        _refusals.Take();
        _refusals.Note(Kind, null, "");

        _refusals.Take(isEnd: true).ShouldHaveSingleItem().Refused.Count.ShouldBe(1);
        _refusals.Take(isEnd: true).ShouldBeEmpty();
    }

    [Fact]
    public void a_kind_that_does_not_come_again_is_forgotten()
    {
        _refusals.Note(Kind, null, "");
        _refusals.Take();
        _refusals.Kinds.ShouldBe(1);
        _clock.Pass(60);

        _refusals.Take().ShouldBeEmpty();
        _refusals.Kinds.ShouldBe(0);
    }

    [Fact]
    public void of_more_kinds_than_can_be_told_apart_none_is_lost()
    {
        const int Many = AccessRefusals.MostKinds + 500;
        for (var i = 0; i < Many; i++)
        {
            _refusals.Note(Kind with { Network = $"{i}" }, Origin.Node, "");
        }

        var taken = _refusals.Take();

        taken.Count.ShouldBe(AccessRefusals.MostKinds + 1);
        taken.Sum(note => note.Refused.Count).ShouldBe(Many);
        var others = taken.Single(note => note.Refused.Endpoint == AccessRefusals.Elsewhere);
        (others.Refused.Count, others.Origin, others.Refused.Status).ShouldBe((500, null, 401));
    }
}
