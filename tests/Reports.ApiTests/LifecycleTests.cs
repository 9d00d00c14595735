using Marten;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Wolverine;
using Wolverine.Tracking;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What generators answer, and what becomes of it. The report is requested without its generator.</summary>
public sealed class LifecycleTests(ReportsApp app)
{
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
    public async Task a_generator_that_gives_up_fails_the_report_with_its_reason()
    {
        var (merchant, order) = await OrderedAsync();

        await SendAsync(merchant, new GenerationFailed(
            order.ReportId, order.Attempt, order.Grant, "test/1", "no_data_source", "The ledger is closed.", true));

        var failed = (await merchant.EventsAsync(order.ReportId))[^1].ShouldBeOfType<ReportGenerationFailed>();
        (failed.Code, failed.Message, failed.Retryable).ShouldBe(("no_data_source", "The ledger is closed.", true));
        failed.By.ShouldBe(new Actor(ActorKind.Generator, "test/1"));
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
        var merchant = await app.MerchantAsync();
        await using var scope = app.Services.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<BuildingBlocks.CurrentCaller>().Caller =
            BuildingBlocks.Caller.Operator(merchant.Id);
        var session = scope.ServiceProvider.GetRequiredService<IDocumentSession>();
        session.QueueSqlCommand("select 1 / 0");

        await Should.ThrowAsync<Exception>(() => scope.ServiceProvider.GetRequiredService<MediatR.ISender>().Send(
            new RequestReport.Command(
                ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 3, 1))));

        await using var command = app.Database.CreateCommand(
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
        var merchant = await app.MerchantAsync();
        var command = new RequestReport.Command(
            ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 10, 1));
        var requested = RequestReport.Decide(
            Guid.CreateVersion7(), Random.Shared.NextInt64(1 << 30, 1L << 36), merchant.Id, "UTC", command, Actor.Operator, Now);
        await merchant.AppendAsync(requested.ReportId, requested);
        var orders = app.Services.GetRequiredService<GenerationOrders>();
        return (merchant, orders.For(requested.ReportId, merchant.Id, requested.Report, 1, DateTimeOffset.UtcNow));
    }

    private async Task<GenerationCompleted> WrittenAsync(GenerateReport order)
    {
        var key = StorageKey.Below(order.StoragePrefix, "report.csv");
        await using var writer = app.Services.GetRequiredService<ReportFiles>().Create(key);
        await writer.Stream.WriteAsync(File);
        await writer.CommitAsync(default);
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File));
        return new GenerationCompleted(
            order.ReportId, order.Attempt, order.Grant, "test/1", "report.csv", File.Length, digest, 2, []);
    }

    private async Task<ITrackedSession> SendAsync(TestMerchant merchant, object message, bool failsQuietly = false)
    {
        var tracking = app.Host.TrackActivity().Timeout(TimeSpan.FromSeconds(20));
        tracking = failsQuietly ? tracking.DoNotAssertOnExceptionsDetected() : tracking;
        return await tracking.ExecuteAndWaitAsync((Func<IMessageContext, Task>)(context =>
            context.PublishAsync(message, new DeliveryOptions { TenantId = merchant.Id.ToString() }).AsTask()));
    }

    private async Task<string?> StatusAsync(Guid report)
    {
        await using var command = app.Database.CreateCommand("select status from reports.report_requests where report_id = $1");
        command.Parameters.AddWithValue(report);
        return (string?)await command.ExecuteScalarAsync();
    }

    private static IEnumerable<Type> Types(IEnumerable<object> events) => events.Select(e => e.GetType());
}
