using System.Text;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Host;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Wolverine;
using Wolverine.Runtime;
using Wolverine.Tracking;
using Xunit;
using GenerationStarted = Reports.Contracts.Messages.GenerationStarted;

namespace Reports.ApiTests;

/// <summary>What generators answer, and what becomes of it. The report is requested without its generator.</summary>
[Collection(typeof(Followed))]
public sealed class LifecycleTests(FollowedApp followed)
{
    private readonly ReportsApp _app = followed.App;
    private static readonly DateTimeOffset Now = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly byte[] File = "id\r\n1\r\n2\r\n"u8.ToArray();

    [Fact]
    public async Task the_same_answer_twice_changes_nothing()
    {
        var (merchant, order) = await OrderedAsync();
        var answer = await WrittenAsync(order);

        await SendAsync(merchant, answer);
        await SendAsync(merchant, answer);

        Types(await merchant.EventsAsync(order.ReportId))
            .ShouldBe([typeof(ReportRequested), typeof(ReportGenerated), typeof(ReportFinished)]);
        (await merchant.ListAsync("?created_after=2026-01-01")).GetProperty("count").GetInt64().ShouldBe(1);
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(20_000, 2)]
    public async Task a_small_file_is_verified_by_the_commit_that_records_its_claim(int records, long commits)
    {
        var (merchant, order) = await OrderedAsync();

        await SendAsync(merchant, await WrittenAsync(order, content: Csv(records)));

        await using var command = _app.Database.CreateCommand(
            """
            select count(distinct xmin::text), string_agg(type || ' ' || user_name, ', ' order by version)
            from events.mt_events where stream_id = $1 and version > 1
            """);
        command.Parameters.AddWithValue(order.ReportId);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        row.GetInt64(0).ShouldBe(commits);
        row.GetString(1).ShouldBe("report.generated.v1 test/1, report.finished.v1 reports");
        (await WatchedAsync(order.ReportId)).ShouldBeNull();
    }

    [Theory]
    [InlineData("size")]
    [InlineData("digest")]
    [InlineData("records")]
    [InlineData("file")]
    public async Task a_claim_that_does_not_hold_fails_the_report(string lie)
    {
        var (merchant, order) = await OrderedAsync();
        var answer = await WrittenAsync(order);

        await SendAsync(merchant, lie switch
        {
            "size" => answer with { FileSize = answer.FileSize + 1 },
            "digest" => answer with { Sha256 = new string('0', 64) },
            "records" => answer with { Records = 3 },
            _ => answer with { FileName = "other.csv" },
        });

        var events = await merchant.EventsAsync(order.ReportId);
        var failed = events[^1].ShouldBeOfType<ReportGenerationFailed>();
        failed.Code.ShouldBe("verification");
        failed.Message.ShouldNotBeNullOrEmpty();
        events[1].ShouldBeOfType<ReportGenerated>();
        (await merchant.ListAsync("?created_after=2026-01-01")).GetProperty("count").GetInt64().ShouldBe(0);
        (await StatusAsync(order.ReportId)).ShouldBe("failed");
    }

    [Fact]
    public async Task a_file_that_is_not_as_claimed_is_put_aside()
    {
        var (merchant, order) = await OrderedAsync();
        var answer = await WrittenAsync(order);
        await WrittenAsync(order, "leftover.csv");

        await SendAsync(merchant, answer with { Records = 3 });

        var put = (await merchant.EventsAsync(order.ReportId)).OfType<FileQuarantined>().ShouldHaveSingleItem();
        put.Finding.ShouldBe("The file has 2 records, not 3.");
        var path = Path.Combine(_app.FilesRoot, put.QuarantineKey);
        (await System.IO.File.ReadAllBytesAsync(path)).ShouldBe(File);
        await Eventually.IsTrueAsync(
            () => Task.FromResult(!Directory.Exists(Path.Combine(_app.FilesRoot, order.StoragePrefix))),
            "what lay beside it to be gone");
    }

    [Fact]
    public async Task a_generator_that_gives_up_for_good_fails_the_report_with_its_reason()
    {
        var (merchant, order) = await OrderedAsync();

        await SendAsync(merchant, Refusal(order, isRetryable: false));

        var failed = (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<ReportGenerationFailed>();
        (failed.Code, failed.Message, failed.Retryable).ShouldBe(("no_data_source", "The ledger is closed.", false));
        failed.By.ShouldBe(new Actor(ActorKind.Generator, "test/1"));
    }

    [Fact]
    public async Task a_failure_that_may_pass_orders_another_try_whose_answer_counts()
    {
        var (merchant, order) = await OrderedAsync();
        await SendAsync(merchant, Refusal(order, isRetryable: true));
        (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<GenerationAttemptFailed>();
        (await StatusAsync(order.ReportId)).ShouldBe("requested");
        var second = await OrderAsync(merchant, order.ReportId, 2);

        // The second try has written its file, and has not said so yet, when the first one's answer comes.
        var answer = await WrittenAsync(second);
        await SendAsync(merchant, await WrittenAsync(order));
        await SendAsync(merchant, answer);
        await SendAsync(merchant, Refusal(order, isRetryable: true));

        Types(await merchant.EventsAsync(order.ReportId)).ShouldBe(
        [
            typeof(ReportRequested), typeof(GenerationAttemptFailed), typeof(LateResultIgnored), typeof(ReportGenerated),
            typeof(ReportFinished),
        ]);
        System.IO.File.Exists(Path.Combine(_app.FilesRoot, order.StoragePrefix, "report.csv")).ShouldBeFalse();
        System.IO.File.Exists(Path.Combine(_app.FilesRoot, second.StoragePrefix, "report.csv")).ShouldBeTrue();
    }

    [Fact]
    public async Task a_generator_is_at_work_until_it_is_silent_for_too_long()
    {
        var (merchant, order) = await OrderedAsync();
        await WatchAsync(merchant, order, DateTimeOffset.UtcNow.AddHours(1));
        await SendAsync(merchant, new GenerationHeartbeat(order.ReportId, 1, order.Grant, "test/1", 500, 2000));
        await SendAsync(merchant, new GenerationStarted(order.ReportId, 1, order.Grant, "test/1"));
        Types(await merchant.EventsAsync(order.ReportId))
            .ShouldBe([typeof(ReportRequested), typeof(Contracts.Events.GenerationStarted)]);
        (await StatusAsync(order.ReportId)).ShouldBe("generating");
        (await WatchedAsync(order.ReportId)).ShouldBe((500, 2000));

        await ExecuteAsync(
            "update reports.generation_watch set deadline = now() - interval '1 second' where report_id = $1", order.ReportId);
        var failed = await Eventually.GetAsync(
            async () => (await merchant.EventsAsync(order.ReportId)).OfType<GenerationAttemptFailed>().SingleOrDefault(),
            "the silent try to fail");

        (failed.Code, failed.Attempt, failed.By).ShouldBe(("timeout", 1, Actor.Service));
        (await WatchedAsync(order.ReportId)).ShouldBeNull();
        await SendAsync(merchant, await WrittenAsync(order));
        (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<LateResultIgnored>();
    }

    [Fact]
    public async Task the_generator_in_the_host_is_heard_of_before_it_has_a_row_to_write()
    {
        var (merchant, order) = await OrderedAsync();
        await WatchAsync(merchant, order, DateTimeOffset.UtcNow.AddHours(1));
        await using var session = _app.Services.GetRequiredService<IDocumentStore>()
            .LightweightSession(order.MerchantId.ToString());
        await using var blocker = await _app.Database.OpenConnectionAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using var command = blocker.CreateCommand();
        command.CommandText = "lock table transactions.transactions in access exclusive mode";
        await command.ExecuteNonQueryAsync();

        var working = HostedGeneratorHandler.AnswerAsync(
            order with { HeartbeatSeconds = 1 },
            session,
            _app.Services.GetRequiredService<ReferenceGenerator>(),
            _app.Services.GetRequiredService<IWolverineRuntime>(),
            default);
        await Eventually.GetAsync<object>(async () => await HeardAsync(order.ReportId) ? order : null, "a heartbeat");

        working.IsCompleted.ShouldBeFalse();
        Types(await merchant.EventsAsync(order.ReportId))
            .ShouldBe([typeof(ReportRequested), typeof(Contracts.Events.GenerationStarted)]);
        await transaction.CommitAsync();
        (await working).ShouldBeOfType<GenerationCompleted>();
    }

    [Fact]
    public async Task progress_that_cannot_be_told_is_no_reason_to_give_up_a_report()
    {
        var (_, order) = await OrderedAsync();
        await using var session = _app.Services.GetRequiredService<IDocumentStore>()
            .LightweightSession(order.MerchantId.ToString());

        (await HostedGeneratorHandler.AnswerAsync(
            order with { Grant = "forged" },
            session,
            _app.Services.GetRequiredService<ReferenceGenerator>(),
            _app.Services.GetRequiredService<IWolverineRuntime>(),
            default)).ShouldBeOfType<GenerationCompleted>();
    }

    [Fact]
    public async Task a_retry_whose_order_was_lost_times_out_too()
    {
        var (merchant, order) = await OrderedAsync();
        await WatchAsync(merchant, order, DateTimeOffset.UtcNow.AddHours(1));
        await SendAsync(merchant, Refusal(order, isRetryable: true));
        var now = DateTimeOffset.UtcNow;
        (await DeadlineAsync(order.ReportId)).ShouldNotBeNull().ShouldBeInRange(now.AddMinutes(55), now.AddMinutes(65));
        (await WatchedAsync(order.ReportId)).ShouldBeNull();

        await ExecuteAsync(
            "update reports.generation_watch set deadline = now() - interval '1 second' where report_id = $1", order.ReportId);

        var failed = await Eventually.GetAsync(
            async () => (await merchant.EventsAsync(order.ReportId)).OfType<GenerationAttemptFailed>().ElementAtOrDefault(1),
            "the second try to fail");
        (failed.Attempt, failed.Code).ShouldBe((2, "timeout"));
    }

    [Fact]
    public async Task a_file_whose_verification_was_lost_is_read_again()
    {
        var (merchant, order) = await OrderedAsync();
        await WatchAsync(merchant, order, DateTimeOffset.UtcNow.AddHours(1));
        var answer = await WrittenAsync(order);
        await using (var session = _app.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.Id.ToString()))
        {
            session.Events.Append(order.ReportId, new ReportGenerated(
                order.ReportId, 1, order.StoragePrefix + answer.FileName, answer.FileSize, answer.Sha256, answer.Records, [],
                Actor.Service, Now));
            await session.SaveChangesAsync();
        }

        await ExecuteAsync(
            "update reports.generation_watch set deadline = now() - interval '1 second' where report_id = $1", order.ReportId);

        await Eventually.GetAsync(
            async () => (await merchant.EventsAsync(order.ReportId)).OfType<ReportFinished>().SingleOrDefault(),
            "the report to be finished");
        await Eventually.IsTrueAsync(async () => await DeadlineAsync(order.ReportId) is null, "nothing to be waited for");
    }

    [Fact]
    public async Task the_generator_in_the_host_does_not_work_for_what_nobody_waits_for()
    {
        var (merchant, order) = await OrderedAsync();
        await _app.Services.SendAsync(merchant.Id, new CancelReport.Command(order.ReportId), default);

        await SendAsync(merchant, order);

        Types(await merchant.EventsAsync(order.ReportId)).ShouldBe([typeof(ReportRequested), typeof(ReportCancelled)]);
        Directory.Exists(Path.Combine(_app.FilesRoot, order.StoragePrefix)).ShouldBeFalse();
    }

    [Fact]
    public async Task a_heartbeat_in_the_last_moment_keeps_a_try_alive()
    {
        var (merchant, order) = await OrderedAsync();
        await WatchAsync(merchant, order, DateTimeOffset.UtcNow.AddHours(1));
        await SendAsync(merchant, new GenerationHeartbeat(order.ReportId, 1, order.Grant, "test/1", 1));

        await SendAsync(merchant, new ExpireAttempt(order.ReportId, 1));

        (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<Contracts.Events.GenerationStarted>();
    }

    [Fact]
    public async Task a_cancelled_report_stays_cancelled_whatever_its_generator_answers()
    {
        var (merchant, order) = await OrderedAsync();
        await _app.Services.SendAsync(merchant.Id, new CancelReport.Command(order.ReportId, "a mistake"), default);
        await _app.Services.SendAsync(merchant.Id, new CancelReport.Command(order.ReportId), default);

        await SendAsync(merchant, new GenerationStarted(order.ReportId, 1, order.Grant, "test/1"));
        var answer = await WrittenAsync(order);
        await SendAsync(merchant, answer);
        await SendAsync(merchant, answer);

        Types(await merchant.EventsAsync(order.ReportId))
            .ShouldBe([typeof(ReportRequested), typeof(ReportCancelled), typeof(LateResultIgnored)]);
        (await StatusAsync(order.ReportId)).ShouldBe("cancelled");
        Directory.Exists(Path.Combine(_app.FilesRoot, order.StoragePrefix)).ShouldBeFalse();
    }

    [Fact]
    public async Task an_answer_needs_no_tenant_but_its_grant_and_no_other_tenant_helps_it()
    {
        var (merchant, order) = await OrderedAsync();
        var other = await _app.MerchantAsync();

        await SendAsync(null, new GenerationStarted(order.ReportId, 1, order.Grant, "test/1"));
        await SendAsync(other, await WrittenAsync(order));

        Types(await merchant.EventsAsync(order.ReportId)).ShouldBe(
        [
            typeof(ReportRequested), typeof(Contracts.Events.GenerationStarted), typeof(ReportGenerated),
            typeof(ReportFinished),
        ]);
        (await other.EventsAsync(order.ReportId)).ShouldBeEmpty();
    }

    [Fact]
    public async Task the_same_answer_many_times_at_once_has_one_effect()
    {
        var (merchant, order) = await OrderedAsync();
        var answer = await WrittenAsync(order);

        await _app.Host.TrackActivity().Timeout(TimeSpan.FromMinutes(2)).DoNotAssertOnExceptionsDetected()
            .ExecuteAndWaitAsync((Func<IMessageContext, Task>)(async context =>
            {
                for (var i = 0; i < 10; i++)
                {
                    await context.PublishAsync(answer);
                    await context.PublishAsync(new GenerationStarted(order.ReportId, 1, order.Grant, "test/1"));
                }
            }));

        var events = Types(await merchant.EventsAsync(order.ReportId)).ToList();
        events.Count(t => t == typeof(ReportGenerated)).ShouldBe(1);
        events.Count(t => t == typeof(ReportFinished)).ShouldBe(1);
        events.Count.ShouldBeLessThanOrEqualTo(4);
    }

    [Theory]
    [InlineData("forged")]
    [InlineData("crossed")]
    [InlineData("other attempt")]
    [InlineData("climbing")]
    public async Task an_answer_without_its_own_grant_becomes_a_dead_letter(string trick)
    {
        var (merchant, order) = await OrderedAsync();
        var (_, other) = await OrderedAsync();
        var answer = await WrittenAsync(order);
        var bad = trick switch
        {
            "forged" => answer with { Grant = order.Grant[..^4] + "AAAA" },
            "crossed" => answer with { Grant = other.Grant },
            "other attempt" => answer with { Attempt = 2 },
            _ => answer with { FileName = "../../other/report.csv" },
        };

        var session = await SendAsync(merchant, bad, failsQuietly: true);

        session.MovedToErrorQueue.MessagesOf<GenerationCompleted>().Count().ShouldBe(1);
        Types(await merchant.EventsAsync(order.ReportId)).ShouldBe([typeof(ReportRequested)]);
    }

    [Fact]
    public async Task a_request_and_its_order_stand_or_fall_together()
    {
        var merchant = await _app.MerchantAsync();
        await using var scope = _app.Services.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<BuildingBlocks.CurrentCaller>().Caller =
            BuildingBlocks.Caller.Operator(merchant.Id);
        var session = scope.ServiceProvider.GetRequiredService<IDocumentSession>();
        session.QueueSqlCommand("select 1 / 0");

        await Should.ThrowAsync<Exception>(() => scope.ServiceProvider.GetRequiredService<MediatR.ISender>().Send(
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1))));

        await using var command = _app.Database.CreateCommand(
            """
            select (select count(*) from reports.report_requests where merchant_id = $1)
                 + (select count(*) from wolverine.wolverine_incoming_envelopes
                    where message_type = 'reports.generate-report.v1' and position($2::bytea in body) > 0)
                 + (select count(*) from events.mt_events where type = 'report.requested.v1' and tenant_id = $1::text)
            """);
        command.Parameters.AddWithValue(merchant.Id);
        command.Parameters.AddWithValue(System.Text.Encoding.UTF8.GetBytes(merchant.Id.ToString()));
        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    /// <summary>
    /// A request as it stands before any generator has answered, with the order that went out for it.
    /// </summary>
    private async Task<(TestMerchant Merchant, GenerateReport Order)> OrderedAsync()
    {
        var merchant = await _app.MerchantAsync();
        var command = new RequestReport.Command(
            ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 10, 1));
        var requested = RequestReport.Decide(
            Guid.CreateVersion7(), Random.Shared.NextInt64(1 << 30, 1L << 36), merchant.Id, "UTC", command, Actor.Operator, Now);
        await merchant.AppendAsync(requested.ReportId, requested);
        var orders = _app.Services.GetRequiredService<GenerationOrders>();
        return (merchant, orders.For(requested.ReportId, merchant.Id, requested.Report, 1, DateTimeOffset.UtcNow));
    }

    private async Task<GenerateReport> OrderAsync(TestMerchant merchant, Guid report, int attempt)
    {
        var description = ((ReportRequested)(await merchant.EventsAsync(report))[0]).Report;
        return _app.Services.GetRequiredService<GenerationOrders>()
            .For(report, merchant.Id, description, attempt, DateTimeOffset.UtcNow);
    }

    private static GenerationFailed Refusal(GenerateReport order, bool isRetryable) => new(
        order.ReportId, order.Attempt, order.Grant, "test/1", "no_data_source", "The ledger is closed.", isRetryable);

    private Task WatchAsync(TestMerchant merchant, GenerateReport order, DateTimeOffset deadline) => ExecuteAsync(
        "insert into reports.generation_watch (report_id, merchant_id, attempt, deadline) values ($1, $2, $3, $4)",
        order.ReportId, merchant.Id, order.Attempt, deadline.ToUniversalTime());

    private async Task ExecuteAsync(string sql, params object[] parameters)
    {
        await using var command = _app.Database.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.AddWithValue(parameter);
        }

        await command.ExecuteNonQueryAsync();
    }

    private async Task<bool> HeardAsync(Guid report)
    {
        await using var command = _app.Database.CreateCommand(
            "select exists (select from reports.generation_watch where report_id = $1 and records = 0)");
        command.Parameters.AddWithValue(report);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private async Task<DateTimeOffset?> DeadlineAsync(Guid report)
    {
        await using var command = _app.Database.CreateCommand(
            "select deadline from reports.generation_watch where report_id = $1");
        command.Parameters.AddWithValue(report);
        return await command.ExecuteScalarAsync() is DateTime deadline ? new DateTimeOffset(deadline) : null;
    }

    private async Task<(long Records, long Expected)?> WatchedAsync(Guid report)
    {
        await using var command = _app.Database.CreateCommand(
            """
            select records, expected_records from reports.generation_watch
            where report_id = $1 and records is not null and expected_records is not null
            """);
        command.Parameters.AddWithValue(report);
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync() ? (row.GetInt64(0), row.GetInt64(1)) : null;
    }

    private static byte[] Csv(int records) => Encoding.UTF8.GetBytes(
        "id,amount\r\n" + string.Concat(Enumerable.Range(1, records).Select(n => $"{n},{n}.0000000\r\n")));

    private async Task<GenerationCompleted> WrittenAsync(
        GenerateReport order, string name = "report.csv", byte[]? content = null)
    {
        content ??= File;
        var key = StorageKey.Below(order.StoragePrefix, name);
        await using var writer = _app.Services.GetRequiredService<ReportFiles>().Create(key);
        await writer.Stream.WriteAsync(content);
        await writer.CommitAsync(default);
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        var records = content.Count((byte)'\n') - 1;
        return new GenerationCompleted(
            order.ReportId, order.Attempt, order.Grant, "test/1", name, content.Length, digest, records, []);
    }

    private async Task<ITrackedSession> SendAsync(TestMerchant? merchant, object message, bool failsQuietly = false)
    {
        var tracking = _app.Host.TrackActivity().Timeout(TimeSpan.FromMinutes(2));
        tracking = failsQuietly ? tracking.DoNotAssertOnExceptionsDetected() : tracking;
        return await tracking.ExecuteAndWaitAsync((Func<IMessageContext, Task>)(context =>
            context.PublishAsync(message, new DeliveryOptions { TenantId = merchant?.Id.ToString() }).AsTask()));
    }

    private async Task<string?> StatusAsync(Guid report)
    {
        await using var command = _app.Database.CreateCommand("select status from reports.report_requests where report_id = $1");
        command.Parameters.AddWithValue(report);
        return (string?)await command.ExecuteScalarAsync();
    }

    private static IEnumerable<Type> Types(IEnumerable<object> events) => events.Select(e => e.GetType());
}
