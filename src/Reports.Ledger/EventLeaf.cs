using System.Buffers.Binary;
using System.Globalization;
using System.Text;

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
/// <param name="RecordedMicroseconds">The same by the database's clock; none of what was not inserted as events are.</param>
/// <param name="UserName">The principal; none where there was none.</param>
/// <param name="CorrelationId">What it belongs to; none where there was none.</param>
/// <param name="CausationId">What it follows from; none where there was none.</param>
/// <param name="Headers">The headers as the column shows them as text; none where there were none.</param>
/// <param name="Data">
/// The event as the column shows it as text, with hashes for what is told to nobody (<c>ledger.shown</c>).
/// </param>
public sealed record StoredEvent(
    long Sequence,
    Guid EventId,
    Guid StreamId,
    long Version,
    string Type,
    string Tenant,
    long TimestampMicroseconds,
    long? RecordedMicroseconds,
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
    /// <exception cref="EncoderFallbackException">A field is no text: half a surrogate pair.</exception>
    public static byte[] Hash(StoredEvent stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var content = LeafContent.Begin();
        content.Append(stored.Sequence);
        content.Append(stored.EventId.ToString("D"));
        content.Append(stored.StreamId.ToString("D"));
        content.Append(stored.Version);
        content.Append(stored.Type);
        content.Append(stored.Tenant);
        content.Append(stored.TimestampMicroseconds);
        content.Append(stored.RecordedMicroseconds);
        content.Append(stored.UserName);
        content.Append(stored.CorrelationId);
        content.Append(stored.CausationId);
        content.Append(stored.Headers);
        content.Append(stored.Data);
        var leaf = new byte[MerkleHash.Size];
        content.Hash(leaf);
        return leaf;
    }
}

/// <summary>
/// Puts the fields of a leaf one after the other, so that they are hashed by one call: many small ones take longer.
/// Each thread has one.
/// </summary>
internal sealed class LeafContent
{
    private const int Usual = 4096;
    private const int MostKept = 1 << 20;
    private const int LongestNumber = 20;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    [ThreadStatic]
    private static LeafContent? _ofThread;

    private byte[] _content = new byte[Usual];
    private int _length;

    private LeafContent()
    {
    }

    /// <summary>One that is empty.</summary>
    public static LeafContent Begin()
    {
        var content = _ofThread ??= new LeafContent();
        if (content._content.Length > MostKept)
        {
            content._content = new byte[Usual];
        }

        content._content[0] = 0; // what tells a leaf from a node
        content._length = 1;
        content.Append(EventLeaf.Encoding);
        return content;
    }

    public void Append(string? field)
    {
        if (field is null)
        {
            AppendNull();
            return;
        }

        var length = Strict.GetByteCount(field);
        Strict.GetBytes(field, Field(length));
    }

    public void Append(ReadOnlySpan<byte> field) => field.CopyTo(Field(field.Length));

    public void Append(long number)
    {
        Span<byte> digits = stackalloc byte[LongestNumber];
        number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
        Append(digits[..length]);
    }

    public void Append(long? number)
    {
        if (number is { } given)
        {
            Append(given);
        }
        else
        {
            AppendNull();
        }
    }

    public void AppendNull() => BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), -1);

    public void Hash(Span<byte> destination)
    {
        MerkleHash.Sha256.AppendData(_content, 0, _length);
        MerkleHash.Sha256.GetHashAndReset(destination);
    }

    private Span<byte> Field(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), length);
        return Take(length);
    }

    private Span<byte> Take(int length)
    {
        if (_content.Length - _length < length)
        {
            Array.Resize(ref _content, Math.Max(_length + length, 2 * _content.Length));
        }

        _length += length;
        return _content.AsSpan(_length - length, length);
    }
}
