using RabbitMQ.Client;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Wolverine;
using Wolverine.RabbitMQ;
using Wolverine.RabbitMQ.Internal;

namespace Reports.Host.Roads;

/// <summary>Orders and answers over RabbitMQ.</summary>
internal static class RabbitMqRoad
{
    /// <summary>Where orders go.</summary>
    public const string Orders = "reports.generation.orders";

    /// <summary>Where answers come from.</summary>
    public const string Answers = "reports.generation.answers";

    private const int Prefetch = 50;

    public static void Configure(WolverineOptions options, Uri broker)
    {
        // The broker has a message when it says so, not when it was written to a socket: the outbox waits for its word.
        // Dead letters of its own it would keep where no command finds them.
        options.UseRabbitMq(broker)
            .AutoProvision()
            .DisableDeadLetterQueueing()
            .DisableSystemRequestReplyQueueDeclaration()
            .ConfigureChannelCreation(channel =>
            {
                channel.PublisherConfirmationsEnabled = true;
                channel.PublisherConfirmationTrackingEnabled = true;
            });
        var mapper = new RabbitMqMapper();

        // Classic queues: a quorum queue of RabbitMQ 4 drops a message that was given back twenty times, and a message
        // is given back each time that the database is away. docs/adr/0015-roads.md
        options.PublishMessage<GenerateReport>()
            .ToRabbitQueue(Orders, queue => queue.QueueType = QueueType.classic)
            .DefaultSerializer(new CloudEventSerializer())
            .UseInterop(mapper)
            .UseDurableOutbox();
        options.ListenToRabbitQueue(Answers, queue => queue.QueueType = QueueType.classic)
            .UseInterop(mapper)
            .PreFetchCount(Prefetch)
            .UseDurableInbox()
            .PartitionProcessingByGroupId(RoadsToGenerators.Lanes);
    }
}

/// <summary>
/// Between AMQP properties and envelopes. Headers are not read: a sender chooses neither tenant nor where a message
/// goes.
/// </summary>
internal sealed class RabbitMqMapper : IRabbitMqEnvelopeMapper
{
    public void MapIncomingToEnvelope(Envelope envelope, IReadOnlyBasicProperties incoming)
    {
        var message = IncomingMessage.Read(
            envelope.Data ?? [], incoming.ContentType, incoming.Type, incoming.MessageId, incoming.AppId);
        envelope.Id = message.Id;
        envelope.MessageType = message.Type;
        envelope.Data = message.Data;
        envelope.ContentType = "application/json";
        envelope.Source = "rabbitmq";
    }

    public void MapEnvelopeToOutgoing(Envelope envelope, IBasicProperties outgoing)
    {
        outgoing.MessageId = envelope.Id.ToString();
        outgoing.Type = envelope.MessageType;
        outgoing.AppId = CloudEvents.Source;
        outgoing.ContentType = envelope.ContentType;
        outgoing.DeliveryMode = DeliveryModes.Persistent;
        outgoing.Timestamp = new AmqpTimestamp(envelope.SentAt.ToUnixTimeSeconds());
    }
}
