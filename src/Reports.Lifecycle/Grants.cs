using System.Buffers.Binary;
using System.Text;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle;

/// <summary>What a generator was asked for, and where it may write.</summary>
/// <param name="ReportId">The report.</param>
/// <param name="Attempt">The try, from 1.</param>
/// <param name="StoragePrefix">Where its files are; begins with the merchant's id.</param>
/// <param name="ExpiresAt">Until when it is good.</param>
internal sealed record Grant(Guid ReportId, int Attempt, string StoragePrefix, DateTimeOffset ExpiresAt)
{
    /// <summary>Whose report it is.</summary>
    public Guid MerchantId => Guid.ParseExact(StoragePrefix[..StoragePrefix.IndexOf('/')], "N");
}

/// <summary>
/// A generator's answer carries no grant, a forged one, or one for something else. It becomes a dead letter.
/// </summary>
public sealed class GrantRefusedException(string reason) : Exception(reason);

/// <summary>
/// Seals grants. A generator passes its grant back unread; only this service can make or open one.
/// </summary>
internal sealed class Grants
{
    private const int HeadLength = 16 + sizeof(int) + sizeof(long);

    private readonly SealedTexts _texts;

    internal Grants(KeyRing keys) => _texts = new SealedTexts(keys, "generation-grant");

    internal string Seal(Grant grant)
    {
        var content = new byte[HeadLength + Encoding.UTF8.GetByteCount(grant.StoragePrefix)];
        grant.ReportId.TryWriteBytes(content, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(16), grant.Attempt);
        BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(20), grant.ExpiresAt.ToUnixTimeSeconds());
        Encoding.UTF8.GetBytes(grant.StoragePrefix, content.AsSpan(HeadLength));
        return _texts.Seal("", content);
    }

    /// <exception cref="GrantRefusedException">It was not sealed by us, or its time is over.</exception>
    internal Grant Open(string text, DateTimeOffset now)
    {
        if (_texts.Open("", text) is not { Length: > HeadLength } content)
        {
            throw new GrantRefusedException("The grant is not one of ours.");
        }

        var expiry = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(20)));
        return now < expiry
            ? new Grant(
                new Guid(content.AsSpan(0, 16), bigEndian: true),
                BinaryPrimitives.ReadInt32BigEndian(content.AsSpan(16)),
                Encoding.UTF8.GetString(content.AsSpan(HeadLength)),
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
