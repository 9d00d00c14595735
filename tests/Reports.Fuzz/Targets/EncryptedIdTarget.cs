using Reports.BuildingBlocks;

namespace Reports.Fuzz.Targets;

/// <summary>The ids that merchants see, in the address of a download.</summary>
internal static class EncryptedIdTarget
{
    private static readonly Guid Merchant = new("01980000-0000-7000-8000-00000000000f");
    private static readonly Guid Stranger = new("01980000-0000-7000-8000-0000000000ff");
    private static readonly EncryptedIds First = new(Keys(1));
    private static readonly EncryptedIds Second = new(Keys(1, 2));

    public static FuzzTarget Create()
    {
        Guid[] reports = [Guid.Empty, Guid.AllBitsSet, new("01980000-0000-7000-8000-0000000000aa")];
        string[] genuine = [.. First.Seal(Merchant, reports), .. Second.Seal(Merchant, reports)];
        return new FuzzTarget(
            "encrypted-ids",
            "It never throws, and what its merchant can open is what one of the keys seals into the same text, and no "
                + "other merchant can open it.",
            [.. genuine, .. First.Seal(Stranger, reports), "", new string('A', 44), new string('_', 44)],
            [.. genuine.SelectMany(id => new[] { id[..2], id[..22], id[22..] }), "-", "_", "="],
            IsOurs);
    }

    private static bool IsOurs(string text)
    {
        if (Second.Open(Merchant, text) is not { } report)
        {
            return false;
        }

        BrokenPropertyException.Unless(
            First.Seal(Merchant, [report])[0] == text || Second.Seal(Merchant, [report])[0] == text,
            $"{text} opens as {report}, which no key seals so.");
        BrokenPropertyException.Unless(Second.Open(Stranger, text) is null, $"Another merchant opens {text}.");
        return true;
    }

    private static KeyRing Keys(params int[] versions) =>
        new(versions[^1], versions.ToDictionary(v => v, v => Enumerable.Repeat((byte)v, 32).ToArray()));
}
