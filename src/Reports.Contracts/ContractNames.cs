using System.Reflection;

namespace Reports.Contracts;

/// <summary>
/// The name under which an event type is stored. It never changes: a new shape that old readers cannot read is a new
/// type with a new version in its name (<c>docs/adr/0004-events-and-messages-have-fixed-names.md</c>).
/// </summary>
/// <param name="name">The stored name, for example <c>report.finished.v1</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class EventNameAttribute(string name) : Attribute
{
    /// <summary>The stored name.</summary>
    public string Name { get; } = name;
}

/// <summary>The name under which a message travels to and from report generators.</summary>
/// <param name="name">The name on the wire, for example <c>reports.generate-report.v1</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class MessageNameAttribute(string name) : Attribute
{
    /// <summary>The name on the wire.</summary>
    public string Name { get; } = name;
}

/// <summary>Every event and message type of this assembly with its fixed name.</summary>
public static class ContractNames
{
    /// <summary>Stored event types by name.</summary>
    public static IReadOnlyDictionary<string, Type> Events { get; } = Named<EventNameAttribute>(a => a.Name);

    /// <summary>Message types by name.</summary>
    public static IReadOnlyDictionary<string, Type> Messages { get; } = Named<MessageNameAttribute>(a => a.Name);

    private static Dictionary<string, Type> Named<TAttribute>(Func<TAttribute, string> name)
        where TAttribute : Attribute =>
        typeof(ContractNames).Assembly.GetExportedTypes()
            .Select(type => (type, attribute: type.GetCustomAttribute<TAttribute>()))
            .Where(pair => pair.attribute is not null)
            .ToDictionary(pair => name(pair.attribute!), pair => pair.type, StringComparer.Ordinal);
}
