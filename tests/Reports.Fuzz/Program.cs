using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Reports.Fuzz;
using SharpFuzz;

// What build/fuzz calls: list; corpus TARGET DIRECTORY; afl TARGET; blind TARGET SECONDS [SEED]; try TARGET FILE.
switch (args)
{
    case ["list"]:
        foreach (var target in FuzzTargets.All)
        {
            Console.WriteLine($"{target.Name}: {target.Property}");
        }

        return 0;

    case ["corpus", var name, var directory]:
        WriteCorpus(FuzzTargets.Named(name), directory);
        return 0;

    case ["afl", var name]:
        // Nothing instrumented may run before the fuzzer has told where to count, so not even the targets are made.
        Fuzzer.Run(stream => FuzzTargets.Named(name).Accepts(Input(stream)));
        return 0;

    case ["blind", var name, var seconds, .. var seed]:
        return Blind(
            FuzzTargets.Named(name),
            double.Parse(seconds, CultureInfo.InvariantCulture),
            seed is [var s] ? int.Parse(s, CultureInfo.InvariantCulture) : Environment.TickCount);

    case ["try", var name, var file]:
        using (var stream = File.OpenRead(file))
        {
            return Try(FuzzTargets.Named(name), Input(stream), "The input") ? 0 : 1;
        }

    default:
        Console.Error.WriteLine("See build/fuzz: it is what calls this.");
        return 2;
}

static string Input(Stream stream)
{
    using var bytes = new MemoryStream();
    stream.CopyTo(bytes);
    return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
}

static void WriteCorpus(FuzzTarget target, string directory)
{
    var inputs = Directory.CreateDirectory(Path.Combine(directory, "inputs"));
    foreach (var (index, text) in target.Corpus.Index())
    {
        // afl++ takes no empty input.
        File.WriteAllText(Path.Combine(inputs.FullName, $"{index:00}"), text.Length > 0 ? text : "\n");
    }

    var words = target.Words.Select(w => $"\"{string.Concat(Encoding.UTF8.GetBytes(w).Select(b => $"\\x{b:x2}"))}\"");
    File.WriteAllLines(Path.Combine(directory, "words"), words);
}

static int Blind(FuzzTarget target, double seconds, int seed)
{
    var (mutations, start, tried) = (new Mutations(target, seed), Stopwatch.GetTimestamp(), 0L);
    while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
    {
        tried++;
        if (!Try(target, mutations.Next(), $"Seed {seed}, input {tried}"))
        {
            return 1;
        }
    }

    Console.WriteLine($"{target.Name}: {tried} inputs, nothing found; seed {seed}.");
    return 0;
}

static bool Try(FuzzTarget target, string input, string name)
{
    try
    {
        target.Accepts(input);
        return true;
    }
    catch (Exception e)
    {
        Console.WriteLine($"{name} {JsonSerializer.Serialize(input)}: {e}");
        return false;
    }
}
