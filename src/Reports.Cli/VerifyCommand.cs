using System.Globalization;
using Reports.Ledger;

namespace Reports.Cli;

/// <summary>Verifies exports and receipts.</summary>
internal static class VerifyCommand
{
    private const string Part = "Verifying";

    public static async Task<int> Run(
        string folder,
        string[] keys,
        string? anchors,
        string[] checkpoints,
        Guid? merchant,
        long[] restores,
        CancellationToken cancellation)
    {
        var screen = new Screen();
        try
        {
            var options = new VerificationOptions(
                [.. keys.Select(TrustedKeys.ReadFile)],
                new HeldCheckpoints(checkpoints, anchors),
                merchant?.ToString("D"),
                restores);
            var verification = await screen.RunAsync([Part], () => Task.Run(
                () => ExportVerifier.Verify(
                    new ExportFolder(folder),
                    options,
                    finding => screen.Line(finding.ToString()),
                    new Bar(screen),
                    cancellation),
                cancellation));
            Tell(screen, verification);
            return (int)verification.Verdict;
        }
        catch (Exception e) when (e is UnusableExportException or IOException or UnauthorizedAccessException)
        {
            screen.Remark(e.Message);
            return Commands.Unusable;
        }
    }

    public static int Receipt(string file, string[] keys, string? folder)
    {
        try
        {
            var trusted = keys.Select(TrustedKeys.ReadFile)
                .Concat(folder is null ? [] : TrustedKeys.ReadFolder(new ExportFolder(folder).Keys)).ToList();
            if (trusted.Count == 0)
            {
                throw new UnusableExportException("Say by --key which public key you trust, or by --export where.");
            }

            var findings = new List<Finding>();
            var proved = Ledger.Receipt.Verify(File.ReadAllBytes(file), trusted, findings.Add);
            findings.ForEach(Console.WriteLine);
            proved.ToList().ForEach(Console.WriteLine);
            var verdict = Verdicts.ByWeight.FirstOrDefault(v => findings.Exists(f => f.Verdict == v));
            Console.WriteLine(verdict.Name());
            return (int)verdict;
        }
        catch (Exception e) when (e is UnusableExportException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return Commands.Unusable;
        }
    }

    private static void Tell(Screen screen, Verification verification)
    {
        foreach (var note in verification.Notes)
        {
            screen.Line(note);
        }

        screen.Line(
            Text($"{verification.Events:N0} events, {verification.Leaves:N0} leaves; good checkpoints: ")
            + Text($"{verification.Checkpoints:N0} in the export, {verification.Held:N0} kept elsewhere."));
        if (verification.Newest is { } newest)
        {
            screen.Line(
                Text($"The newest covers {newest.Size:N0} leaves, up to the sequence {newest.Sequence}, and was signed at ")
                + Text($"{newest.Time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}."));
        }

        screen.Line(verification.Line());
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Progress<T> would tell of it later, on another thread.
    private sealed class Bar(Screen screen) : IProgress<VerificationProgress>
    {
        public void Report(VerificationProgress value) =>
            screen.Progress(Part, value.All == 0 ? 1 : (double)value.Done / value.All);
    }
}
