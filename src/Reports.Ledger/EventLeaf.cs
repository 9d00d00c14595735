using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Reports.Ledger;

/// <summary>
/// A stored event as the ledger takes it: what PostgreSQL holds, in PostgreSQL's own text. The type of the program and
/// the mark of archiving are left out: they say nothing of what happened.
/// </summary>
/// <param name="Sequence">Its place in the order of the store.</param>
/// <param name="EventId">Its id.</param>
/// <param name="StreamId">The stream.</param>
/// <param name="Version">Its place in the stream, from 1.</param>
/// <param name="Type">The stored name of its type.</param>
/// <param name="Tenant">The merchant's id, or <c>platform</c>.</param>
/// <param name="TimestampMicroseconds">When it was recorded by the node's clock, in microseconds since 1970.</param>
/// <param name="UserName">The principal; none where there was none.</param>
/// <param name="CorrelationId">What it belongs to; none where there was none.</param>
/// <param name="CausationId">What it follows from; none where there was none.</param>
/// <param name="Headers">The headers as the column shows them as text; none where there were none.</param>
/// <param name="Data">The event as the column shows it as text.</param>
public sealed record StoredEvent(
    long Sequence,
    Guid EventId,
    Guid StreamId,
    long Version,
    string Type,
    string Tenant,
    long TimestampMicroseconds,
    string? UserName,
    string? CorrelationId,
    string? CausationId,
    string? Headers,
    string Data);

/// <summary>
/// The leaf of an event: the hash (RFC 9162 section 2.1.1) of its fields, one after the other, each as UTF-8 text after
/// its length in bytes as four bytes, the highest first; a field that is null is the length -1 alone. The first field
/// names this encoding. The function <c>ledger.leaf</c> in the database says the same in SQL.
/// </summary>
public static class EventLeaf
{
    /// <summary>The name of the encoding.</summary>
    public const string Encoding = "reports-event-v1";

    /// <summary>Hashes an event.</summary>
    /// <param name="stored">The event.</param>
    /// <returns>The leaf: 32 bytes.</returns>
    public static byte[] Hash(StoredEvent stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([0]);
        foreach (var field in (ReadOnlySpan<string?>)
            [
                Encoding, Text(stored.Sequence), stored.EventId.ToString("D"), stored.StreamId.ToString("D"),
                Text(stored.Version), stored.Type, stored.Tenant, Text(stored.TimestampMicroseconds), stored.UserName,
                stored.CorrelationId, stored.CausationId, stored.Headers, stored.Data,
            ])
        {
            Append(hash, field);
        }

        return hash.GetHashAndReset();
    }

    private static void Append(IncrementalHash hash, string? field)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        var bytes = field is null ? null : System.Text.Encoding.UTF8.GetBytes(field);
        BinaryPrimitives.WriteInt32BigEndian(length, bytes?.Length ?? -1);
        hash.AppendData(length);
        hash.AppendData(bytes.AsSpan());
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
