using System.Security.Cryptography;
using System.Text;

namespace Reports.BuildingBlocks;

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
