using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Reports.Contracts;

/// <summary>How events and messages look as JSON: snake_case names, enumerations as snake_case text.</summary>
public static class ContractJson
{
    /// <summary>The options that readers and writers of events and messages share.</summary>
    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions());

    /// <summary>
    /// For what comes from outside: whatever a message must have has to be there. Stored events are read with
    /// <see cref="Options"/>, because they may be older than their type's newest member.
    /// </summary>
    public static JsonSerializerOptions Strict { get; } = ApplyStrictly(new JsonSerializerOptions
    {
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    });

    /// <summary>Gives <paramref name="options"/> the shape of the contracts, and makes members necessary.</summary>
    /// <param name="options">The options to change.</param>
    /// <returns>The same instance.</returns>
    public static JsonSerializerOptions ApplyStrictly(JsonSerializerOptions options)
    {
        Apply(options);
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        return options;
    }

    /// <summary>Gives <paramref name="options"/> the shape of the contracts.</summary>
    /// <param name="options">The options to change.</param>
    /// <returns>The same instance.</returns>
    public static JsonSerializerOptions Apply(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.PropertyNameCaseInsensitive = false;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        return options;
    }
}
