using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle;

/// <summary>What a generator was asked for, and where it may write.</summary>
internal sealed record Grant(Guid ReportId, int Attempt, string StoragePrefix, DateTimeOffset ExpiresAt);

/// <summary>
/// A generator's answer carries no grant, a forged one, or one for something else. It becomes a dead letter.
/// </summary>
public sealed class GrantRefusedException(string reason) : Exception(reason);

/// <summary>
/// Seals grants: AES-256-GCM under a key of their own, with a random nonce. A generator passes the grant back unread;
/// only this service can make or open one.
/// </summary>
public sealed class Grants
{
    private const string Purpose = "generation-grant";
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int HeadLength = 16 + sizeof(int) + sizeof(long);

    private readonly KeyRing _keys;

    internal Grants(KeyRing keys) => _keys = keys;

    internal string Seal(Grant grant)
    {
        var plain = new byte[HeadLength + Encoding.UTF8.GetByteCount(grant.StoragePrefix)];
        grant.ReportId.TryWriteBytes(plain, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(plain.AsSpan(16), grant.Attempt);
        BinaryPrimitives.WriteInt64BigEndian(plain.AsSpan(20), grant.ExpiresAt.ToUnixTimeSeconds());
        Encoding.UTF8.GetBytes(grant.StoragePrefix, plain.AsSpan(HeadLength));

        var sealed_ = new byte[1 + NonceLength + plain.Length + TagLength];
        sealed_[0] = (byte)_keys.Current;
        var nonce = sealed_.AsSpan(1, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_keys.Derive(_keys.Current, Purpose), TagLength);
        aes.Encrypt(nonce, plain, sealed_.AsSpan(1 + NonceLength, plain.Length), sealed_.AsSpan(^TagLength..));
        return Base64Url.EncodeToString(sealed_);
    }

    /// <exception cref="GrantRefusedException">It was not sealed by us, or its time is over.</exception>
    internal Grant Open(string text, DateTimeOffset now)
    {
        const int ShortestLength = 1 + NonceLength + HeadLength + TagLength;
        var bytes = Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : [];
        if (bytes.Length <= ShortestLength || !_keys.Has(bytes[0]))
        {
            throw new GrantRefusedException("The grant is not one of ours.");
        }

        var plain = new byte[bytes.Length - 1 - NonceLength - TagLength];
        try
        {
            using var aes = new AesGcm(_keys.Derive(bytes[0], Purpose), TagLength);
            aes.Decrypt(
                bytes.AsSpan(1, NonceLength),
                bytes.AsSpan(1 + NonceLength, plain.Length),
                bytes.AsSpan(^TagLength..),
                plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new GrantRefusedException("The grant is not one of ours.");
        }

        var expiry = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(plain.AsSpan(20)));
        return now < expiry
            ? new Grant(
                new Guid(plain.AsSpan(0, 16), bigEndian: true),
                BinaryPrimitives.ReadInt32BigEndian(plain.AsSpan(16)),
                Encoding.UTF8.GetString(plain.AsSpan(HeadLength)),
                expiry)
            : throw new GrantRefusedException("The grant's time is over.");
    }

    /// <summary>Opens the grant of an answer and sees that it is for that report and attempt.</summary>
    /// <exception cref="GrantRefusedException">It is not.</exception>
    internal Grant OpenFor(string text, Guid reportId, int attempt, DateTimeOffset now)
    {
        var grant = Open(text, now);
        return grant.ReportId == reportId && grant.Attempt == attempt
            ? grant
            : throw new GrantRefusedException("The grant is for another report or attempt.");
    }
}
