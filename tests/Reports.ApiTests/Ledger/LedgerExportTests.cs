using System.Diagnostics;
using Reports.Cli;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>The record of a service, exported as an auditor does, and verified by both programs.</summary>
public sealed class LedgerExportTests : IAsyncLifetime
{
    private static readonly string? Interpreter = Environment.GetEnvironmentVariable("REPORTS_TEST_PYTHON");

    private readonly string _directory = Directory.CreateTempSubdirectory("reports-export-").FullName;
    private readonly List<string> _remarks = [];
    private readonly ReportsApp _app = new();

    public ValueTask InitializeAsync() => _app.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task what_is_exported_is_ok_until_somebody_edits_one_row_and_deletes_another()
    {
        Assert.SkipWhen(string.IsNullOrEmpty(Interpreter), "REPORTS_TEST_PYTHON names no Python; build/test does.");
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var attempt = await DownloadAsync(merchant);
        var key = await _app.KeyAsync(null, isAuditor: true);

        await ExportAsync("first", key, TimeProvider.System);
        _remarks.ShouldBeEmpty();
        Verify("first").ShouldBe("OK");
        await AgreeAsync("OK", Folder("first").Path);

        // The auditor goes on later, and the merchant has kept a header.
        var header = Path.Combine(_directory, "header.txt");
        await File.WriteAllTextAsync(header, await HeaderAsync(merchant));
        await DownloadAsync(merchant);
        await ExportAsync("first", key, TimeProvider.System);
        Verify("first", header).ShouldBe("OK");
        await AgreeAsync("OK", "--held", header, Folder("first").Path);

        var own = await ExportAsync("own", await _app.KeyAsync(merchant.Id, isAuditor: true), TimeProvider.System);
        own.Scope.ShouldBe(merchant.Id.ToString("D"));
        Verify("own", merchant: own.Scope).ShouldBe("OK");
        Should.Throw<UnusableExportException>(() => Verify("own")).Message.ShouldContain($"--merchant {own.Scope}");
        await AgreeAsync("OK", "--merchant", own.Scope, Folder("own").Path);
        File.ReadLines(Folder("own").Events).ShouldAllBe(line => line.Contains($"\"tenant\":\"{merchant.Id}\""));

        await ReceiptAsync(attempt, key);
        await AttackAsync(merchant, key);
    }

    private async Task ReceiptAsync(Guid attempt, string key)
    {
        using var http = new HttpClient { BaseAddress = _app.Address };
        http.DefaultRequestHeaders.Add("Api-Key", key);
        var receipt = await http.GetByteArrayAsync(new Uri($"/b/api/v1/audit/receipts/{attempt}", UriKind.Relative));
        var path = Path.Combine(_directory, "receipt.json");
        await File.WriteAllBytesAsync(path, receipt);
        var pem = Directory.GetFiles(Folder("first").Keys).Single();

        Receipt.Verify(receipt, [CheckpointKey.FromPem(await File.ReadAllTextAsync(pem))], f => throw new InvalidOperationException(f.ToString()))
            .Count.ShouldBe(2);
        await AgreeAsync("OK", "--key", pem, path);
    }

    private async Task AttackAsync(TestMerchant merchant, string key)
    {
        long First(string type) => Number(
            File.ReadLines(Folder("first").Events).First(line => line.Contains($"\"type\":\"{type}\"")));
        var (edited, deleted) = (First("api-key.issued.v1"), First("download.completed.v1"));
        await using (var attack = _app.Database.CreateCommand(
            $$"""
            set session_replication_role = replica;
            update events.mt_events set data = data || '{"amount": 1000000}' where seq_id = {{edited}};
            delete from events.mt_events where seq_id = {{deleted}};
            insert into ledger.keys (id, pem) values ('junk', 'junk');
            set session_replication_role = origin
            """))
        {
            await attack.ExecuteNonQueryAsync();
        }

        await DownloadAsync(merchant);
        await ExportAsync("second", key, new HurriedClock());

        var findings = new List<Finding>();
        var line = Verify("second", report: findings.Add);
        line.ShouldStartWith("MODIFIED 1, MISSING 1");
        findings.ShouldContain(f => f.Verdict == Verdict.Modified && f.Sequence == edited);
        findings.ShouldContain(f => f.Verdict == Verdict.Missing && f.Sequence == deleted);
        await AgreeAsync(line, Folder("second").Path);
        Verify("first").ShouldBe("OK");
    }

    private static long Number(string line)
    {
        EventLine.TryRead(System.Text.Encoding.UTF8.GetBytes(line), out var read, out var flaw).ShouldBeTrue(flaw);
        return read.Sequence;
    }

    private static async Task<Guid> DownloadAsync(TestMerchant merchant)
    {
        using var client = merchant.Client();
        using var download = await client.GetAsync(new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative));
        var attempt = Guid.Parse(download.Headers.GetValues("Download-Id").Single());
        await merchant.EndOfAsync(attempt);
        return attempt;
    }

    private static async Task<string> HeaderAsync(TestMerchant merchant)
    {
        using var client = merchant.Client();
        using var list = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        return list.Headers.GetValues("Audit-Checkpoint").Single();
    }

    private async Task<ExportDescription> ExportAsync(string name, string key, TimeProvider clock)
    {
        using var http = ExportCommand.Http(_app.Address.ToString());
        Directory.CreateDirectory(Folder(name).Keys);
        return await new AuditExport(
            new AuditClient(http, key, _remarks.Add, clock), Folder(name), _app.Address.ToString(), _remarks.Add, (_, _) => { }, clock)
            .RunAsync(null, default);
    }

    private string Verify(
        string name, string? held = null, Action<Finding>? report = null, string? merchant = null) =>
        ExportVerifier.Verify(
            Folder(name),
            new VerificationOptions([Key()], new HeldCheckpoints(held is null ? [] : [held], null), merchant),
            report ?? (_ => { })).Line();

    private static CheckpointKey Key()
    {
        using var signer = new CheckpointSigner(Convert.FromBase64String(ReportsApp.LedgerKey));
        return signer.Key;
    }

    // The page of Python ends with the same line and the same exit code.
    private static async Task AgreeAsync(string expected, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            Interpreter!, ["-B", Path.Combine(Checkout.Root, "docs/verify_ledger.py"), .. arguments])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        output.TrimEnd('\n').Split('\n')[^1].ShouldBe(expected, output);
        var gravest = expected.Split(' ', ',')[0];
        process.ExitCode.ShouldBe((int)Enum.GetValues<Verdict>().Single(v => v.Name() == gravest), output);
    }

    private ExportFolder Folder(string name) => new(Path.Combine(_directory, name));
}
