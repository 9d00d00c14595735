using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Reports.ApiTests.Audit;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Ledger;

/// <summary>What the service answers about its ledger, checked as whoever holds the public key would.</summary>
public sealed class LedgerEndpointTests(ReportsApp app)
{
    private const string Audit = "/b/api/v1/audit/";

    private static CheckpointKey Key
    {
        get
        {
            using var signer = new CheckpointSigner(Convert.FromBase64String(ReportsApp.LedgerKey));
            return signer.Key;
        }
    }

    [Fact]
    public async Task list_report_and_download_carry_a_genuine_checkpoint()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        await SealedAsync();
        using var client = merchant.Client();
        var listed = await merchant.ListedAsync("r.csv");
        foreach (var path in new[]
            {
                TestMerchant.List, $"{TestMerchant.List}{listed.GetProperty("encrypted_id").GetString()}/",
                TestMerchant.PathOf(listed), $"{TestMerchant.List}{Guid.CreateVersion7()}/download/",
            })
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
            var header = answer.Headers.GetValues("Audit-Checkpoint").Single();
            var signed = HeldCheckpoints.Parse(header).ShouldNotBeNull();
            signed.IsSignedBy([Key]).ShouldBeTrue();
            await using var command = app.Database.CreateCommand("select note from ledger.checkpoints where size = $1");
            command.Parameters.AddWithValue(signed.Checkpoint.Size);
            (await command.ExecuteScalarAsync()).ShouldBe(signed.Note());
        }

        using var health = await client.GetAsync(new Uri("/health/live", UriKind.Relative));
        health.Headers.Contains("Audit-Checkpoint").ShouldBeFalse();
    }

    [Fact]
    public async Task a_receipt_of_a_download_proves_its_events_without_the_service()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = merchant.Client();
        using var download = await client.GetAsync(
            new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative));
        var attempt = Guid.Parse(download.Headers.GetValues("Download-Id").Single());
        await merchant.EndOfAsync(attempt);
        await SealedAsync();

        // The merchant's own auditor, and one of all merchants.
        foreach (var owner in new Guid?[] { merchant.Id, null })
        {
            using var auditor = await AuditorAsync(owner);
            var receipt = await auditor.GetByteArrayAsync(new Uri($"{Audit}receipts/{attempt}", UriKind.Relative));

            Receipt.Verify(receipt, [Key], Fail).Count.ShouldBe(2);
        }

        using var stranger = await AuditorAsync((await app.MerchantAsync()).Id);
        (await StatusAsync(stranger, $"receipts/{attempt}")).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task an_event_is_proved_by_its_sequence_and_by_its_id()
    {
        var merchant = await app.MerchantAsync();
        await SealedAsync();
        using var auditor = await AuditorAsync(merchant.Id);
        using var self = AuditClient.WithKey(app, merchant.Key);
        var stored = (await self.EventsAsync())[0];
        foreach (var name in new[] { stored.GetProperty("sequence").ToString(), stored.GetProperty("event_id").GetString() })
        {
            var body = await auditor.GetByteArrayAsync(new Uri($"{Audit}proof/{name}", UriKind.Relative));

            Receipt.Verify(body, [Key], Fail).Count.ShouldBe(1);
            using var proof = JsonDocument.Parse(body);
            IsProvedBy(proof.RootElement.GetProperty("tlog_proof").GetString()!, proof.RootElement);
        }

        using var stranger = await AuditorAsync((await app.MerchantAsync()).Id);
        (await StatusAsync(stranger, $"proof/{stored.GetProperty("sequence")}")).ShouldBe(HttpStatusCode.NotFound);
        (await StatusAsync(auditor, "proof/999999999")).ShouldBe(HttpStatusCode.NotFound);
        (await StatusAsync(auditor, "proof/what")).ShouldBe(HttpStatusCode.BadRequest);
        (await StatusAsync(auditor, "receipts/7")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task the_ledger_is_proved_to_have_grown_only()
    {
        await app.MerchantAsync();
        await SealedAsync();
        using var auditor = await AuditorAsync(null);
        var newest = SignedCheckpoint.Parse(
            await auditor.GetStringAsync(new Uri($"{Audit}checkpoint", UriKind.Relative))).ShouldNotBeNull();
        newest.IsSignedBy([Key]).ShouldBeTrue();
        var size = newest.Checkpoint.Size;
        foreach (var (from, to) in new[] { (0, size), (1, size), (size / 2, size), (size - 1, size), (size, size), (2, 3) })
        {
            var proof = await TestMerchant.GetJsonAsync(auditor, $"{Audit}consistency?from={from}&to={to}");

            MerkleProof.VerifyConsistency(
                from, proof.GetProperty("from_root").GetBytesFromBase64(), to,
                proof.GetProperty("to_root").GetBytesFromBase64(), Hashes(proof)).ShouldBeTrue();
            if (to == size)
            {
                proof.GetProperty("to_root").GetBytesFromBase64().ShouldBe(newest.Checkpoint.Root);
                proof.GetProperty("to_checkpoint").GetString().ShouldBe(newest.Note());
            }
        }

        (await StatusAsync(auditor, "consistency?from=3&to=2")).ShouldBe(HttpStatusCode.BadRequest);
        (await StatusAsync(auditor, "consistency?from=1&to=999999999")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task leaves_checkpoints_and_keys_make_up_the_whole_tree()
    {
        await app.MerchantAsync();
        await SealedAsync();
        using var auditor = await AuditorAsync(null);
        var keys = await TestMerchant.GetJsonAsync(auditor, $"{Audit}keys");
        keys.EnumerateArray().Select(k => CheckpointKey.FromPem(k.GetProperty("pem").GetString()!).Id)
            .ShouldBe(keys.EnumerateArray().Select(k => k.GetProperty("id").GetString()));
        keys.EnumerateArray().Select(k => k.GetProperty("id").GetString()).ShouldContain(Key.Id);

        var checkpoints = (await LinesAsync(auditor, "checkpoints")).Select(line =>
        {
            CheckpointLine.TryRead(Encoding.UTF8.GetBytes(line), out var size, out var note).ShouldBeTrue();
            return (Size: size, Signed: SignedCheckpoint.Parse(note)!);
        }).ToList();
        var (edge, next, leaf) = (new TreeEdge(), 0, new byte[MerkleHash.Size]);
        foreach (var line in await LinesAsync(auditor, "leaves"))
        {
            LeafLine.TryRead(Encoding.UTF8.GetBytes(line), out var index, out _, leaf).ShouldBeTrue();
            index.ShouldBe(edge.Count);
            edge.Append([.. leaf]);
            if (next < checkpoints.Count && checkpoints[next].Size == edge.Count)
            {
                checkpoints[next].Signed.Checkpoint.Root.ShouldBe(edge.Root());
                checkpoints[next++].Signed.IsSignedBy([Key]).ShouldBeTrue();
            }
        }

        next.ShouldBe(checkpoints.Count);
        (await LinesAsync(auditor, $"leaves?after={edge.Count - 2}")).Count.ShouldBeGreaterThanOrEqualTo(1);
        (await StatusAsync(auditor, "leaves?after=x")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task the_health_of_the_ledger_has_an_address_of_its_own()
    {
        using var client = app.Host.Server.CreateClient();
        var health = await TestMerchant.GetJsonAsync(client, "/health/ledger");
        var known = await app.Services.GetRequiredService<HealthCheckService>()
            .CheckHealthAsync(check => check.Name == "ledger", TestContext.Current.CancellationToken);

        health.GetProperty("checks").GetProperty("ledger").GetString()
            .ShouldBe("healthy", known.Entries["ledger"].Description);
    }

    private static void Fail(Finding finding) => throw new ShouldAssertException(finding.ToString());

    private static byte[][] Hashes(JsonElement proof) =>
        [.. proof.GetProperty("proof").EnumerateArray().Select(h => h.GetBytesFromBase64())];

    private static void IsProvedBy(string text, JsonElement proof)
    {
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        var lines = text[..end].Split('\n');
        var signed = SignedCheckpoint.Parse(text[(end + 2)..]).ShouldNotBeNull();
        lines[0].ShouldBe("c2sp.org/tlog-proof@v1");
        lines[1].ShouldBe($"index {proof.GetProperty("leaf_index")}");
        MerkleProof.VerifyInclusion(
            proof.GetProperty("leaf").GetBytesFromBase64(), proof.GetProperty("leaf_index").GetInt64(),
            signed.Checkpoint.Size, [.. lines[2..].Select(Convert.FromBase64String)], signed.Checkpoint.Root).ShouldBeTrue();
    }

    private static async Task<List<string>> LinesAsync(HttpClient client, string path) =>
        [.. (await client.GetStringAsync(new Uri(Audit + path, UriKind.Relative))).Split('\n')[..^1]];

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var answer = await client.GetAsync(new Uri(Audit + path, UriKind.Relative));
        return answer.StatusCode;
    }

    private async Task<HttpClient> AuditorAsync(Guid? merchant)
    {
        var client = app.Host.Server.CreateClient();
        client.DefaultRequestHeaders.Add("Api-Key", await app.KeyAsync(merchant, isAuditor: true));
        return client;
    }

    // What was recorded before now is sealed, and every node knows of it.
    private async Task SealedAsync()
    {
        await using var last = app.Database.CreateCommand("select max(seq_id) from events.mt_events");
        var sequence = (long)(await last.ExecuteScalarAsync())!;
        await Eventually.IsTrueAsync(
            async () =>
            {
                await using var command = app.Database.CreateCommand(
                    "select coalesce(max(last_seq), 0) >= $1 from ledger.checkpoints");
                command.Parameters.AddWithValue(sequence);
                return await command.ExecuteScalarAsync() is true;
            },
            "everything to be sealed");
        await Eventually.IsTrueAsync(
            async () =>
            {
                using var client = app.Host.Server.CreateClient();
                using var answer = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
                return answer.Headers.TryGetValues("Audit-Checkpoint", out var values)
                    && HeldCheckpoints.Parse(values.Single())!.Checkpoint.Sequence >= sequence;
            },
            "the checkpoint to be known");
    }
}
