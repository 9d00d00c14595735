using System.Collections.Concurrent;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The quota of downloads against a real database; each test has principals of its own.</summary>
public sealed class DownloadQuotaTests(ReportsApp app) : IAsyncDisposable
{
    private static int _lastPrincipal = 10_000_000;

    private readonly List<IAsyncDisposable> _nodes = [];

    [Fact]
    public async Task of_ten_times_as_many_downloads_at_once_on_two_nodes_exactly_the_quota_passes_for_each_principal()
    {
        const int Quota = 7;
        DownloadQuota[] nodes = [Node(Quota), Node(Quota)];
        var principals = Enumerable.Range(0, 4).Select(_ => Principal()).ToArray();
        var passed = new ConcurrentDictionary<int, int>();

        await Task.WhenAll(Enumerable.Range(0, 10 * Quota * principals.Length).Select(i => Task.Run(async () =>
        {
            var caller = principals[i % principals.Length];
            var answer = await TakeAsync(nodes[i / principals.Length % 2], caller);
            answer.IsCounted.ShouldBe(answer.IsAllowed);
            passed.AddOrUpdate(caller.PrincipalNumber, 0, (_, n) => n);
            if (answer.IsAllowed)
            {
                passed.AddOrUpdate(caller.PrincipalNumber, 1, (_, n) => n + 1);
            }
        })));

        passed.Count.ShouldBe(principals.Length);
        passed.Values.ShouldAllBe(n => n == Quota);
        (await TakeAsync(nodes[0], Principal())).IsAllowed.ShouldBeTrue();
    }

    [Fact]
    public async Task what_waits_while_others_are_counted_is_counted_together_and_each_gets_its_own_answer()
    {
        var (quota, callers) = (Node(3, name: "together"), Enumerable.Range(0, 20).Select(_ => Principal()).ToArray());
        await using var holder = await app.Database.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        foreach (var caller in callers)
        {
            await ExecuteAsync(holder, $"select pg_advisory_xact_lock(1364545364, {caller.PrincipalNumber})");
        }

        var takes = Enumerable.Range(0, 5 * callers.Length)
            .Select(i => (Caller: callers[i % callers.Length], Answer: TakeAsync(quota, callers[i % callers.Length]))).ToArray();
        await using var looker = await app.Database.OpenConnectionAsync();
        await Eventually.IsTrueAsync(
            async () => await ExecuteAsync(
                looker,
                "select count(*) from pg_stat_activity where application_name = 'together' and wait_event = 'advisory'")
                is >= 1L,
            "the takes to wait");
        await transaction.CommitAsync();

        foreach (var caller in callers)
        {
            var answers = await Task.WhenAll(takes.Where(t => t.Caller == caller).Select(t => t.Answer));
            answers.Where(a => a.IsCounted).Select(a => a.Left.Remaining).Order().ShouldBe([0, 1, 2]);
            answers.Count(a => !a.IsAllowed && !a.IsCounted && a.Left.Remaining == 0).ShouldBe(2);
            (await CountedAsync(caller)).ShouldBe(3);
        }
    }

    [Fact]
    public async Task an_answer_tells_what_is_left_and_when_there_is_more()
    {
        var (quota, caller) = (Node(2), Principal());

        var before = await quota.PeekAsync(caller, default);
        var first = await TakeAsync(quota, caller);
        await AgeAsync(caller, TimeSpan.FromMinutes(20));
        var second = await TakeAsync(quota, caller);
        var refused = await TakeAsync(quota, caller);

        before.Policy.ShouldBe(new RateLimitPolicy("downloads", 2, TimeSpan.FromHours(1)));
        (before.Remaining, before.ResetSeconds).ShouldBe((2, 3600));
        (first.IsAllowed, first.Left.Remaining, first.Left.ResetSeconds).ShouldBe((true, 1, 3600));
        (second.IsAllowed, second.Left.Remaining).ShouldBe((true, 0));
        second.Left.ResetSeconds.ShouldBeInRange(2340, 2400);
        (refused.IsAllowed, refused.IsCounted, refused.Left.Remaining).ShouldBe((false, false, 0));
        refused.Left.ResetSeconds.ShouldBeInRange(2340, 2400);
    }

    [Fact]
    public async Task the_window_slides()
    {
        var (quota, caller) = (Node(2), Principal());
        await TakeAsync(quota, caller);
        await AgeAsync(caller, TimeSpan.FromMinutes(59));
        await TakeAsync(quota, caller);
        await AgeAsync(caller, TimeSpan.FromSeconds(30));
        (await TakeAsync(quota, caller)).IsAllowed.ShouldBeFalse();

        await AgeAsync(caller, TimeSpan.FromSeconds(30));
        (await TakeAsync(quota, caller)).IsAllowed.ShouldBeTrue();
        (await TakeAsync(quota, caller)).IsAllowed.ShouldBeFalse();
        (await CountedAsync(caller)).ShouldBe(2);
    }

    [Fact]
    public async Task whoever_waits_as_long_as_the_answer_says_is_let_in()
    {
        var (quota, caller) = (Node(1), Principal());
        await TakeAsync(quota, caller);
        var refused = await TakeAsync(quota, caller);
        refused.IsAllowed.ShouldBeFalse();
        refused.Left.Reset.ShouldBeLessThanOrEqualTo(TimeSpan.FromHours(1));

        await AgeAsync(caller, refused.Left.Reset);

        (await TakeAsync(quota, caller)).IsAllowed.ShouldBeTrue();
    }

    [Fact]
    public async Task a_range_without_the_first_byte_is_free_when_its_report_was_counted_and_costs_one_when_not()
    {
        var (quota, caller, report) = (Node(2), Principal(), Guid.CreateVersion7());

        var first = await TakeAsync(quota, caller, DownloadCost.Whole, report);
        var rest = await TakeAsync(quota, caller, DownloadCost.Continuation, report);
        var other = Guid.CreateVersion7();
        var otherFirst = await TakeAsync(quota, caller, DownloadCost.Continuation, other);
        var otherRest = await TakeAsync(quota, caller, DownloadCost.Continuation, other);

        (first.IsCounted, first.Left.Remaining).ShouldBe((true, 1));
        (rest.IsAllowed, rest.IsCounted, rest.Left.Remaining).ShouldBe((true, false, 1));
        (otherFirst.IsAllowed, otherFirst.IsCounted, otherFirst.Left.Remaining).ShouldBe((true, true, 0));
        (otherRest.IsAllowed, otherRest.IsCounted).ShouldBe((true, false));
        (await TakeAsync(quota, caller, DownloadCost.Continuation)).IsAllowed.ShouldBeFalse();
        (await TakeAsync(quota, caller, DownloadCost.Whole, report)).IsAllowed.ShouldBeFalse();

        // Another principal has not been counted for it.
        (await TakeAsync(quota, Principal(), DownloadCost.Continuation, report)).IsCounted.ShouldBeTrue();

        await AgeAsync(caller, TimeSpan.FromHours(1));
        (await TakeAsync(quota, caller, DownloadCost.Continuation, report)).IsCounted.ShouldBeTrue();
    }

    [Fact]
    public async Task what_is_free_is_never_counted_and_refused_where_the_plain_request_would_be()
    {
        var (quota, caller, report) = (Node(1), Principal(), Guid.CreateVersion7());
        for (var i = 0; i < 3; i++)
        {
            var free = await TakeAsync(quota, caller, DownloadCost.Free, report);
            (free.IsAllowed, free.IsCounted, free.Left.Remaining).ShouldBe((true, false, 1));
        }

        await TakeAsync(quota, caller, DownloadCost.Whole, report);

        (await TakeAsync(quota, caller, DownloadCost.Free, report)).IsAllowed.ShouldBeFalse();
        (await TakeAsync(quota, caller, DownloadCost.FreeContinuation)).IsAllowed.ShouldBeFalse();
        (await TakeAsync(quota, caller, DownloadCost.FreeContinuation, report)).IsAllowed.ShouldBeTrue();
        (await CountedAsync(caller)).ShouldBe(1);
    }

    [Fact]
    public async Task a_look_is_free()
    {
        var (quota, caller) = (Node(1), Principal());
        (await quota.PeekAsync(caller, default)).Remaining.ShouldBe(1);
        await TakeAsync(quota, caller);

        (await quota.PeekAsync(caller, default)).Remaining.ShouldBe(0);
        (await CountedAsync(caller)).ShouldBe(1);
    }

    [Fact]
    public async Task a_refund_is_as_if_nothing_had_been_counted()
    {
        var (quota, caller, report, attempt) = (Node(1), Principal(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await quota.TakeAsync(caller, report, attempt, DownloadCost.Whole);

        await quota.RefundAsync(attempt, default);
        await quota.RefundAsync(attempt, default);

        (await quota.PeekAsync(caller, default)).Remaining.ShouldBe(1);
        (await TakeAsync(quota, caller, DownloadCost.Continuation, report)).IsCounted.ShouldBeTrue();
    }

    [Fact]
    public async Task one_attempt_is_counted_once_however_often_it_is_asked_for()
    {
        var (caller, report, attempt) = (Principal(), Guid.CreateVersion7(), Guid.CreateVersion7());
        DownloadQuota[] nodes = [Node(1), Node(1)];

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i =>
            nodes[i % 2].TakeAsync(caller, report, attempt, DownloadCost.Whole)));

        answers.ShouldAllBe(a => a.IsAllowed && a.IsCounted && a.Left.Remaining == 0);
        (await CountedAsync(caller)).ShouldBe(1);
    }

    [Fact]
    public async Task a_connection_that_is_killed_in_the_middle_costs_nothing()
    {
        var (quota, caller) = (Node(1, name: "killed-quota"), Principal());
        await KilledAsync(() => TakeAsync(quota, caller), caller);

        await quota.RefundPostponedAsync(default);
        (await CountedAsync(caller)).ShouldBe(0);
        (await TakeAsync(quota, caller)).IsAllowed.ShouldBeTrue();
    }

    [Fact]
    public async Task what_was_counted_for_an_answer_that_was_lost_is_given_back()
    {
        var (caller, report, attempt) = (Principal(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await Node(1).TakeAsync(caller, report, attempt, DownloadCost.Whole);
        var failing = Node(1, name: "killed-quota");

        // The attempt's commit is there already, and this answer never comes.
        await KilledAsync(() => failing.TakeAsync(caller, report, attempt, DownloadCost.Whole), caller);
        await failing.RefundPostponedAsync(default);

        (await CountedAsync(caller)).ShouldBe(0);
    }

    [Fact]
    public async Task a_refund_that_fails_waits_until_it_succeeds()
    {
        var (quota, caller, attempt) = (Node(1), Principal(), Guid.CreateVersion7());
        await quota.TakeAsync(caller, Guid.CreateVersion7(), attempt, DownloadCost.Whole);

        await quota.RefundAsync(attempt, new CancellationToken(canceled: true));
        (await CountedAsync(caller)).ShouldBe(1);
        await Should.ThrowAsync<OperationCanceledException>(
            quota.RefundPostponedAsync(new CancellationToken(canceled: true)));
        await quota.RefundPostponedAsync(default);

        (await CountedAsync(caller)).ShouldBe(0);
    }

    [Fact]
    public async Task a_quota_of_the_merchants_own_holds_at_once()
    {
        var merchant = await app.MerchantAsync();
        var (quota, caller) = (Node(1), Principal(merchant.Id));
        await TakeAsync(quota, caller);

        await merchant.ChangeQuotasAsync(requestsPerDay: null, downloadsPerHour: 3);
        var raised = await TakeAsync(quota, caller);
        await AgeAsync(caller, TimeSpan.FromMinutes(30));
        await TakeAsync(quota, caller);

        // Of three uses two must leave the window before there is one again: the second one, half an hour from now.
        await merchant.ChangeQuotasAsync(requestsPerDay: null, downloadsPerHour: 2);
        var lowered = await TakeAsync(quota, caller);
        await merchant.ChangeQuotasAsync(requestsPerDay: null, downloadsPerHour: 1);
        var back = await TakeAsync(quota, caller);
        await merchant.ChangeQuotasAsync(requestsPerDay: 5, downloadsPerHour: null);
        var standard = await quota.PeekAsync(caller, default);

        (raised.IsAllowed, raised.Left.Policy.Quota, raised.Left.Remaining).ShouldBe((true, 3, 1));
        (lowered.IsAllowed, lowered.Left.Policy.Quota, lowered.Left.Remaining).ShouldBe((false, 2, 0));
        lowered.Left.ResetSeconds.ShouldBeInRange(1740, 1800);
        back.Left.ResetSeconds.ShouldBeInRange(3540, 3600);
        (standard.Policy.Quota, standard.Remaining).ShouldBe((1, 0));
    }

    [Fact]
    public async Task old_uses_are_deleted_and_others_stay()
    {
        var (quota, gone, here) = (Node(1), Principal(), Principal());
        await TakeAsync(quota, gone);
        await AgeAsync(gone, TimeSpan.FromHours(25) + TimeSpan.FromMinutes(1));
        await TakeAsync(quota, here);

        // A node that is at it already is not waited for.
        await Eventually.IsTrueAsync(
            async () =>
            {
                await quota.DeleteOldAsync(default);
                return await CountedAsync(gone) == 0;
            },
            "the old use to be deleted");
        (await CountedAsync(here)).ShouldBe(1);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    internal static Caller Principal(Guid? merchant = null) => new(
        Actor.Service, Interlocked.Increment(ref _lastPrincipal), merchant ?? Guid.CreateVersion7(), "UTC", true, []);

    private static Task<QuotaAnswer> TakeAsync(
        DownloadQuota quota, Caller caller, DownloadCost cost = DownloadCost.Whole, Guid? report = null) => quota.TakeAsync(
            caller, report ?? Guid.CreateVersion7(), Guid.CreateVersion7(), cost);

    private DownloadQuota Node(int quota, TimeSpan? window = null, string name = "quota")
    {
        var connection = new NpgsqlConnectionStringBuilder(app.ConnectionString) { ApplicationName = name, MaxPoolSize = 10 };
        var options = new DeliveryOptions(TimeSpan.FromHours(1), TimeSpan.FromSeconds(15), 1, quota)
        {
            Database = connection.ConnectionString,
            DownloadWindow = window ?? TimeSpan.FromHours(1),
        };
        var database = new ServingDatabase(options);
        var quotas = new DownloadQuota(database, options);
        _nodes.AddRange([quotas, database]);
        return quotas;
    }

    // Of a node of this name, what waits for the principal's lock loses its connection.
    private async Task KilledAsync(Func<Task> take, Caller caller)
    {
        await using var holder = await app.Database.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await ExecuteAsync(holder, $"select pg_advisory_xact_lock(1364545364, {caller.PrincipalNumber})");
        var waiting = take();
        await using var killer = await app.Database.OpenConnectionAsync();
        await Eventually.GetAsync(
            () => ExecuteAsync(
                killer,
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where application_name = 'killed-quota' and wait_event = 'advisory'
                """),
            "the take to wait");
        await Should.ThrowAsync<NpgsqlException>(waiting);
    }

    private async Task<long> CountedAsync(Caller caller)
    {
        await using var connection = await app.Database.OpenConnectionAsync();
        return (long)(await ExecuteAsync(
            connection,
            $"select count(*) from reports.download_quota_uses where principal_number = {caller.PrincipalNumber}"))!;
    }

    // Nobody can wait an hour: what was counted is moved into the past.
    private async Task AgeAsync(Caller caller, TimeSpan age)
    {
        await using var connection = await app.Database.OpenConnectionAsync();
        await ExecuteAsync(
            connection,
            $"""
            update reports.download_quota_uses set counted_at = counted_at - interval '{age.TotalSeconds:F6} seconds'
            where principal_number = {caller.PrincipalNumber}
            """);
    }

    private static async Task<object?> ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
