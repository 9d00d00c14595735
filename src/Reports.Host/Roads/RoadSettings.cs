namespace Reports.Host.Roads;

/// <summary>How orders reach generators, and how their answers come back.</summary>
internal enum GeneratorRoad
{
    /// <summary>The reference generator works in this process; durable local queues.</summary>
    Local,

    /// <summary>Wolverine's own queues in the database, for generators on .NET that use Wolverine.</summary>
    PostgresQueue,

    /// <summary>Tables that any language can read and write with plain SQL.</summary>
    PostgresTable,

    /// <summary>Queues of a RabbitMQ broker.</summary>
    RabbitMq,
}

/// <summary>The road of an installation, from <c>Reports:Generators</c>.</summary>
/// <param name="Road">Which.</param>
/// <param name="RabbitMq">The broker, with its credentials; for that road only.</param>
/// <param name="DeadLetterAlarm">More dead letters than these degrade the service's health.</param>
internal sealed record RoadSettings(GeneratorRoad Road, Uri? RabbitMq, int DeadLetterAlarm)
{
    /// <summary>Reads the settings; what is missing or unusable is named, never with its value.</summary>
    public static RoadSettings From(IConfigurationSection reports)
    {
        var generators = reports.GetSection("Generators");
        var road = ReadRoad(generators);
        return new RoadSettings(
            road,
            road is GeneratorRoad.RabbitMq ? ReadBroker(generators) : null,
            Settings.Positive(reports, "Messages:DeadLetterAlarm", 100));
    }

    // A record prints its members, and the broker's address holds a password.
    public override string ToString() => $"{nameof(RoadSettings)} {Road}";

    private static GeneratorRoad ReadRoad(IConfigurationSection section)
    {
        const string Name = "Road";
        if (section[Name] is not { } text)
        {
            return GeneratorRoad.Local;
        }

        return Enum.GetNames<GeneratorRoad>().Contains(text, StringComparer.OrdinalIgnoreCase)
            ? Enum.Parse<GeneratorRoad>(text, ignoreCase: true)
            : throw new SettingException(
                $"{section.Path}:{Name}", $"must be one of {string.Join(", ", Enum.GetNames<GeneratorRoad>())}");
    }

    private static Uri ReadBroker(IConfigurationSection section)
    {
        const string Name = "RabbitMq";
        return section[Name] is not { Length: > 0 } text
            ? throw new SettingException($"{section.Path}:{Name}", "is missing, and the road RabbitMq needs it")
            : Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "amqp" or "amqps"
                ? uri
                : throw new SettingException(
                    $"{section.Path}:{Name}",
                    "must be an amqp or amqps address, such as amqp://user:password@host/vhost");
    }
}
