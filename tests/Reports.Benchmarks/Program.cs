using System.Diagnostics;
using Reports.Benchmarks;

switch (args)
{
    case ["yardstick"]:
        await Yardstick.RunAsync();
        return 0;
    case ["empty"]:
        await Yardstick.RunEmptyAsync();
        return 0;
    case ["unchecked"]:
        await UncheckedService.RunAsync();
        return 0;
    case ["generate"]:
        await GeneratorRow.WriteAsync();
        return 0;
}

var options = Options.Parse(args);
if (options is null || args.Contains("--help"))
{
    Console.Error.WriteLine($"{Options.Usage} {string.Join(", ", BenchRows.All.Keys)}");
    return 2;
}

var start = Stopwatch.GetTimestamp();
void Say(string text) => Console.Error.WriteLine($"{Stopwatch.GetElapsedTime(start):mm\\:ss} {text}");
var lines = new List<Line>();
await using var bench = new Bench(options, text => Say($"  {text}"));
foreach (var name in options.Names)
{
    Say(name);
    var row = lines.Count;
    try
    {
        lines.AddRange(await BenchRows.All[name](bench));
    }
    catch (Exception e)
    {
        Console.Error.WriteLine(e);
        lines.Add(Line.Failed(name, e.Message.Split('\n')[0]));
    }

    foreach (var line in lines.Skip(row))
    {
        Say($"  {line.Path}: {line.Ours}, yardstick {line.Yardstick}: {line.Value} ({line.Target}) {line.Remark}");
    }
}

var page = await Page.WriteAsync(bench, lines, Stopwatch.GetElapsedTime(start));
Console.WriteLine(Page.Summary(lines));
Say($"Written to {page}");
return lines.Exists(line => line.Value.Length == 0) ? 1 : 0;
