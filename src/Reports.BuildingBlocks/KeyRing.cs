using System.Security.Cryptography;
using System.Text;

namespace Reports.BuildingBlocks;

/// <summary>
/// The versioned master keys of the installation. No master key is ever used itself: each purpose has keys of its own,
/// derived by HKDF-SHA-256 (RFC 5869). New things are sealed under the current version; older versions still open.
/// </summary>
public sealed class KeyRing
{
    private readonly SortedDictionary<int, byte[]> _masters;

    /// <summary>Takes the master keys.</summary>
    /// <param name="current">The version to seal with.</param>
    /// <param name="masters">The keys by version; at least 32 bytes each, versions 1 to 255.</param>
    /// <exception cref="ArgumentException">
    /// A key is too short, a version is out of range, or the current is missing.
    /// </exception>
    public KeyRing(int current, IReadOnlyDictionary<int, byte[]> masters)
    {
        ArgumentNullException.ThrowIfNull(masters);
        if (masters.Any(m => m.Key is < 1 or > 255 || m.Value.Length < 32) || !masters.ContainsKey(current))
        {
            throw new ArgumentException(
                "Master keys need versions from 1 to 255, 32 bytes or more each, and the current one among them.",
                nameof(masters));
        }

        Current = current;
        _masters = new SortedDictionary<int, byte[]>(masters.ToDictionary());
    }

    /// <summary>The version that new things are sealed with.</summary>
    public int Current { get; }

    /// <summary>Every version, the current one first, then the newest first.</summary>
    public IEnumerable<int> Versions => _masters.Keys.Reverse().OrderByDescending(v => v == Current);

    /// <summary>Derives a key for a purpose.</summary>
    /// <param name="version">The version of the master key.</param>
    /// <param name="purpose">What the key is for; another purpose gives an unrelated key.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The key; the same each time.</returns>
    /// <exception cref="KeyNotFoundException">There is no such version.</exception>
    public byte[] Derive(int version, string purpose, int length = 32) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _masters[version], length, info: Encoding.UTF8.GetBytes(purpose));

    /// <summary>Whether a version exists.</summary>
    /// <param name="version">The version.</param>
    /// <returns>True when it does.</returns>
    public bool Has(int version) => _masters.ContainsKey(version);
}
