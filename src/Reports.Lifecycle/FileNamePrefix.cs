using System.Globalization;
using System.Text;

namespace Reports.Lifecycle;

/// <summary>What the names of files may begin with, wherever somebody chooses it.</summary>
internal static class FileNamePrefix
{
    public const int MostCharacters = 60;

    public const string Message =
        "must have 1 to 60 characters: letters, digits, spaces, -, _ and ., and not begin with a point or a space";

    /// <summary>Whether a prefix may be used. None is fine: then the standard one is.</summary>
    public static bool IsUsable(string? prefix) => prefix is null
        || (prefix is not ("" or ['.' or ' ', ..])
            && prefix.EnumerateRunes().Count() <= MostCharacters
            && prefix.EnumerateRunes().All(IsUsable)
            && !IsMark(Rune.GetRuneAt(prefix, 0)));

    // Many scripts write vowels as marks on their letters.
    private static bool IsUsable(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || rune.Value is ' ' or '-' or '_' or '.' || IsMark(rune);

    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
