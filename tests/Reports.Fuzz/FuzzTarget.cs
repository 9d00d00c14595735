namespace Reports.Fuzz;

/// <summary>A reader of what strangers send, and what must hold of it whatever they send.</summary>
/// <param name="Name">What <c>build/fuzz</c> calls it.</param>
/// <param name="Property">What holds, as a sentence.</param>
/// <param name="Corpus">Inputs from which others are made: some of every kind, accepted and refused.</param>
/// <param name="Words">Parts of inputs that chance would not find.</param>
/// <param name="Accepts">
/// Whether an input is accepted. Throws <see cref="BrokenPropertyException"/> when the property does not hold, and
/// lets pass whatever the reader throws.
/// </param>
internal sealed record FuzzTarget(
    string Name,
    string Property,
    IReadOnlyList<string> Corpus,
    IReadOnlyList<string> Words,
    Func<string, bool> Accepts);

/// <summary>An input for which a property does not hold.</summary>
public sealed class BrokenPropertyException(string what) : Exception(what)
{
    internal static void Unless(bool holds, string what)
    {
        if (!holds)
        {
            throw new BrokenPropertyException(what);
        }
    }
}
