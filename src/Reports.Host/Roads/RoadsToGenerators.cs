using Reports.Contracts.Messages;
using Wolverine;
using Wolverine.Configuration;

namespace Reports.Host.Roads;

/// <summary>Lays the road that the settings name. Whatever the road, the same handlers take what comes.</summary>
internal static class RoadsToGenerators
{
    public static void AddRoads(this IServiceCollection services, RoadSettings settings)
    {
        services.AddSingleton(settings);
        services.AddHostedService<IngressTable>();
        services.AddSingleton<DeadLetters>();
        services.AddSingleton<DeadLetterTrend>();
        services.AddHostedService<MessageCounts>();
        services.AddHealthChecks().AddCheck<DeadLetterCheck>("messages", tags: ["ready"]);
    }

    /// <summary>How many reports' messages are handled at the same time.</summary>
    public const PartitionSlots Lanes = PartitionSlots.Nine;

    public static void Configure(WolverineOptions options, RoadSettings settings)
    {
        // What is said of one report is handled one after the other: side by side, each but one would find its stream
        // moved on, and would have to wait for its next try.
        options.MessagePartitioning
            .ByMessage<GenerationStarted>(message => message.ReportId.ToString())
            .ByMessage<GenerationHeartbeat>(message => message.ReportId.ToString())
            .ByMessage<GenerationCompleted>(message => message.ReportId.ToString())
            .ByMessage<GenerationFailed>(message => message.ReportId.ToString());
        options.LocalQueue(IngressTable.Queue).UseDurableInbox().PartitionProcessingByGroupId(Lanes);
        switch (settings.Road)
        {
            case GeneratorRoad.Local:
                break;
            case GeneratorRoad.PostgresTable:
                // Orders are rows that Lifecycle inserts; one that is published all the same would be taken by the
                // reference generator.
                break;
            case GeneratorRoad.PostgresQueue:
                PostgresQueueRoad.Configure(options);
                break;
            case GeneratorRoad.RabbitMq:
                RabbitMqRoad.Configure(options, settings.RabbitMq!);
                break;
        }
    }
}
