using System.Reflection;
using JasperFx;
using JasperFx.CodeGeneration;
using Marten.Exceptions;
using Reports.Contracts;
using Reports.Host.Roads;
using Reports.Lifecycle;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.Util;

namespace Reports.Host;

/// <summary>
/// Messages to and from generators: Wolverine with durable queues, its storage beside the events.
/// </summary>
internal static class Messaging
{
    private static readonly TimeSpan[] Waits =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5)];

    private static readonly TimeSpan[] InMemoryWaits =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30)];

    /// <param name="options">What is configured.</param>
    /// <param name="settings">The settings of the host.</param>
    /// <param name="compilesHandlers">
    /// Whether the handlers' code is made and compiled at the start. Otherwise the committed code of Internal/Generated
    /// is loaded, which <c>build/codegen</c> writes: that saves a second and half of the memory.
    /// </param>
    public static void Configure(WolverineOptions options, Settings settings, bool compilesHandlers)
    {
        options.ServiceName = "reports";
        options.ApplicationAssembly = typeof(Messaging).Assembly;
        if (compilesHandlers)
        {
            options.CodeGeneration.TypeLoadMode = TypeLoadMode.Dynamic;
            options.UseRuntimeCompilation();
        }
        else
        {
            options.CodeGeneration.TypeLoadMode = TypeLoadMode.Static;
        }

        options.AutoBuildMessageStorageOnStartup =
            settings.IsMigrating ? AutoCreate.CreateOrUpdate : AutoCreate.None;

        options.Discovery.IncludeAssembly(typeof(LifecycleModule).Assembly);

        WolverineMessageNaming.InsertFirst<ContractMessageNaming>();
        foreach (var type in ContractNames.Messages.Values)
        {
            options.RegisterMessageType(type);
        }

        options.UseSystemTextJsonForSerialization(json => ContractJson.ApplyStrictly(json));

        // A report over a year of transactions takes its time; the standard is a minute.
        options.DefaultExecutionTimeout = TimeSpan.FromHours(2);
        options.EnableRelayOfUserName = true;
        options.EnvelopeIdGeneration = EnvelopeIdGeneration.GuidV7;
        options.MultipleHandlerBehavior = MultipleHandlerBehavior.Separated;
        options.UnknownMessageBehavior = UnknownMessageBehavior.DeadLetterQueue;
        options.Durability.Mode = settings.IsSoloNode ? DurabilityMode.Solo : DurabilityMode.Balanced;

        // A killed node's messages go on elsewhere within half a minute. A node that only stalled for so long has
        // company then, and whatever both handle has one effect.
        options.Durability.HealthCheckPollingTime = TimeSpan.FromSeconds(5);
        options.Durability.StaleNodeTimeout = TimeSpan.FromSeconds(20);

        // What a node has taken and lost from its memory is taken again; longer than any message may run.
        options.Durability.InboxStaleTime = TimeSpan.FromHours(3);
        options.Durability.MessageIdentity = MessageIdentity.IdAndDestination;
        options.Durability.KeepAfterMessageHandling = TimeSpan.FromDays(1);
        options.Durability.MessageStorageSchemaName = "wolverine";

        options.Policies.AutoApplyTransactions();
        options.Policies.UseDurableLocalQueues();
        options.Policies.UseDurableInboxOnAllListeners();
        options.Policies.UseDurableOutboxOnAllSendingEndpoints();
        options.Policies.MessageSuccessLogLevel(LogLevel.Debug);
        RoadsToGenerators.Configure(options, settings.Roads);

        options.Policies.OnException<GrantRefusedException>().Or<SubmissionRefusedException>().MoveToErrorQueue();
        options.Policies.OnException<ReportNotYetKnownException>().ScheduleRetry(Waits);
        options.Policies.OnException<ConcurrencyException>().Or<ExistingStreamIdCollisionException>().RetryWithCooldown(
            TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(250),
            TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1)).Then.ScheduleRetry(Waits);

        // A connection that breaks in a commit surfaces as a transaction that is disposed of. The first tries wait in
        // memory: a schedule would have to be written to the database that is away.
        options.Policies.OnException<Npgsql.NpgsqlException>().Or<MartenCommandException>()
            .Or<ObjectDisposedException>().Or<IOException>().Or<TimeoutException>().Or<OperationCanceledException>()
            .Or<UnauthorizedAccessException>()
            .RetryWithCooldown(InMemoryWaits).Then.ScheduleRetry(Waits);
    }
}

/// <summary>Names messages as the contracts do, so that the contracts need no framework.</summary>
public sealed class ContractMessageNaming : IMessageTypeNaming
{
    /// <inheritdoc/>
    public bool TryDetermineName(Type messageType, out string messageTypeName)
    {
        messageTypeName = messageType.GetCustomAttribute<MessageNameAttribute>()?.Name ?? "";
        return messageTypeName.Length > 0;
    }
}
