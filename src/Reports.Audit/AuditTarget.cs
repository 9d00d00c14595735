using System.Text.Json;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Audit;

/// <summary>What parameters of the audit name: merchants by their id, reports by either of theirs.</summary>
internal static class AuditTarget
{
    private static readonly string[] Parts = [Actor.Anonymous.Id, Actor.Service.Id, Actor.Operator.Id];

    private static readonly string[] Kinds =
        [.. Enum.GetNames<ActorKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    /// <summary>Whether a text is a UUID as the service writes it, in either case.</summary>
    public static bool IsUuid(string text) =>
        text.Length == 36 && text.All(c => char.IsAsciiHexDigit(c) || c == '-') && Guid.TryParseExact(text, "D", out _);

    /// <summary>Whether a text could name a principal, with or without its kind. Text as it comes ends in no event.</summary>
    public static bool IsPrincipal(string text) =>
        text.Split(':', 2) is var parts && (parts.Length == 1 || Kinds.Contains(parts[0]))
        && (IsUuid(parts[^1]) || Parts.Contains(parts[^1]));

    /// <summary>Whether a text could name a report.</summary>
    public static bool IsShaped(string text) => IsUuid(text) || EncryptedIds.IsShaped(text);

    /// <summary>The report that a text names; null when it is none of the merchant's.</summary>
    /// <exception cref="ProblemException">It is a merchant's id for it, and there is no telling whose.</exception>
    public static Guid? Report(EncryptedIds ids, Guid? merchant, string text) =>
        IsUuid(text) ? Guid.ParseExact(text, "D")
        : merchant is { } owner ? ids.Open(owner, text)
        : throw Parameters.Invalid("merchant", "must be given with an encrypted_id: it is sealed for its merchant");
}
