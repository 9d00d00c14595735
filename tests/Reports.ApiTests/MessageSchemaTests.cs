using System.Text.Json;
using System.Text.Json.Nodes;
using NJsonSchema;
using Reports.Contracts;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The schemas that authors of generators are given.</summary>
public sealed class MessageSchemaTests
{
    private static readonly IReadOnlyDictionary<string, object> Messages =
        EventExamples.Messages(new("01980000-0000-7000-8000-00000000000f"));

    [Fact]
    public void the_committed_schemas_are_those_of_the_contracts()
    {
        var folder = Path.Combine(Checkout.Root, "docs/messages");
        var committed = Directory.GetFiles(folder).ToDictionary(f => Path.GetFileName(f), File.ReadAllText);

        committed.ShouldBe(MessageSchemas.All(), ignoreOrder: true, "build/openapi writes them anew");
    }

    [Fact]
    public async Task what_the_service_sends_and_takes_fits_its_schema_and_less_does_not()
    {
        foreach (var (name, message) in Messages)
        {
            var schema = await JsonSchema.FromJsonAsync(MessageSchemas.All()[$"{name}.schema.json"]);
            var json = JsonSerializer.SerializeToNode(message, message.GetType(), ContractJson.Options)!.AsObject();
            schema.Validate(json.ToJsonString()).ShouldBeEmpty(name);

            foreach (var member in schema.RequiredProperties)
            {
                var less = JsonNode.Parse(json.ToJsonString())!.AsObject();
                less.Remove(member);
                schema.Validate(less.ToJsonString()).ShouldNotBeEmpty($"{name} without {member}");
                Should.Throw<JsonException>(
                    () => less.Deserialize(message.GetType(), ContractJson.Strict), $"{name} without {member}");
            }
        }
    }
}
