using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Generator;
using Reports.Storage;

namespace Reports.Benchmarks;

/// <summary>The reference generator, a process for each run, against COPY of its query into a file.</summary>
internal static class GeneratorRow
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var database = await bench.DatabaseAsync();
        var lines = new List<Line>();
        foreach (var (format, rows) in new[]
        {
            (ReportFormat.Xlsx, bench.Options.Size(20_000, 200_000, 1_000_000)),
            (ReportFormat.Csv, bench.Options.Size(20_000, 2_000_000, 10_000_000)),
        })
        {
            bench.Say($"{rows:#,0} transactions …");
            var merchant = Guid.CreateVersion7();
            await SeedAsync(database, merchant, rows);
            var memory = 0.0;
            var comparison = await Comparison.OfRatesAsync(
                async () =>
                {
                    var run = await Child.RunAsync(
                        [typeof(Bench).Assembly.Location, "generate"], Environment(bench, database, merchant, format));
                    memory = Math.Max(memory, run.PeakMiB);
                    return rows / double.Parse(run.Output[^1], CultureInfo.InvariantCulture);
                },
                async () =>
                {
                    var copy = Path.Combine(bench.Directory, "copied.csv");
                    await using var file = File.Create(copy);
                    var took = await CopyTo.StreamAsync(database.Superuser, Copy(merchant), file);
                    File.Delete(copy);
                    return rows / took.TotalSeconds;
                },
                bench.Options.Size(1, 3, 3),
                warmUps: 0);
            var path = $"generator, {format.Word()} of {Line.Number(rows)} rows";
            lines.Add(Line.AtLeast(path, comparison, 0.5, "rows/s") with
            {
                Memory = $"{Line.Number(memory)} MiB",
            });
            lines.Add(Line.Most($"{path}: memory", [memory], 300, "MiB"));
        }

        await bench.DropAsync(database);
        return lines;
    }

    /// <summary>Writes a report in this process, and says how many seconds it took.</summary>
    public static async Task WriteAsync()
    {
        var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(new ReportFiles(Variable("ROOT")))
            .AddReferenceGenerator(Variable("DATABASE"));
        await using var provider = services.BuildServiceProvider();
        var generator = provider.GetRequiredService<ReferenceGenerator>();

        // A service has written reports before: a month of rows, and what compiles while it runs is compiled.
        await generator.GenerateAsync(Order(Start.AddMonths(1)), null, CancellationToken.None);
        var begun = Stopwatch.GetTimestamp();
        await generator.GenerateAsync(Order(Start.AddYears(1)), null, CancellationToken.None);
        Console.WriteLine(Stopwatch.GetElapsedTime(begun).TotalSeconds.ToString(CultureInfo.InvariantCulture));

        static GenerateReport Order(DateTimeOffset end) => new(
            Guid.CreateVersion7(), Guid.Parse(Variable("MERCHANT")), 1, "none", "bench/generated/",
            ReportInterval.Custom, Enum.Parse<ReportFormat>(Variable("FORMAT")), new(),
            new ReportPeriod(Start, end, "UTC"));
    }

    private static string Variable(string name) => System.Environment.GetEnvironmentVariable($"BENCH_{name}")!;

    private static Dictionary<string, string> Environment(
        Bench bench, BenchDatabase database, Guid merchant, ReportFormat format) => new()
    {
        ["BENCH_ROOT"] = bench.FilesRoot,
        ["BENCH_DATABASE"] = database.Superuser,
        ["BENCH_MERCHANT"] = merchant.ToString(),
        ["BENCH_FORMAT"] = format.ToString(),
    };

    private static async Task SeedAsync(BenchDatabase database, Guid merchant, long rows)
    {
        await database.ExecuteAsync(
            $"""
            set synchronous_commit = off;
            insert into transactions.transactions
            select '{merchant}', 'T' || lpad(n::text, 12, '0'), t.at, 'payment', null, 'ORDER-' || n,
                'Customer ' || n % 10000, (array['visa', 'mastercard', 'knet', 'applepay'])[1 + n % 4], 'KWD',
                1.25 + n % 1000, 0.025
            from generate_series(1, {rows}) n,
                lateral (select timestamptz '2026-01-01 00:00:00+00' + n * interval '360 days' / {rows} as at) t
            """);
        await database.ExecuteAsync("vacuum (analyze, freeze) transactions.transactions");
        await database.ExecuteAsync("checkpoint");
    }

    // The generator's own statement, for a layout without columns of the breakdown.
    private static string Copy(Guid merchant) =>
        $"""
        copy (
            select id, occurred_at, type, original_id, order_reference, customer_name, payment_method, currency,
                gross_amount, fee_amount
            from transactions.transactions
            where merchant_id = '{merchant}'
                and occurred_at >= '2026-01-01 00:00:00+00' and occurred_at < '2027-01-01 00:00:00+00'
            order by occurred_at, id) to stdout (format csv)
        """;
}
