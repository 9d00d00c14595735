using System.Buffers;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Reports.Contracts;

/// <summary>
/// A message for a generator of any language: CloudEvents 1.0, structured, as JSON
/// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). No attribute is null, and none
/// names a merchant: what may be done is in the message itself.
/// </summary>
public static class CloudEvents
{
    /// <summary>The media type of a structured CloudEvent.</summary>
    public const string MediaType = "application/cloudevents+json";

    /// <summary>The version of the specification that is written and read.</summary>
    public const string SpecVersion = "1.0";

    /// <summary>The source of what this service sends.</summary>
    public const string Source = "reports";

    private const string Rfc3339 = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    /// <summary>Wraps a message.</summary>
    /// <param name="id">The id of the delivery: the same message sent again has the same.</param>
    /// <param name="message">The message; its type has a <see cref="MessageNameAttribute"/>.</param>
    /// <param name="time">When it was sent.</param>
    /// <returns>The event in UTF-8.</returns>
    /// <exception cref="ArgumentException">The message has no name on the wire.</exception>
    public static byte[] Write(Guid id, object message, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(message);
        var name = message.GetType().GetCustomAttribute<MessageNameAttribute>()?.Name
            ?? throw new ArgumentException($"{message.GetType()} has no name on the wire.", nameof(message));
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = ContractJson.Options.Encoder }))
        {
            json.WriteStartObject();
            json.WriteString("specversion", SpecVersion);
            json.WriteString("id", id);
            json.WriteString("source", Source);
            json.WriteString("type", name);
            json.WriteString("time", time.UtcDateTime.ToString(Rfc3339, CultureInfo.InvariantCulture));
            json.WriteString("datacontenttype", "application/json");
            json.WritePropertyName("data");
            JsonSerializer.Serialize(json, message, message.GetType(), ContractJson.Options);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
