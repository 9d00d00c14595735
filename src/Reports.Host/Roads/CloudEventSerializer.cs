using Reports.Contracts;
using Wolverine;
using Wolverine.Runtime.Serialization;

namespace Reports.Host.Roads;

/// <summary>
/// Writes orders as CloudEvents when they go into the outbox, so that one that is sent again is the same to the byte.
/// </summary>
internal sealed class CloudEventSerializer : IMessageSerializer
{
    public string ContentType => CloudEvents.MediaType;

    public byte[] Write(Envelope envelope) => CloudEvents.Write(envelope.Id, envelope.Message!, envelope.SentAt);

    public byte[] WriteMessage(object message) => throw OutgoingOnly();

    public object ReadFromData(Type messageType, Envelope envelope) => throw OutgoingOnly();

    public object ReadFromData(byte[] data) => throw OutgoingOnly();

    private static NotSupportedException OutgoingOnly() => new("Only whole envelopes are written, and none is read.");
}
