namespace Reports.Benchmarks;

/// <summary>What a run is asked for.</summary>
/// <param name="Names">The rows to measure.</param>
/// <param name="IsQuick">Whether everything is small: a trial of the command itself, whose figures say nothing.</param>
/// <param name="IsFull">Whether the stores are as large as the targets name them.</param>
/// <param name="Output">The directory of the page and its plots.</param>
internal sealed record Options(IReadOnlyList<string> Names, bool IsQuick, bool IsFull, string Output)
{
    public const string Usage =
        """
        Usage: build/bench [--quick | --full] [--output DIRECTORY] [NAME…]

        Measures the service against yardsticks that run in the same session, in turn with it, and prints one table.
        Without names, everything is measured, which takes less than 20 minutes on two cores.

          --quick             small stores and short rounds: shows that the command works, its figures say nothing
          --full              stores and files as large as the targets name them: an hour, and some 30 GB of disk
          --output DIRECTORY  where benchmarks.md and its plots go: docs for everything, else artifacts/bench

        Names:
        """;

    /// <summary>Reads the arguments; nothing when they are not to be understood.</summary>
    public static Options? Parse(string[] args)
    {
        var (names, quick, full, output) = (new List<string>(), false, false, (string?)null);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--quick":
                    quick = true;
                    break;
                case "--full":
                    full = true;
                    break;
                case "--output" when i + 1 < args.Length:
                    output = args[++i];
                    break;
                case var name when BenchRows.All.ContainsKey(name):
                    names.Add(name);
                    break;
                default:
                    return null;
            }
        }

        var isEverything = names.Count == 0;
        return quick && full ? null : new Options(
            isEverything ? [.. BenchRows.All.Keys] : names,
            quick,
            full,
            output ?? (isEverything && !quick ? "docs" : Path.Combine("artifacts", "bench")));
    }

    /// <summary>One of three sizes.</summary>
    public T Size<T>(T quick, T standard, T full) => IsQuick ? quick : IsFull ? full : standard;

    /// <summary>How long a round of a load lasts.</summary>
    public TimeSpan Round => TimeSpan.FromSeconds(Size(1.0, 2.5, 5.0));

    /// <summary>How many rounds count.</summary>
    public int Rounds => Size(2, 4, 7);
}
