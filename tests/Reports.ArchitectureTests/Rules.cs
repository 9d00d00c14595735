using System.Reflection;
using System.Text.Json;
using MediatR;
using Wolverine;

namespace Reports.ArchitectureTests;

/// <summary>
/// The rules of the architecture. Each gives what breaks it, so that it can be proved on a deliberate violation.
/// </summary>
internal static class Rules
{
    /// <summary>Of our own assemblies, one may reference only those named; "none" is a rule too.</summary>
    public static IEnumerable<string> References(
        string assembly, IEnumerable<string> references, IReadOnlyCollection<string> allowed) =>
        references.Where(r => r.StartsWith("Reports.", StringComparison.Ordinal) && !allowed.Contains(r))
            .Select(r => $"{assembly} references {r}");

    /// <summary>Only the base library: what is stored and sent must be readable without our frameworks.</summary>
    public static IEnumerable<string> Frameworks(string assembly, IEnumerable<string> references) =>
        references.Where(r => !r.StartsWith("System", StringComparison.Ordinal) && r != "netstandard")
            .Select(r => $"{assembly} references {r}");

    /// <summary>All packages and projects that a project needs, directly or not, by its lock file.</summary>
    public static IEnumerable<string> Packages(string lockFile)
    {
        using var document = JsonDocument.Parse(lockFile);
        return [.. document.RootElement.GetProperty("dependencies").EnumerateObject()
            .SelectMany(f => f.Value.EnumerateObject()).Select(p => p.Name)];
    }

    /// <summary>
    /// Public in a module: its module class, message handlers with what they name, and the commands that others send.
    /// </summary>
    public static IEnumerable<string> PublicTypes(IEnumerable<Type> types)
    {
        var open = types.Where(t => t.IsVisible).ToList();
        var handlers = open.Where(t => t.Name.EndsWith("Handler", StringComparison.Ordinal)).ToList();
        var named = handlers.SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .SelectMany(m => m.GetParameters().Select(p => p.ParameterType).Append(m.ReturnType))
            .SelectMany(t => t.IsGenericType ? t.GetGenericArguments() : [t])
            .ToHashSet();
        bool IsCommand(Type t) => typeof(IBaseRequest).IsAssignableFrom(t)
            || t.GetNestedTypes().Any(IsCommand)
            || (t.DeclaringType is { } outer && outer.GetNestedTypes().Any(n => typeof(IBaseRequest).IsAssignableFrom(n)));
        return open.Where(t => !t.Name.EndsWith("Module", StringComparison.Ordinal)
                && !t.Name.EndsWith("Options", StringComparison.Ordinal)
                && !handlers.Contains(t) && !named.Contains(t) && !IsCommand(t)
                && !typeof(Exception).IsAssignableFrom(t))
            .Select(t => $"{t.FullName} is public");
    }

    /// <summary>
    /// Two dispatchers never nest: what MediatR runs is invisible to Wolverine, and takes no message bus.
    /// </summary>
    public static IEnumerable<string> Dispatchers(IEnumerable<Type> types) => types
        .Where(t => t.GetInterfaces().Any(i => i.IsGenericType && i.Namespace == "MediatR" && i.Name.StartsWith("IRequestHandler", StringComparison.Ordinal)))
        .SelectMany(t => (t.IsVisible ? [$"{t.FullName} is public"] : Array.Empty<string>())
            .Concat(t.GetConstructors().SelectMany(c => c.GetParameters())
                .Where(p => p.ParameterType == typeof(IMessageBus) || p.ParameterType == typeof(IMessageContext))
                .Select(p => $"{t.FullName} takes {p.ParameterType.Name}")));

    /// <summary>Building blocks know no word of the domain.</summary>
    public static IEnumerable<string> DomainWords(IEnumerable<Type> types)
    {
        string[] words = ["Report", "Merchant", "Download", "Generat", "Auditor"];
        return types.Where(t => t.IsVisible)
            .SelectMany(t => t.GetMembers(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                .Select(m => $"{t.Name}.{m.Name}").Append(t.Name))
            .Where(name => words.Any(word => name.Contains(word, StringComparison.Ordinal)));
    }

    /// <summary>Nothing is open for inheritance that was not made for it.</summary>
    public static IEnumerable<string> OpenClasses(IEnumerable<Type> types) => types
        .Where(t => t is { IsClass: true, IsSealed: false, IsAbstract: false }
            && t.Namespace?.StartsWith("Reports", StringComparison.Ordinal) == true)
        .Select(t => $"{t.FullName} is not sealed");

    /// <summary>No type says by its name that it does anything at all.</summary>
    public static IEnumerable<string> VagueNames(IEnumerable<Type> types)
    {
        string[] endings = ["Manager", "Helper", "Helpers", "Util", "Utils", "Service", "Dto", "Vm"];
        return types.Where(t => t.Namespace?.StartsWith("Reports", StringComparison.Ordinal) == true)
            .Where(t => endings.Any(e => t.Name.EndsWith(e, StringComparison.Ordinal))).Select(t => t.FullName!);
    }
}
