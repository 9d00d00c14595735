using System.Buffers.Text;
using System.Security.Cryptography;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>
/// The ids that merchants see: key version, AES of the report's id, AES-based tag over that, as base64url. The keys
/// are derived for each merchant, so another merchant's id fails its tag before any table is asked. The same report has
/// the same id as long as the master key stays, and ids of earlier master keys still open
/// (<c>docs/adr/0005-encrypted-ids-and-tokens.md</c>).
/// </summary>
internal sealed class EncryptedIds(KeyRing keys)
{
    /// <summary>The length of an id in characters.</summary>
    public const int Length = 44;

    private const int BlockBytes = 16;
    private const int IdBytes = 1 + (2 * BlockBytes);

    /// <summary>The ids of a whole page of one merchant's reports.</summary>
    public string[] Seal(Guid merchant, ReadOnlySpan<Guid> reports)
    {
        using var ciphers = new MerchantCiphers(keys, keys.Current, merchant);
        var blocks = new byte[reports.Length * BlockBytes];
        for (var i = 0; i < reports.Length; i++)
        {
            reports[i].TryWriteBytes(blocks.AsSpan(i * BlockBytes), bigEndian: true, out _);
        }

        ciphers.Id.Encrypt(blocks);
        var tags = (byte[])blocks.Clone();
        ciphers.Tag.Encrypt(tags);

        var ids = new string[reports.Length];
        Span<byte> id = stackalloc byte[IdBytes];
        id[0] = (byte)keys.Current;
        for (var i = 0; i < ids.Length; i++)
        {
            blocks.AsSpan(i * BlockBytes, BlockBytes).CopyTo(id[1..]);
            tags.AsSpan(i * BlockBytes, BlockBytes).CopyTo(id[(1 + BlockBytes)..]);
            ids[i] = Base64Url.EncodeToString(id);
        }

        return ids;
    }

    /// <summary>The report that an id names; null when it is none of this merchant's.</summary>
    public Guid? Open(Guid merchant, string text)
    {
        Span<byte> id = stackalloc byte[IdBytes];
        if (!IsShaped(text) || !Base64Url.TryDecodeFromChars(text, id, out _) || !keys.Has(id[0]))
        {
            return null;
        }

        using var ciphers = new MerchantCiphers(keys, id[0], merchant);
        Span<byte> tag = stackalloc byte[BlockBytes];
        var block = id.Slice(1, BlockBytes);
        block.CopyTo(tag);
        ciphers.Tag.Encrypt(tag);
        if (!CryptographicOperations.FixedTimeEquals(tag, id[(1 + BlockBytes)..]))
        {
            return null;
        }

        ciphers.Id.Decrypt(block);
        return new Guid(block, bigEndian: true);
    }

    /// <summary>Whether a text could be an id, of any merchant.</summary>
    public static bool IsShaped(string text) =>
        text.Length == Length && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private sealed class MerchantCiphers : IDisposable
    {
        public MerchantCiphers(KeyRing keys, int version, Guid merchant)
        {
            var derived = keys.Derive(version, $"encrypted-id:{merchant:N}", 64);
            Id = new BlockCipher(derived[..32]);
            Tag = new BlockCipher(derived[32..]);
        }

        public BlockCipher Id { get; }

        public BlockCipher Tag { get; }

        public void Dispose()
        {
            Id.Dispose();
            Tag.Dispose();
        }
    }
}
