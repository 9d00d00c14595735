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

/// <summary>The words that stand for enumeration members in JSON, tables and addresses.</summary>
public static class ContractWords
{
    /// <summary>The word of a member, for example <c>daily</c>.</summary>
    /// <typeparam name="TEnum">The enumeration.</typeparam>
    /// <param name="value">The member.</param>
    /// <returns>Its snake_case name.</returns>
    public static string Word<TEnum>(this TEnum value)
        where TEnum : struct, Enum => Words<TEnum>.ByValue[value];

    /// <summary>The member that a word stands for, in any case.</summary>
    /// <typeparam name="TEnum">The enumeration.</typeparam>
    /// <param name="word">The word.</param>
    /// <returns>The member, or null when there is none.</returns>
    public static TEnum? Parse<TEnum>(string word)
        where TEnum : struct, Enum => Words<TEnum>.ByWord.TryGetValue(word, out var value) ? value : null;

    private static class Words<TEnum>
        where TEnum : struct, Enum
    {
        public static readonly Dictionary<TEnum, string> ByValue = Enum.GetValues<TEnum>()
            .ToDictionary(v => v, v => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(v.ToString()));

        public static readonly Dictionary<string, TEnum> ByWord =
            ByValue.ToDictionary(p => p.Value, p => p.Key, StringComparer.OrdinalIgnoreCase);
    }
}
