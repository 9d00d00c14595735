using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Reports.BuildingBlocks;

/// <summary>
/// The ids that callers see: key version, AES of the inner id, AES-based tag over that, as base64url. The keys are
/// derived for each tenant, so another tenant's id fails its tag before any table is asked. The same inner id has the
/// same outer id as long as the master key stays, and ids of earlier master keys still open
/// (<c>docs/adr/0005-encrypted-ids-and-tokens.md</c>).
/// </summary>
/// <param name="keys">The master keys.</param>
public sealed class EncryptedIds(KeyRing keys)
{
    /// <summary>The length of an id in characters.</summary>
    public const int Length = 44;

    private const int BlockBytes = 16;
    private const int IdBytes = 1 + (2 * BlockBytes);

    /// <summary>The ids of a whole page of one tenant's.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="inner">The inner ids.</param>
    /// <returns>The outer ids, in the same order.</returns>
    public string[] Seal(Guid tenant, ReadOnlySpan<Guid> inner)
    {
        using var ciphers = new TenantCiphers(keys, keys.Current, tenant);
        var blocks = new byte[inner.Length * BlockBytes];
        for (var i = 0; i < inner.Length; i++)
        {
            inner[i].TryWriteBytes(blocks.AsSpan(i * BlockBytes), bigEndian: true, out _);
        }

        ciphers.Id.Encrypt(blocks);
        var tags = (byte[])blocks.Clone();
        ciphers.Tag.Encrypt(tags);

        var ids = new string[inner.Length];
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

    /// <summary>The inner id that an outer one stands for.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="text">The outer id.</param>
    /// <returns>The inner id; null when the outer one is none of this tenant's.</returns>
    public Guid? Open(Guid tenant, string text)
    {
        Span<byte> id = stackalloc byte[IdBytes];
        if (!IsShaped(text) || !Base64Url.TryDecodeFromChars(text, id, out _) || !keys.Has(id[0]))
        {
            return null;
        }

        using var ciphers = new TenantCiphers(keys, id[0], tenant);
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

    /// <summary>Whether a text could be an id, of any tenant.</summary>
    /// <param name="text">The text.</param>
    /// <returns>True when it has the length and the letters of one.</returns>
    public static bool IsShaped(string text) =>
        text?.Length == Length && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private sealed class TenantCiphers : IDisposable
    {
        public TenantCiphers(KeyRing keys, int version, Guid tenant)
        {
            var derived = keys.Derive(version, $"encrypted-id:{tenant:N}", 64);
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

/// <summary>
/// Seals bytes as text that only this installation can read, make or change: key version, nonce, AES-256-GCM under a
/// key of its own purpose, tag, as base64url. What the text is for is bound to it.
/// </summary>
public sealed class SealedTexts
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int LongestText = 16 * 1024;

    private readonly KeyRing _keys;
    private readonly Dictionary<int, byte[]> _derived;

    /// <summary>Takes the keys.</summary>
    /// <param name="keys">The master keys.</param>
    /// <param name="purpose">What the texts are for; another purpose has unrelated keys.</param>
    public SealedTexts(KeyRing keys, string purpose)
    {
        ArgumentNullException.ThrowIfNull(keys);
        _keys = keys;
        _derived = keys.Versions.ToDictionary(v => v, v => keys.Derive(v, purpose));
    }

    /// <summary>Seals some content.</summary>
    /// <param name="bound">What the text is bound to, and is not in it; ASCII.</param>
    /// <param name="content">The content.</param>
    /// <returns>Another text each time.</returns>
    public string Seal(string bound, ReadOnlySpan<byte> content)
    {
        var sealedBytes = new byte[1 + NonceBytes + content.Length + TagBytes];
        sealedBytes[0] = (byte)_keys.Current;
        var nonce = sealedBytes.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_derived[_keys.Current], TagBytes);
        aes.Encrypt(
            nonce, content, sealedBytes.AsSpan(1 + NonceBytes, content.Length), sealedBytes.AsSpan(^TagBytes..),
            Encoding.ASCII.GetBytes(bound));
        return Base64Url.EncodeToString(sealedBytes);
    }

    /// <summary>Opens a text.</summary>
    /// <param name="bound">What it must be bound to.</param>
    /// <param name="text">The text.</param>
    /// <returns>The content; null when this installation did not seal it for that.</returns>
    public byte[]? Open(string bound, string text)
    {
        if (text is null || text.Length > LongestText || !Base64Url.IsValid(text))
        {
            return null;
        }

        // Only what is written as we write it: spaces and spare bits would make several texts of one.
        var sealedBytes = Base64Url.DecodeFromChars(text);
        if (sealedBytes.Length <= 1 + NonceBytes + TagBytes
            || !_derived.TryGetValue(sealedBytes[0], out var key)
            || Base64Url.EncodeToString(sealedBytes) != text)
        {
            return null;
        }

        var content = new byte[sealedBytes.Length - 1 - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        try
        {
            aes.Decrypt(
                sealedBytes.AsSpan(1, NonceBytes), sealedBytes.AsSpan(1 + NonceBytes, content.Length),
                sealedBytes.AsSpan(^TagBytes..), content, Encoding.ASCII.GetBytes(bound));
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        return content;
    }
}

/// <summary>
/// AES-256 on single blocks under one key. Each block is a value of its own, so there is nothing to chain.
/// </summary>
public sealed class BlockCipher : IDisposable
{
    private readonly Aes _aes = Aes.Create();

    /// <summary>Takes the key.</summary>
    /// <param name="key">32 bytes.</param>
    public BlockCipher(byte[] key) => _aes.Key = key;

    /// <summary>Encrypts blocks in place.</summary>
    /// <param name="blocks">Whole blocks of 16 bytes.</param>
    public void Encrypt(Span<byte> blocks) => _aes.EncryptEcb(blocks, blocks, PaddingMode.None);

    /// <summary>Decrypts blocks in place.</summary>
    /// <param name="blocks">Whole blocks of 16 bytes.</param>
    public void Decrypt(Span<byte> blocks) => _aes.DecryptEcb(blocks, blocks, PaddingMode.None);

    /// <inheritdoc/>
    public void Dispose() => _aes.Dispose();
}

/// <summary>Ids that are made from names, so that whoever has the name makes the same id again.</summary>
public static class Uuids
{
    private const int Bytes = 16;

    /// <summary>The version 5 UUID of a name (RFC 9562 section 5.5).</summary>
    /// <param name="space">The namespace.</param>
    /// <param name="name">The name; its UTF-8 bytes count.</param>
    /// <returns>The same id for the same name in the same namespace.</returns>
    public static Guid FromName(Guid space, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var input = new byte[Bytes + Encoding.UTF8.GetByteCount(name)];
        space.TryWriteBytes(input, bigEndian: true, out _);
        Encoding.UTF8.GetBytes(name, input.AsSpan(Bytes));
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // The RFC prescribes SHA-1; nothing here rests on its strength.
        SHA1.HashData(input, hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..Bytes], bigEndian: true);
    }
}
