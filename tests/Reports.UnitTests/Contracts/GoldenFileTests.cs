using System.Text.Json;
using Reports.Contracts;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Contracts;

/// <summary>
/// Stored events and messages are read for years: their JSON is pinned. A changed file is a changed contract; a new
/// shape is a new type with a new version in its name.
/// </summary>
public sealed class GoldenFileTests
{
    private static readonly Guid Merchant = new("01980000-0000-7000-8000-00000000000f");
    private static readonly JsonSerializerOptions Indented = new(ContractJson.Options) { WriteIndented = true };

    [Fact]
    public void every_event_type_and_message_type_has_an_example()
    {
        EventExamples.All(Merchant).ToDictionary(e => e.Key, e => e.Value.GetType())
            .ShouldBe(ContractNames.Events, ignoreOrder: true);
        EventExamples.Messages(Merchant).ToDictionary(e => e.Key, e => e.Value.GetType())
            .ShouldBe(ContractNames.Messages, ignoreOrder: true);
    }

    [Fact]
    public void what_is_written_is_what_the_golden_files_hold()
    {
        foreach (var (name, example) in Examples())
        {
            JsonSerializer.Serialize(example, example.GetType(), Indented).ShouldBe(Golden(name), name);
        }
    }

    [Fact]
    public void what_the_golden_files_hold_can_be_read()
    {
        foreach (var (name, example) in Examples())
        {
            var read = JsonSerializer.Deserialize(Golden(name), example.GetType(), ContractJson.Options);
            JsonSerializer.Serialize(read, example.GetType(), Indented).ShouldBe(Golden(name), name);
        }
    }

    private static IEnumerable<KeyValuePair<string, object>> Examples() =>
        EventExamples.All(Merchant).Concat(EventExamples.Messages(Merchant));

    private static string Golden(string name) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", $"{name}.json")).TrimEnd();
}
