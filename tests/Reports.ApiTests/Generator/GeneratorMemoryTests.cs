using System.Diagnostics;
using Reports.Contracts;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

// Alone: what other tests keep alive would be counted too.
[CollectionDefinition(DisableParallelization = true)]
public sealed class MeasuredAlone;

[Collection(typeof(MeasuredAlone))]
public sealed class GeneratorMemoryTests(GeneratorFixture fixture) : IClassFixture<GeneratorFixture>
{
    private const int Rows = 300_000;
    private const long MostLiveBytes = 16 * 1024 * 1024;

    [Theory]
    [InlineData(ReportFormat.Csv, false)]
    [InlineData(ReportFormat.Csv, true)]
    [InlineData(ReportFormat.Xlsx, false)]
    public async Task memory_does_not_grow_with_the_rows_of_a_report(ReportFormat format, bool breakdown)
    {
        var merchant = Guid.CreateVersion7();
        await FillAsync(merchant);
        var layout = new ReportLayout(Columns: breakdown ? ReportColumnNames.All : null);
        var request = GeneratorFixture.Request(merchant, format, layout: layout);
        var clock = Stopwatch.StartNew();
        var (answer, grown) = await MeasuredAsync(() =>
            fixture.Generator.GenerateAsync(request, progress: null, TestContext.Current.CancellationToken));
        answer.Records.ShouldBe(Rows);
        Tell($"{format}: {answer.FileSize:n0} bytes", clock, grown);
        answer.FileSize.ShouldBeGreaterThan(MostLiveBytes / 2, "the file must be too large to hide");
        grown.ShouldBeLessThan(MostLiveBytes);
    }

    [Fact]
    public async Task memory_does_not_grow_with_the_rows_of_an_import()
    {
        var path = Path.Combine(fixture.Root, "sample.csv");
        var merchants = SampleTransactions.DefaultMerchants.Select(m => m with { Id = Guid.CreateVersion7() }).ToList();
        await using (var target = File.Create(path))
        {
            await SampleTransactions.WriteAsync(
                target,
                merchants,
                new DateOnly(2026, 4, 1),
                count: Rows,
                cancellation: TestContext.Current.CancellationToken);
        }

        await using var source = File.OpenRead(path);
        var clock = Stopwatch.StartNew();
        var (result, grown) = await MeasuredAsync(() =>
            fixture.Import.ImportAsync(source, progress: null, TestContext.Current.CancellationToken));
        result.Inserted.ShouldBe(Rows);
        Tell($"Import: {source.Length:n0} bytes", clock, grown);
        grown.ShouldBeLessThan(MostLiveBytes);
    }

    /// <summary>The result, and by how many bytes what a full collection leaves alive grew at most meanwhile.</summary>
    private static async Task<(T Result, long Grown)> MeasuredAsync<T>(Func<Task<T>> work)
    {
        var before = LogCapture.LiveBytes;
        var most = before;
        var running = Task.Run(work);
        while (!running.IsCompleted)
        {
            most = Math.Max(most, LogCapture.LiveBytes);
            await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(100)));
        }

        return (await running, most - before);
    }

    private static void Tell(string what, Stopwatch clock, long grown) => TestContext.Current.SendDiagnosticMessage(
        "{0}; {1:n0} rows/s; {2:n1} MiB live at most; {3:n0} MiB peak of the process",
        what,
        Rows / clock.Elapsed.TotalSeconds,
        grown / 1048576.0,
        Process.GetCurrentProcess().PeakWorkingSet64 / 1048576);

    private async Task FillAsync(Guid merchant)
    {
        await using var command = fixture.DataSource.CreateCommand($"""
            insert into transactions.transactions
            select '{merchant}', 'pay_' || n, '2026-02-01T00:00:00+03:00'::timestamptz + n * interval '7 seconds',
                   'payment', null, 'ORD-' || md5(n::text), 'Customer ' || md5((n * 7)::text), 'KNET', 'KWD',
                   n * 0.001, -0.1
              from generate_series(1, {Rows}) as n
            """);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
