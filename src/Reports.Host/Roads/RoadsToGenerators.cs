using Wolverine;

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

    public static void Configure(WolverineOptions options, RoadSettings settings)
    {
        options.LocalQueue(IngressTable.Queue).UseDurableInbox();
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
