using System.Text;

namespace Reports.Fuzz;

/// <summary>
/// Inputs made by chance from a target's corpus and words, the same for the same seed. Unlike afl++ it does not see
/// which code an input reaches.
/// </summary>
internal sealed class Mutations(FuzzTarget target, int seed)
{
    private const int MostChanges = 6;
    private const string Characters =
        "\0\t\n\r !\"%'*+,-./0123456789:;=ABZ[\\]_`abz|~"
        + "\x7f\x80\xff\u0130\u017f\u2028\uD83D\uDE00\uFFFD";
    private readonly Random _random = new(seed);

    public string Next()
    {
        var text = new StringBuilder(Pick(target.Corpus));
        for (var changes = _random.Next(MostChanges + 1); changes > 0; changes--)
        {
            Change(text);
        }

        return text.ToString();
    }

    private void Change(StringBuilder text)
    {
        var at = _random.Next(text.Length + 1);
        var length = _random.Next(Math.Min(12, text.Length - at) + 1);
        switch (_random.Next(7))
        {
            case 0:
                text.Insert(at, Characters[_random.Next(Characters.Length)]);
                break;
            case 1:
                text.Insert(at, Pick(target.Words));
                break;
            case 2:
                text.Remove(at, length);
                break;
            case 3:
                text.Insert(at, text.ToString(at, length));
                break;
            case 4 when at < text.Length:
                text[at] = (char)(text[at] ^ 1 << _random.Next(8));
                break;
            case 5 when at < text.Length:
                text[at] = Characters[_random.Next(Characters.Length)];
                break;
            default:
                var other = Pick(target.Corpus);
                text.Remove(at, text.Length - at).Append(other.AsSpan(_random.Next(other.Length + 1)));
                break;
        }
    }

    private string Pick(IReadOnlyList<string> texts) => texts[_random.Next(texts.Count)];
}
