using System.Text.Json.Nodes;
using NJsonSchema;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>
/// Validates JSON against schemas of ours. The validator knows most of JSON Schema 2020-12 but ignores what it does not
/// know, so a schema with any other keyword is refused.
/// </summary>
internal static class JsonSchemas
{
    private const string Components = "#/components/schemas/";

    private static readonly string[] Alternatives = ["anyOf", "oneOf", "allOf"];

    private static readonly HashSet<string> Known =
    [
        "$schema", "$ref", "type", "format", "description", "title", "default", "examples", "enum", "pattern", "minimum",
        "maximum", "minLength", "maxLength", "minItems", "maxItems", "items", "properties", "required",
        "additionalProperties", "anyOf", "oneOf", "allOf",
    ];

    /// <summary>The schema of every error body, as it is published.</summary>
    public static JsonObject Problem { get; } = JsonNode.Parse(
        File.ReadAllText(Path.Combine(Checkout.Root, "docs/problem.schema.json")))!.AsObject();

    private static readonly Lazy<Task<JsonSchema>> ProblemSchema = new(() => LoadAsync(Problem, null));

    public static async Task ShouldBeProblemAsync(string json) => Check(await ProblemSchema.Value, json, "problem");

    public static async Task<bool> IsProblemAsync(string json) => (await ProblemSchema.Value).Validate(json).Count == 0;

    /// <summary>A schema of an OpenAPI document, with what it refers to.</summary>
    public static Task<JsonSchema> OfDocumentAsync(JsonNode document, JsonNode schema) =>
        LoadAsync(schema.AsObject(), document["components"]!["schemas"]!.AsObject());

    public static void Check(JsonSchema schema, string json, string of) =>
        schema.Validate(json).Select(error => $"{error.Kind} at {error.Path}").ShouldBeEmpty($"{of}: {json}");

    private static async Task<JsonSchema> LoadAsync(JsonObject schema, JsonObject? components)
    {
        CheckKeywords(schema);
        var root = schema.DeepClone().AsObject();
        if (components is not null)
        {
            // A reference hides what stands beside it, so the schema itself is referred to.
            var definitions = components.DeepClone().AsObject();
            foreach (var (_, definition) in definitions)
            {
                CheckKeywords(definition!.AsObject());
            }

            root = new JsonObject { ["definitions"] = definitions, ["allOf"] = new JsonArray(root) };
        }

        return await JsonSchema.FromJsonAsync(
            root.ToJsonString().Replace(Components, "#/definitions/", StringComparison.Ordinal));
    }

    private static void CheckKeywords(JsonObject schema)
    {
        schema.Select(member => member.Key).Except(Known).ShouldBeEmpty("keywords that no test would check");
        var below = (schema["properties"]?.AsObject().Select(property => property.Value) ?? [])
            .Concat(Alternatives.SelectMany(keyword => schema[keyword]?.AsArray() ?? []))
            .Append(schema["items"]).Append(schema["additionalProperties"]);
        foreach (var child in below.OfType<JsonObject>())
        {
            CheckKeywords(child);
        }
    }
}
