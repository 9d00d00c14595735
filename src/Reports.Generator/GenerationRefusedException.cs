namespace Reports.Generator;

/// <summary>A request that can never be met, however often it is tried.</summary>
/// <param name="code">A fixed word for the reason, for example <c>unknown_time_zone</c>.</param>
/// <param name="message">The reason for a person.</param>
public sealed class GenerationRefusedException(string code, string message) : Exception(message)
{
    /// <summary>A fixed word for the reason.</summary>
    public string Code { get; } = code;
}
