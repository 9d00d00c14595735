using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Reports.Contracts;
using Reports.Contracts.Messages;

namespace Reports.Host;

/// <summary>
/// The messages to and from generators as JSON Schemas (draft 2020-12), for authors in other languages. Their words are
/// those of the contracts' own documentation.
/// </summary>
internal static partial class MessageSchemas
{
    private static readonly JsonSerializerOptions Indented = new(ContractJson.Options) { WriteIndented = true };

    /// <summary>Every message's schema by the name of its file.</summary>
    public static IReadOnlyDictionary<string, string> All()
    {
        var words = Words.Read();
        var types = ContractNames.Messages.Append(KeyValuePair.Create("reports.report-submission.v1", typeof(ReportSubmission)));
        return types.ToDictionary(t => $"{t.Key}.schema.json", t => Text(t.Key, t.Value, words), StringComparer.Ordinal);
    }

    private static string Text(string name, Type type, Words words)
    {
        var exporter = new JsonSchemaExporterOptions
        {
            TreatNullObliviousAsNonNullable = true,
            TransformSchemaNode = (context, node) => Describe(context, node, words),
        };
        var body = ContractJson.Strict.GetJsonSchemaAsNode(type, exporter).AsObject();
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = name,
            ["description"] = words.Of(type),
        };
        foreach (var (member, value) in body.ToArray())
        {
            body.Remove(member);
            schema[member] = value;
        }

        return schema.ToJsonString(Indented) + "\n";
    }

    private static JsonNode Describe(JsonSchemaExporterContext context, JsonNode node, Words words)
    {
        if (node is JsonObject schema
            && context.PropertyInfo is { AttributeProvider: MemberInfo member } property
            && words.Of(property.DeclaringType, member.Name) is { } text)
        {
            schema.Insert(0, "description", text);
        }

        return node;
    }

    /// <summary>What the compiler wrote down of the contracts' documentation.</summary>
    private sealed partial class Words
    {
        private readonly Dictionary<string, XElement> _members;

        private Words(XDocument document) => _members = document.Descendants("member")
            .ToDictionary(m => m.Attribute("name")!.Value, m => m, StringComparer.Ordinal);

        public static Words Read() => new(XDocument.Load(Path.Combine(
            AppContext.BaseDirectory, $"{typeof(ContractNames).Assembly.GetName().Name}.xml")));

        public string? Of(Type type) =>
            _members.GetValueOrDefault($"T:{type.FullName}")?.Element("summary") is { } text ? Plain(text) : null;

        public string? Of(Type type, string parameter) => _members.GetValueOrDefault($"T:{type.FullName}")
            ?.Elements("param").FirstOrDefault(p => p.Attribute("name")!.Value == parameter) is { } text ? Plain(text) : null;

        // References and code are written as the JSON has them.
        private static string Plain(XElement text) => Spaces().Replace(string.Concat(text.Nodes().Select(node => node switch
        {
            XElement { Name.LocalName: "see" } e => e.Attribute("cref")!.Value.Split('.')[^1],
            XElement { Name.LocalName: "paramref" } e =>
                JsonNamingPolicy.SnakeCaseLower.ConvertName(e.Attribute("name")!.Value),
            XElement e => $"`{e.Value}`",
            _ => node.ToString(),
        })), " ").Trim();

        [GeneratedRegex(@"\s+")]
        private static partial Regex Spaces();
    }
}
