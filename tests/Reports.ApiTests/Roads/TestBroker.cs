using System.Diagnostics;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>
/// The broker of the test run, which <c>build/test</c> starts: its address is in <c>REPORTS_TEST_RABBITMQ</c>, and what
/// is needed to stop and start it in <c>REPORTS_TEST_RABBITMQ_HOME</c>.
/// </summary>
internal static class TestBroker
{
    public static string? Address { get; } = Environment.GetEnvironmentVariable("REPORTS_TEST_RABBITMQ");

    /// <summary>Skips the test where there is no broker.</summary>
    public static void Need() =>
        Assert.SkipWhen(string.IsNullOrEmpty(Address), "REPORTS_TEST_RABBITMQ names no broker; build/test starts one.");

    public static Task StopAsync() => ShellAsync("stop_broker");

    public static Task StartAsync() => ShellAsync("launch_broker && await_broker");

    public static async Task<IConnection> ConnectAsync() =>
        await new ConnectionFactory { Uri = new Uri(Address!) }.CreateConnectionAsync();

    private static async Task ShellAsync(string command)
    {
        var home = Environment.GetEnvironmentVariable("REPORTS_TEST_RABBITMQ_HOME");
        var start = new ProcessStartInfo(
            "bash",
            ["-c", $"set -euo pipefail; . build/lib/common; . build/lib/rabbitmq; open_broker \"$1\"; {command}", "bash", home!])
        {
            WorkingDirectory = Checkout.Root,
        };
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}

/// <summary>A generator's connection to the broker.</summary>
internal sealed class BrokerClient(IConnection connection, IChannel channel) : IAsyncDisposable
{
    private const string Orders = "reports.generation.orders";
    private const string Answers = "reports.generation.answers";

    private readonly Dictionary<Guid, (JsonElement Body, IReadOnlyBasicProperties Properties)> _orders = [];

    public static async Task<BrokerClient> ConnectAsync()
    {
        var connection = await TestBroker.ConnectAsync();
        return new BrokerClient(
            connection,
            await connection.CreateChannelAsync(new CreateChannelOptions(
                publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true)));
    }

    /// <summary>Publishes to the queue of answers; the broker has it when this returns.</summary>
    public async Task PublishAsync(string body, string? type = null, string? id = null, string? contentType = null)
    {
        var properties = new BasicProperties
        {
            Persistent = true,
            Type = type,
            MessageId = id,
            ContentType = contentType,
            Headers = new Dictionary<string, object?> { ["tenant-id"] = "another-tenant" },
        };
        await channel.BasicPublishAsync("", Answers, mandatory: true, properties, Encoding.UTF8.GetBytes(body));
    }

    /// <summary>Takes orders until the one for a report has come; the others are kept.</summary>
    public async Task<(JsonElement Body, IReadOnlyBasicProperties Properties)> OrderAsync(Guid report)
    {
        await Eventually.GetAsync(
            async () =>
            {
                while (!_orders.ContainsKey(report) && await channel.BasicGetAsync(Orders, autoAck: true) is { } order)
                {
                    var body = JsonDocument.Parse(order.Body).RootElement;
                    _orders[body.GetProperty("data").GetProperty("report_id").GetGuid()] = (body, order.BasicProperties);
                }

                return _orders.ContainsKey(report) ? "" : null;
            },
            $"the order of report {report}",
            TimeSpan.FromMinutes(2));
        return _orders[report];
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
    }
}
