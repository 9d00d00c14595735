using System.Text.RegularExpressions;

namespace Reports.Storage;

/// <summary>
/// Where a file is: segments of lower-case letters, digits, dots, dashes and underscores, joined by slashes. A key can
/// not climb out of the store: no segment starts with a dot, and none is empty.
/// </summary>
public sealed partial record StorageKey
{
    /// <summary>The most characters a key may have.</summary>
    public const int MaximumLength = 300;

    private StorageKey(string value) => Value = value;

    /// <summary>The key as text.</summary>
    public string Value { get; }

    /// <summary>Takes a whole key.</summary>
    /// <param name="value">The key as text.</param>
    /// <returns>The key.</returns>
    /// <exception cref="FormatException">The text is not a key.</exception>
    public static StorageKey Parse(string value) =>
        value.Length <= MaximumLength && Pattern().IsMatch(value)
            ? new StorageKey(value)
            : throw new FormatException("Not a storage key.");

    /// <summary>Puts a file name below a prefix.</summary>
    /// <param name="prefix">A prefix that ends with a slash.</param>
    /// <param name="fileName">One segment.</param>
    /// <returns>The key.</returns>
    /// <exception cref="FormatException">The prefix is not one, or the name is not a single segment.</exception>
    public static StorageKey Below(string prefix, string fileName) =>
        prefix.EndsWith('/') && !fileName.Contains('/', StringComparison.Ordinal)
            ? Parse(prefix + fileName)
            : throw new FormatException("Not a file name below a storage prefix.");

    /// <inheritdoc/>
    public override string ToString() => Value;

    [GeneratedRegex(@"\A[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
