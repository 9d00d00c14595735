using System.Collections.Concurrent;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The quota of requests against a real database; each test has principals of its own.</summary>
public sealed class RequestQuotaTests(ReportsApp app) : IAsyncDisposable
{
    private readonly Clock _clock = new();
    private readonly List<NpgsqlDataSource> _nodes = [];

    [Fact]
    public async Task of_ten_times_as_many_requests_at_once_exactly_the_quota_passes_for_each_principal()
    {
        const int Quota = 500;
        var (node, principals) = (Node(Quota), new[] { Principal(), Principal(), Principal() });
        var passed = new ConcurrentDictionary<int, int>();

        await Parallel.ForAsync(0, 10 * Quota * principals.Length, async (i, cancellation) =>
        {
            var caller = principals[i % principals.Length];
            if ((await node.TakeAsync(caller, cancellation)).IsAllowed)
            {
                passed.AddOrUpdate(caller.PrincipalNumber, 1, (_, n) => n + 1);
            }
        });

        passed.Count.ShouldBe(principals.Length);
        passed.Values.ShouldAllBe(n => n == Quota);
    }

    [Fact]
    public async Task an_answer_tells_what_is_left_and_when_the_day_ends()
    {
        var (node, caller) = (Node(2), Principal());
        _clock.Now = new DateTimeOffset(2026, 11, 23, 22, 59, 59, 500, TimeSpan.Zero);

        var peek = await node.PeekAsync(caller, default);
        var first = await node.TakeAsync(caller, default);
        await node.TakeAsync(caller, default);
        var refused = await node.TakeAsync(caller, default);

        peek.Remaining.ShouldBe(2);
        first.Left.ShouldBe(new RateLimit(
            new RateLimitPolicy("requests", 2, TimeSpan.FromDays(1)), 1, TimeSpan.FromSeconds(3600.5)));
        first.Left.ResetSeconds.ShouldBe(3601);
        (refused.IsAllowed, refused.Left.Remaining).ShouldBe((false, 0));
    }

    [Fact]
    public async Task refused_requests_are_not_counted()
    {
        var (node, merchant) = (Node(1), await app.MerchantAsync());
        var caller = Principal(merchant.Id);
        for (var i = 0; i < 5; i++)
        {
            await node.TakeAsync(caller, default);
        }

        await merchant.ChangeQuotasAsync(requestsPerDay: 2, downloadsPerHour: null);
        await node.ExchangeAsync(default);

        var raised = await node.TakeAsync(caller, default);
        (raised.IsAllowed, raised.Left.Policy.Quota, raised.Left.Remaining).ShouldBe((true, 2, 0));
    }

    [Fact]
    public async Task after_an_exchange_every_node_knows_what_the_others_counted()
    {
        var (one, other, caller) = (Node(10), Node(10), Principal());
        await TakeAsync(one, caller, 4);
        await TakeAsync(other, caller, 3);
        (await one.PeekAsync(caller, default)).Remaining.ShouldBe(6);

        await one.ExchangeAsync(default);
        await other.ExchangeAsync(default);
        await one.ExchangeAsync(default);

        (await one.PeekAsync(caller, default)).Remaining.ShouldBe(3);
        (await other.PeekAsync(caller, default)).Remaining.ShouldBe(3);
        (await Node(10).PeekAsync(caller, default)).Remaining.ShouldBe(3);
    }

    [Fact]
    public async Task exchanging_twice_is_exchanging_once()
    {
        var (node, caller) = (Node(10), Principal());
        await TakeAsync(node, caller, 4);

        await node.ExchangeAsync(default);
        await node.ExchangeAsync(default);

        (await WrittenAsync(caller)).ShouldBe(4);
        (await node.PeekAsync(caller, default)).Remaining.ShouldBe(6);
    }

    [Fact]
    public async Task a_request_waits_for_the_database_only_when_its_principal_comes()
    {
        var (node, caller) = (Node(10), Principal());
        await using (var holder = await app.Database.OpenConnectionAsync())
        {
            await using var transaction = await holder.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand("lock table reports.request_quota_uses", holder);
            await hold.ExecuteNonQueryAsync();
            var first = node.TakeAsync(caller, default).AsTask();
            first.IsCompleted.ShouldBeFalse();
            await transaction.CommitAsync();
            await first;
        }

        var second = node.TakeAsync(caller, default).AsTask();
        second.IsCompletedSuccessfully.ShouldBeTrue();
        await second;
    }

    [Fact]
    public async Task what_cannot_be_written_is_kept_and_written_later()
    {
        var (node, caller) = (Node(10), Principal());
        await TakeAsync(node, caller, 4);
        _clock.Now += RequestQuota.Idle * 2;

        await Should.ThrowAsync<OperationCanceledException>(
            node.ExchangeAsync(new CancellationToken(canceled: true)));
        await TakeAsync(node, caller, 1);
        await node.ExchangeAsync(default);

        (await WrittenAsync(caller)).ShouldBe(5);
    }

    [Fact]
    public async Task a_look_up_that_fails_fails_the_request_and_is_repeated_for_the_next()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var empty = NpgsqlDataSource.Create(database.ConnectionString);
        var (node, caller) = (Node(10, empty), Principal());

        await Should.ThrowAsync<PostgresException>(async () => await node.TakeAsync(caller, default));
        await Should.ThrowAsync<PostgresException>(async () => await node.TakeAsync(caller, default));

        node.Known.ShouldBe(0);
    }

    [Fact]
    public async Task who_has_not_come_for_a_while_is_forgotten_and_comes_back_to_the_same_count()
    {
        var (node, caller) = (Node(10), Principal());
        await TakeAsync(node, caller, 4);
        _clock.Now += RequestQuota.Idle + TimeSpan.FromSeconds(1);
        await node.ExchangeAsync(default);
        node.Known.ShouldBe(1, "until it is written, it is remembered");

        await node.ExchangeAsync(default);
        node.Known.ShouldBe(0);

        (await node.TakeAsync(caller, default)).Left.Remaining.ShouldBe(5);
        await node.ExchangeAsync(default);
        (await WrittenAsync(caller)).ShouldBe(5);
    }

    [Fact]
    public async Task a_new_day_begins_with_the_whole_quota()
    {
        var (node, caller) = (Node(2), Principal());
        _clock.Now = new DateTimeOffset(2026, 11, 23, 23, 59, 59, TimeSpan.Zero);
        await TakeAsync(node, caller, 2);
        await node.ExchangeAsync(default);
        (await node.TakeAsync(caller, default)).IsAllowed.ShouldBeFalse();

        _clock.Now += TimeSpan.FromSeconds(1);
        (await node.TakeAsync(caller, default)).Left.Remaining.ShouldBe(1);

        // Clocks are put right by fractions of a second: yesterday does not come again.
        _clock.Now -= TimeSpan.FromSeconds(0.5);
        (await node.TakeAsync(caller, default)).Left.Remaining.ShouldBe(0);
        await node.ExchangeAsync(default);
        (await node.TakeAsync(caller, default)).IsAllowed.ShouldBeFalse();
    }

    [Fact]
    public async Task days_that_are_over_everywhere_are_deleted()
    {
        var (node, yesterday, before) = (Node(10), Principal(), Principal());
        _clock.Now = DateTimeOffset.UtcNow.AddDays(-2);
        await TakeAsync(node, before, 1);
        await node.ExchangeAsync(default);
        _clock.Now = DateTimeOffset.UtcNow.AddDays(-1);
        await TakeAsync(node, yesterday, 1);
        await node.ExchangeAsync(default);

        _clock.Now = DateTimeOffset.UtcNow;
        await node.DeleteOldAsync(default);

        (await WrittenAsync(before)).ShouldBe(0);
        (await WrittenAsync(yesterday)).ShouldBe(1);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    private static Caller Principal(Guid? merchant = null) => DownloadQuotaTests.Principal(merchant);

    private static async Task TakeAsync(RequestQuota node, Caller caller, int times)
    {
        for (var i = 0; i < times; i++)
        {
            (await node.TakeAsync(caller, CancellationToken.None)).IsAllowed.ShouldBeTrue();
        }
    }

    private RequestQuota Node(int quota, NpgsqlDataSource? database = null)
    {
        if (database is null)
        {
            database = NpgsqlDataSource.Create(app.ConnectionString);
            _nodes.Add(database);
        }

        var options = new DeliveryOptions(TimeSpan.FromHours(1), TimeSpan.FromSeconds(15), quota, 1);
        return new RequestQuota(database, options, _clock);
    }

    private async Task<long> WrittenAsync(Caller caller)
    {
        await using var command = app.Database.CreateCommand(
            $"select coalesce(sum(n), 0)::bigint from reports.request_quota_uses where principal_number = {caller.PrincipalNumber}");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = System.GetUtcNow().Date.AddHours(12);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
