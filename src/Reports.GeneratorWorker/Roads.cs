using System.Reflection;
using JasperFx.CodeGeneration;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.Postgresql;
using Wolverine.RabbitMQ;
using Wolverine.Util;

namespace Reports.GeneratorWorker;

/// <summary>How orders come in and answers go out.</summary>
internal static class Roads
{
    private static readonly TimeSpan[] Waits = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30)];

    // How soon an order is seen, and the pause after each batch of twenty.
    private static readonly TimeSpan Polling = TimeSpan.FromMilliseconds(250);

    // A third of the cores is left to the database and to the service, which are often on the same machine. But small
    // reports wait for flushes rather than for a core.
    private static readonly int Parallel = Math.Max(4, Environment.ProcessorCount * 2 / 3);

    public static void ConfigureMessages(WolverineOptions options)
    {
        options.ServiceName = "reports-generator";
        options.ApplicationAssembly = typeof(Roads).Assembly;
        options.CodeGeneration.TypeLoadMode = TypeLoadMode.Dynamic;
        options.UseRuntimeCompilation();
        WolverineMessageNaming.InsertFirst<ContractMessageNaming>();
        foreach (var type in ContractNames.Messages.Values)
        {
            options.RegisterMessageType(type);
        }

        options.UseSystemTextJsonForSerialization(json => ContractJson.Apply(json));
        options.DefaultExecutionTimeout = TimeSpan.FromHours(2);
        options.Policies.OnException<Npgsql.NpgsqlException>().Or<IOException>().Or<TimeoutException>()
            .RetryWithCooldown(Waits);
    }

    /// <summary>Wolverine's own queues in the service's database; inbox and outbox in a schema of the generator's.</summary>
    public static void UsePostgresQueue(WolverineOptions options, string database)
    {
        options.UsePostgresqlPersistenceAndTransport(database, "generator_worker", transportSchema: "queues").AutoProvision();
        options.ListenToPostgresqlQueue("generation_orders").PollingInterval(Polling).MaximumParallelMessages(Parallel)
            .UseDurableInbox();
        ForAnswers(options, answers => answers.ToPostgresqlQueue("generation_answers").UseDurableOutbox());
    }

    /// <summary>CloudEvents in RabbitMQ. An order is acknowledged when its answer was sent.</summary>
    public static void UseRabbitMq(WolverineOptions options, Uri broker)
    {
        options.UseRabbitMq(broker).ConfigureChannelCreation(channel =>
        {
            channel.PublisherConfirmationsEnabled = true;
            channel.PublisherConfirmationTrackingEnabled = true;
        });
        options.ListenToRabbitQueue("reports.generation.orders").InteropWithCloudEvents(ContractJson.Options)
            .PreFetchCount((ushort)Parallel).ListenerCount(1).MaximumParallelMessages(Parallel).ProcessInline();
        ForAnswers(options, answers => answers.ToRabbitQueue("reports.generation.answers")
            .InteropWithCloudEvents(ContractJson.Options).SendInline());
    }

    private static void ForAnswers(WolverineOptions options, Action<Wolverine.Configuration.PublishingExpression> route) =>
        options.Publish(answers =>
        {
            answers.Message<GenerationStarted>();
            answers.Message<GenerationHeartbeat>();
            answers.Message<GenerationCompleted>();
            answers.Message<GenerationFailed>();
            route(answers);
        });
}

/// <summary>Names messages as the contracts do.</summary>
public sealed class ContractMessageNaming : IMessageTypeNaming
{
    /// <inheritdoc/>
    public bool TryDetermineName(Type messageType, out string messageTypeName)
    {
        messageTypeName = messageType.GetCustomAttribute<MessageNameAttribute>()?.Name ?? "";
        return messageTypeName.Length > 0;
    }
}
