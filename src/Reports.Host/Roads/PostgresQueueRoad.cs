using Reports.Contracts.Messages;
using Wolverine;
using Wolverine.Postgresql;
using Wolverine.Postgresql.Transport;
using Wolverine.Runtime;

namespace Reports.Host.Roads;

/// <summary>Orders and answers over Wolverine's own queues in the database, for generators that use it too.</summary>
internal static class PostgresQueueRoad
{
    /// <summary>The schema of the queues.</summary>
    public const string Schema = "queues";

    /// <summary>Where orders go.</summary>
    public const string Orders = "generation_orders";

    /// <summary>Where answers come from.</summary>
    public const string Answers = "generation_answers";

    // The listener waits after a full batch, too: the two together are the most that comes in.
    private const int Batch = 500;
    private static readonly TimeSpan Polling = TimeSpan.FromMilliseconds(500);

    public static void Configure(WolverineOptions options)
    {
        options.PublishMessage<GenerateReport>().ToPostgresqlQueue(Orders).UseDurableOutbox();
        options.ListenToPostgresqlQueue(Answers).MaximumMessagesToReceive(Batch).PollingInterval(Polling)
            .UseDurableInbox().PartitionProcessingByGroupId(RoadsToGenerators.Lanes);
    }

    /// <summary>Creates the tables of the queues; Wolverine would when it starts, under a role that may.</summary>
    public static async Task ApplySchemaAsync(IWolverineRuntime runtime)
    {
        var transport = runtime.Options.Transports.GetOrCreate<PostgresqlTransport>();
        await transport.ConnectAsync(runtime);
        foreach (var queue in transport.Queues)
        {
            await queue.SetupAsync(runtime.LoggerFactory.CreateLogger<PostgresqlTransport>());
        }
    }
}
