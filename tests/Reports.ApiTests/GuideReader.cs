using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Shouldly;

namespace Reports.ApiTests;

/// <summary>Somebody who follows the guide in a bash, in a new directory, with a merchant's key, auditor and user.</summary>
internal sealed partial class GuideReader(
    Uri address,
    TestMerchant merchant,
    string auditor,
    string user,
    string password,
    IReadOnlyList<GivenReport> given) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, string> _settings = new()
    {
        ["REPORTS_URL"] = address.ToString().TrimEnd('/'),
        ["REPORTS_API_KEY"] = merchant.Key,
        ["REPORTS_AUDITOR_KEY"] = auditor,
        ["REPORTS_USER"] = user,
        ["REPORTS_PASSWORD"] = password,
    };

    public Uri Address => address;

    public TestMerchant Merchant => merchant;

    public IReadOnlyList<GivenReport> Given => given;

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("reports-guide-").FullName;

    /// <summary>Runs samples one after the other in one shell, and gives what each has shown.</summary>
    public async Task<string[]> RunAsync(IEnumerable<string> samples)
    {
        var texts = samples.Select(Filled).ToArray();
        var scripts = System.IO.Directory.CreateTempSubdirectory("reports-samples-").FullName;
        try
        {
            foreach (var (index, text) in texts.Index())
            {
                await File.WriteAllTextAsync(Path.Combine(scripts, $"{index}.sh"), text);
            }

            // Unknown commands, unset variables and failures anywhere in a pipe end it.
            await RunAsync(string.Create(CultureInfo.InvariantCulture, $$"""
                set -euo pipefail
                for program in curl python3 dotnet sha256sum; do
                    command -v "$program" >/dev/null || { echo "The samples of the guide need $program." >&2; exit 1; }
                done
                for sample in {0..{{texts.Length - 1}}}; do
                    . {{scripts}}/$sample.sh >{{scripts}}/$sample.out 2>{{scripts}}/$sample.err
                done
                """), scripts, texts);
            return [.. texts.Index().Select(sample => File.ReadAllText(Path.Combine(scripts, $"{sample.Index}.out")))];
        }
        finally
        {
            System.IO.Directory.Delete(scripts, recursive: true);
        }
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    // What stands for the reader's own address and secrets.
    private string Filled(string sample) => Setting().Replace(
        sample, line => $"{line.Groups[1]}={_settings[line.Groups[1].Value]}");

    private async Task RunAsync(string driver, string scripts, string[] texts)
    {
        var start = new ProcessStartInfo("bash", ["-c", driver])
        {
            WorkingDirectory = Directory,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in _settings)
        {
            start.Environment[name] = value;
        }

        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = start.Environment["DOTNET_NOLOGO"] = "1";
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            var error = await process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            if (process.ExitCode != 0)
            {
                var (said, text) = texts.Index()
                    .Select(sample => (Path.Combine(scripts, $"{sample.Index}.err"), sample.Item))
                    .LastOrDefault(sample => File.Exists(sample.Item1));
                process.ExitCode.ShouldBe(
                    0, said is null ? error : $"{error}\n{text}\n{await File.ReadAllTextAsync(said)}");
            }
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    [GeneratedRegex("^(REPORTS_[A-Z_]+)=.*$", RegexOptions.Multiline)]
    private static partial Regex Setting();
}
