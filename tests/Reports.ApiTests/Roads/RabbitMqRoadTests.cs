using System.Text.Json;
using RabbitMQ.Client;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>A service whose generators are reached by RabbitMQ.</summary>
public sealed class RabbitMqApp()
    : RoadApp("--Reports:Generators:Road=RabbitMq", $"--Reports:Generators:RabbitMq={TestBroker.Address}")
{
    public override async ValueTask InitializeAsync()
    {
        if (TestBroker.Address is { Length: > 0 })
        {
            await base.InitializeAsync();
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (TestBroker.Address is { Length: > 0 })
        {
            await base.DisposeAsync();
        }
    }
}

/// <summary>One after the other: the broker's queues have one name.</summary>
[CollectionDefinition(Name)]
public sealed class RabbitMqRoad : ICollectionFixture<RabbitMqApp>
{
    public const string Name = "RabbitMQ";
}

/// <summary>Orders and answers over a real broker.</summary>
[Collection(RabbitMqRoad.Name)]
public sealed class RabbitMqRoadTests(RabbitMqApp road)
{
    private const string Completed = "reports.generation-completed.v1";
    private const string HeartbeatName = "reports.generation-heartbeat.v1";
    private const string CloudEventType = "application/cloudevents+json; charset=utf-8";

    [Theory]
    [InlineData("a CloudEvent")]
    [InlineData("a CloudEvent without a content type")]
    [InlineData("raw JSON")]
    public async Task an_order_goes_out_and_its_answer_finishes_the_report(string form)
    {
        TestBroker.Need();
        await using var broker = await BrokerClient.ConnectAsync();
        var report = await road.RequestAsync();

        var (body, properties) = await broker.OrderAsync(report);
        properties.DeliveryMode.ShouldBe(DeliveryModes.Persistent);
        properties.ContentType.ShouldBe("application/cloudevents+json");
        properties.Type.ShouldBe("reports.generate-report.v1");
        properties.MessageId.ShouldBe(body.GetProperty("id").GetString());
        properties.Headers!.Keys.ShouldBe(["x-dotnet-pub-seq-no"]); // the client's own, for confirms
        var answer = road.Fulfil(RoadApp.Data(body));
        await (form switch
        {
            "a CloudEvent" => broker.PublishAsync(
                RoadApp.CloudEvent("job-1", Completed, answer).ToJsonString(), contentType: CloudEventType),
            "a CloudEvent without a content type" => broker.PublishAsync(
                RoadApp.CloudEvent("job-2", Completed, answer).ToJsonString()),
            _ => broker.PublishAsync(answer.ToJsonString(), Completed, Guid.CreateVersion7().ToString()),
        });

        await road.FinishedAsync(report);
    }

    [Theory]
    [InlineData("CloudEvent", "0199a1b2-0000-7000-8000-000000000001")]
    [InlineData("CloudEvent", "job-42")]
    [InlineData("raw", "0199a1b2-0000-7000-8000-000000000002")]
    [InlineData("raw", "job-42")]
    [InlineData("raw", null)]
    public async Task a_message_that_comes_twice_is_handled_once(string form, string? id)
    {
        TestBroker.Need();
        await using var broker = await BrokerClient.ConnectAsync();
        var order = await OrderAsync(broker);
        var (mark, next) = (RoadApp.Unique(), RoadApp.Unique());
        var heartbeat = RoadApp.Heartbeat(order, mark);

        for (var i = 0; i < 2; i++)
        {
            await (form is "raw"
                ? broker.PublishAsync(heartbeat.ToJsonString(), HeartbeatName, id)
                : broker.PublishAsync(RoadApp.CloudEvent(id!, HeartbeatName, heartbeat.DeepClone()).ToJsonString()));
            await road.HandledAsync(mark);
        }

        await broker.PublishAsync(RoadApp.Heartbeat(order, next).ToJsonString(), HeartbeatName);
        await road.HandledAsync(next);
        (await road.InboxAsync(mark)).ShouldBe(1);
        (await road.DeadAsync(mark)).ShouldBe(0);
    }

    [Theory]
    [InlineData("an unknown type")]
    [InlineData("a type of the service's own")]
    [InlineData("an order")]
    [InlineData("no type")]
    [InlineData("malformed JSON")]
    [InlineData("a malformed CloudEvent")]
    [InlineData("a CloudEvent without data")]
    [InlineData("control characters in its type")]
    [InlineData("a wrong grant")]
    public async Task poison_is_one_dead_letter_and_the_next_message_goes_on(string poison)
    {
        TestBroker.Need();
        await using var broker = await BrokerClient.ConnectAsync();
        var order = await OrderAsync(broker);
        var (mark, next) = (RoadApp.Unique(), RoadApp.Unique());
        var answer = RoadApp.Heartbeat(order, mark);
        Task PublishAsync() => poison switch
        {
            "an unknown type" => broker.PublishAsync(answer.ToJsonString(), "reports.no-such-message.v9"),
            "a type of the service's own" => broker.PublishAsync(answer.ToJsonString(), "lifecycle.verify-report"),
            "an order" => broker.PublishAsync(answer.ToJsonString(), "reports.generate-report.v1"),
            "no type" => broker.PublishAsync(answer.ToJsonString()),
            "malformed JSON" => broker.PublishAsync($"{{ \"{mark}\": ", Completed),
            "a malformed CloudEvent" => broker.PublishAsync($"{{ \"{mark}\": ", contentType: CloudEventType),
            "a CloudEvent without data" => broker.PublishAsync(
                $$"""{"specversion":"1.0","id":"{{mark}}","source":"x","type":"{{Completed}}"}""", contentType: CloudEventType),
            "control characters in its type" => broker.PublishAsync(answer.ToJsonString(), "reports.\0\u001b[31m"),
            _ => broker.PublishAsync(
                answer.ToJsonString().Replace("\"grant\":\"", "\"grant\":\"A", StringComparison.Ordinal), HeartbeatName),
        };

        await PublishAsync();
        await road.DiesAsync(mark);
        await PublishAsync();
        await broker.PublishAsync(RoadApp.Heartbeat(order, next).ToJsonString(), HeartbeatName);

        await road.HandledAsync(next);
        await Eventually.GetAsync(
            async () => await road.InboxAsync(mark) == 0 ? "" : null, "the second copy to be dead, too");
        (await road.DeadAsync(mark)).ShouldBe(1);
    }

    [Fact]
    public async Task a_restart_of_the_broker_loses_nothing()
    {
        TestBroker.Need();
        var merchant = await road.App.MerchantAsync();
        var before = await road.RequestAsync(merchant);
        await TestBroker.StopAsync();
        var during = await road.RequestAsync(merchant);
        await TestBroker.StartAsync();
        var after = await road.RequestAsync(merchant);

        await using var broker = await BrokerClient.ConnectAsync();
        var orders = new Dictionary<Guid, JsonElement>();
        foreach (var report in (Guid[])[before, during, after])
        {
            var (body, _) = await broker.OrderAsync(report);
            orders[report] = RoadApp.Data(body);
        }

        foreach (var (report, order) in orders)
        {
            await broker.PublishAsync(road.Fulfil(order).ToJsonString(), Completed, $"restart-{report}");
            await road.FinishedAsync(report, TimeSpan.FromMinutes(2));
        }
    }

    private async Task<JsonElement> OrderAsync(BrokerClient broker)
    {
        var (body, _) = await broker.OrderAsync(await road.RequestAsync());
        return RoadApp.Data(body);
    }
}
