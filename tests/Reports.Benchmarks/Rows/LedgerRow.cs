namespace Reports.Benchmarks;

/// <summary>How fast a backlog of events is sealed, and an export of it verified, in which memory.</summary>
internal static class LedgerRow
{
    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var history = await bench.HistoryAsync();
        var (rates, sealerMemory) = (new List<double>(), 0.0);
        BenchDatabase? whole = null;
        for (var round = 0; round < bench.Options.Size(1, 3, 3); round++)
        {
            if (whole is not null)
            {
                await bench.DropAsync(whole);
            }

            whole = await bench.CopyAsync(history.Database);
            var (rate, memory) = await bench.SealAsync(whole, history.Events);
            rates.Add(rate);
            sealerMemory = Math.Max(sealerMemory, memory);
        }

        var folder = Path.Combine(bench.Directory, "export");
        bench.Say("Exporting …");
        TimeSpan took;
        using (var service = await bench.ServiceAsync(whole!))
        {
            (took, _, _) = await Child.RunAsync(
                [Bench.Program("Reports.Cli"), "audit", "export", folder],
                new Dictionary<string, string>
                {
                    ["REPORTS_URL"] = service.Address.ToString(),
                    ["REPORTS_AUDITOR_KEY"] = history.Auditor,
                });
        }

        bench.Say($"Exported in {took.TotalSeconds:0.0} s; verifying …");
        var (verified, verifierMemory) = (new List<double>(), new List<double>());
        for (var round = 0; round < bench.Options.Size(1, 3, 3); round++)
        {
            var run = await Child.RunAsync(
                [Bench.Program("Reports.Cli"), "audit", "verify", folder], new Dictionary<string, string>());
            verified.Add(history.Events / run.Took.TotalSeconds);
            verifierMemory.Add(run.PeakMiB);
        }

        Directory.Delete(folder, recursive: true);
        bench.Sealed = whole;
        return
        [
            Line.Least($"ledger: seal {Line.Number(history.Events)} events", rates, 20_000, "events/s") with
            {
                Memory = $"{Line.Number(sealerMemory)} MiB",
            },
            Line.Least($"ledger: verify {Line.Number(history.Events)} leaves", verified, 200_000, "leaves/s") with
            {
                Memory = $"{Line.Number(verifierMemory.Max())} MiB",
                Remark = "with the start of the program",
            },
            Line.Most("ledger: verify, memory", verifierMemory, 200, "MiB"),
        ];
    }
}
