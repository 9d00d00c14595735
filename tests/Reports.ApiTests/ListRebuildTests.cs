using System.Collections.Concurrent;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The list made anew from its events, in a store of its own.</summary>
public sealed class ListRebuildTests : IAsyncLifetime
{
    private static readonly string[] Tables =
        ["reports.finished_reports", "reports.expired_reports", "reports.finished_report_days"];

    private readonly ReportsApp _app = new();

    public async ValueTask InitializeAsync() => await _app.InitializeAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task the_list_made_anew_is_what_it_was_before()
    {
        var (merchant, other) = (await _app.MerchantAsync("Asia/Kuwait"), await _app.MerchantAsync());
        await merchant.FinishedAsync("a", createdAt: DateTimeOffset.UtcNow.AddDays(-1));
        await merchant.FinishedAsync("b", interval: ReportInterval.Monthly);
        await other.FinishedAsync("of another");
        await merchant.ExpireAsync((await merchant.FinishedAsync("c")).Id);
        await HoldAsync(merchant, (await merchant.FinishedAsync("held")).Id, true);
        var released = (await merchant.FinishedAsync("held no more")).Id;
        await HoldAsync(merchant, released, true, false);
        var before = await ContentAsync();

        await using var owner = ReportsHost.Build(_app.MigratingBuilder());
        (await RebuildAsync(owner.Services)).ShouldBe(5);

        (await ContentAsync()).ShouldBe(before);
        (await CountAsync(merchant)).ShouldBe(4);
        await merchant.FinishedAsync("after");
        (await CountAsync(merchant)).ShouldBe(5);
        await owner.Services.GetRequiredService<IDocumentStore>().Storage.Database
            .AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task an_event_that_was_repeated_counts_once()
    {
        var merchant = await _app.MerchantAsync();
        foreach (var isExpired in new[] { false, true })
        {
            var report = (await merchant.FinishedAsync("twice")).Id;
            await using var session = _app.Services.GetRequiredService<IDocumentStore>()
                .LightweightSession(merchant.Id.ToString());
            session.Events.Append(report, (await merchant.EventsAsync(report)).OfType<ReportFinished>().Single());
            await session.SaveChangesAsync();
            if (isExpired)
            {
                await merchant.ExpireAsync(report);
            }
        }

        var before = await ContentAsync();

        await using var owner = ReportsHost.Build(_app.MigratingBuilder());
        (await RebuildAsync(owner.Services)).ShouldBe(1);

        (await ContentAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task what_is_finished_held_or_expires_while_the_list_is_made_anew_is_in_it()
    {
        const int Finishers = 4;
        const int Most = 500;
        var merchant = await _app.MerchantAsync();
        var waiting = new ConcurrentQueue<GivenReport>();
        for (var n = 0; n < 20; n++)
        {
            waiting.Enqueue(await merchant.FinishedAsync($"before {n}"));
        }

        using var enough = new CancellationTokenSource();
        var finished = 0;
        async Task FinishAsync(int finisher)
        {
            while (!enough.IsCancellationRequested && Interlocked.Increment(ref finished) <= Most)
            {
                waiting.Enqueue(await merchant.FinishedAsync($"r{finisher}", createdAt: DateTimeOffset.UtcNow));
                if (finisher > 0 && waiting.TryDequeue(out var report))
                {
                    await (finisher == 1 ? merchant.ExpireAsync(report.Id) : HoldAsync(merchant, report.Id, true));
                }
            }
        }

        // Whoever asks sees the old list or the new one: never fewer reports than have been finished and are kept.
        async Task<int> WatchAsync()
        {
            var (asked, least) = (0, 0L);
            for (; !enough.IsCancellationRequested; asked++)
            {
                var held = await HeldAsync();
                held.ShouldBeGreaterThanOrEqualTo(least);
                least = held;
                (await CountAsync(merchant)).ShouldBeGreaterThanOrEqualTo(20);
            }

            return asked;
        }

        var all = Task.WhenAll(Enumerable.Range(0, Finishers).Select(f => Task.Run(() => FinishAsync(f))));
        var watching = Task.Run(WatchAsync);
        await using var owner = ReportsHost.Build(_app.MigratingBuilder());
        for (var times = 0; times < 3; times++)
        {
            await RebuildAsync(owner.Services);
        }

        await enough.CancelAsync();
        await all;
        (await watching).ShouldBePositive();
        var after = await ContentAsync();

        using var daemon = await owner.Services.GetRequiredService<IDocumentStore>().BuildProjectionDaemonAsync();
        await daemon.RebuildProjectionAsync("finished_reports", CancellationToken.None);

        after.ShouldContain(row => row.Contains("\"is_held\": true", StringComparison.Ordinal));
        after.ShouldBe(await ContentAsync());
    }

    private async Task HoldAsync(TestMerchant merchant, Guid report, params bool[] holds)
    {
        await using var session = _app.Services.GetRequiredService<IDocumentStore>()
            .LightweightSession(merchant.Id.ToString());
        var now = DateTimeOffset.UtcNow;
        foreach (var isPlaced in holds)
        {
            session.Events.Append(
                report,
                isPlaced
                    ? new LegalHoldPlaced(report, "case 1", Actor.Operator, now)
                    : new LegalHoldReleased(report, "closed", Actor.Operator, now));
        }

        await session.SaveChangesAsync();
    }

    private static async Task<int> CountAsync(TestMerchant merchant) =>
        (await merchant.ListAsync()).GetProperty("count").GetInt32();

    private static Task<long> RebuildAsync(IServiceProvider owner) => DeliveryModule.RebuildListAsync(
        owner.GetRequiredService<NpgsqlDataSource>(), TimeProvider.System, CancellationToken.None);

    private async Task<long> HeldAsync()
    {
        await using var command = _app.Database.CreateCommand(
            "select count(*) from reports.finished_reports where is_held");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    // Rows, and who may do what with them.
    private async Task<List<string>> ContentAsync()
    {
        var rows = new List<string>();
        foreach (var table in Tables)
        {
            await using var command = _app.Database.CreateCommand(
                $"""
                select (to_jsonb(t) - 'finished_xid' - 'expired_xid')::text from {table} t
                union all
                select a.grantee::regrole || ' ' || a.privilege_type
                from pg_class c, aclexplode(c.relacl) a where c.oid = '{table}'::regclass
                order by 1
                """);
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
            {
                rows.Add(row.GetString(0));
            }
        }

        return rows;
    }
}
