using System.Buffers.Binary;
using System.Security.Cryptography;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>What a download token says, once opened.</summary>
internal readonly record struct DownloadToken(long ReportNumber, int PrincipalNumber, DateTimeOffset ExpiresAt);

/// <summary>
/// Download tokens: UUIDs that need no row in any table. The 122 free bits hold a 40-bit tag and 82 masked bits of
/// content, as a synthetic IV (<c>docs/contract.md</c> section 4): tag = AES under K1 of the content, content masked by
/// AES under K2 of the tag. Who holds a token and not its principal's credential can do nothing with it.
/// </summary>
internal sealed class DownloadTokens(KeyRing keys) : IDisposable
{
    private const int ReportBits = 36;
    private const int PrincipalBits = 20;
    private const int MinuteBits = 26;
    private const int ContentBits = ReportBits + PrincipalBits + MinuteBits;
    private const int TagBytes = 5;
    private const int BlockBytes = 16;
    private static readonly UInt128 ContentMask = (UInt128.One << ContentBits) - 1;

    // One set a thread: the framework does not promise that a cipher can be shared.
    private readonly ThreadLocal<(BlockCipher Tag, BlockCipher Mask)[]> _ciphers = new(() =>
    [
        .. keys.Versions.Select(v => (
            new BlockCipher(keys.Derive(v, "download-token-tag")),
            new BlockCipher(keys.Derive(v, "download-token-mask")))),
    ]);

    /// <summary>
    /// The whole minute at which a token that is minted now expires: never earlier than its lifetime asks.
    /// </summary>
    public static DateTimeOffset Expiry(DateTimeOffset now, TimeSpan lifetime)
    {
        var end = (now + lifetime).UtcTicks;
        var minutes = (end + TimeSpan.TicksPerMinute - 1) / TimeSpan.TicksPerMinute;
        return new DateTimeOffset(minutes * TimeSpan.TicksPerMinute, TimeSpan.Zero);
    }

    /// <summary>Mints the tokens of a whole page: two calls of the cipher, however many reports there are.</summary>
    public Guid[] Seal(ReadOnlySpan<long> reportNumbers, int principalNumber, DateTimeOffset expiresAt)
    {
        var contents = new UInt128[reportNumbers.Length];
        var blocks = new byte[reportNumbers.Length * BlockBytes];
        var tail = Content(0, principalNumber, expiresAt.ToUnixTimeSeconds() / 60);
        for (var i = 0; i < contents.Length; i++)
        {
            contents[i] = Content(reportNumbers[i], 0, 0) | tail;
            BinaryPrimitives.WriteUInt128BigEndian(blocks.AsSpan(i * BlockBytes), contents[i]);
        }

        var (tag, mask) = _ciphers.Value![0];
        tag.Encrypt(blocks);
        for (var i = 0; i < contents.Length; i++)
        {
            blocks.AsSpan((i * BlockBytes) + TagBytes, BlockBytes - TagBytes).Clear();
        }

        var masks = (byte[])blocks.Clone();
        mask.Encrypt(masks);
        var tokens = new Guid[contents.Length];
        for (var i = 0; i < tokens.Length; i++)
        {
            var masked = contents[i] ^ Read(masks, i) & ContentMask;
            tokens[i] = AsUuid(Read(blocks, i) >> (128 - (TagBytes * 8)) << ContentBits | masked);
        }

        return tokens;
    }

    /// <summary>What a token says; null when it is none of ours.</summary>
    public DownloadToken? Open(Guid token)
    {
        if (FromUuid(token) is not { } bits)
        {
            return null;
        }

        Span<byte> tagBlock = stackalloc byte[BlockBytes];
        Span<byte> block = stackalloc byte[BlockBytes];
        BinaryPrimitives.WriteUInt128BigEndian(tagBlock, bits >> ContentBits << (128 - (TagBytes * 8)));
        foreach (var (tag, mask) in _ciphers.Value!)
        {
            tagBlock.CopyTo(block);
            mask.Encrypt(block);
            var content = (bits ^ BinaryPrimitives.ReadUInt128BigEndian(block)) & ContentMask;
            BinaryPrimitives.WriteUInt128BigEndian(block, content);
            tag.Encrypt(block);
            if (CryptographicOperations.FixedTimeEquals(block[..TagBytes], tagBlock[..TagBytes]))
            {
                return new DownloadToken(
                    (long)(content >> (PrincipalBits + MinuteBits)),
                    (int)(content >> MinuteBits) & ((1 << PrincipalBits) - 1),
                    DateTimeOffset.FromUnixTimeSeconds(((long)content & ((1L << MinuteBits) - 1)) * 60));
            }
        }

        return null;
    }

    public void Dispose() => _ciphers.Dispose();

    private static UInt128 Content(long report, int principal, long minute)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(report, 1L << ReportBits);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(principal, 1 << PrincipalBits);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(minute, 1L << MinuteBits);
        return (UInt128)report << (PrincipalBits + MinuteBits) | (UInt128)principal << MinuteBits | (UInt128)minute;
    }

    private static UInt128 Read(byte[] blocks, int index) =>
        BinaryPrimitives.ReadUInt128BigEndian(blocks.AsSpan(index * BlockBytes));

    // RFC 9562 section 4: version in bits 48 to 51, variant in bits 64 and 65. Version 4, since a token looks random
    // and some parsers know no later one.
    private static Guid AsUuid(UInt128 bits)
    {
        var high = (ulong)(bits >> 74) << 16 | 0x4000UL | (ulong)(bits >> 62) & 0xFFF;
        var low = 0x8000_0000_0000_0000UL | (ulong)bits & 0x3FFF_FFFF_FFFF_FFFFUL;
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, new UInt128(high, low));
        return new Guid(bytes, bigEndian: true);
    }

    private static UInt128? FromUuid(Guid token)
    {
        Span<byte> bytes = stackalloc byte[16];
        token.TryWriteBytes(bytes, bigEndian: true, out _);
        var high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        var low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        return (high & 0xF000) == 0x4000 && low >> 62 == 2
            ? (UInt128)(high >> 16) << 74 | (UInt128)(high & 0xFFF) << 62 | low & 0x3FFF_FFFF_FFFF_FFFFUL
            : null;
    }
}
