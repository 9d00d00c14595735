using System.Text;
using Npgsql;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>No answer tells where things are kept or what they are called inside.</summary>
public sealed class LeakTests(ReportsApp app)
{
    [Fact]
    public async Task no_answer_holds_what_is_ours_alone()
    {
        var merchant = await app.MerchantAsync();
        var other = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("mine.csv");
        var foreign = await other.FinishedAsync("theirs.csv");
        var (user, password) = await merchant.UserAsync([]);
        var download = await merchant.DownloadPathAsync("mine.csv");
        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        var byId = $"{TestMerchant.List}{listed.GetProperty("encrypted_id").GetString()}/download/";
        var problems = System.Text.Json.JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "docs/openapi/v1.json"))).RootElement
            .GetProperty("paths").EnumerateObject().Select(path => path.Name);
        using var key = merchant.RealClient();
        using var answered = await key.GetAsync(new Uri(download, UriKind.Relative));
        var attempt = answered.Headers.GetValues("Download-Id").Single();
        await merchant.EndOfAsync(Guid.Parse(attempt));
        using var foreigner = other.RealClient();
        var foreignDownload = await other.DownloadPathAsync("theirs.csv");
        using var foreignAnswer = await foreigner.GetAsync(new Uri(foreignDownload, UriKind.Relative));
        var sequence = await SealedAsync(Guid.Parse(attempt));
        var id = given.Id.ToString();
        string[] paths =
        [
            TestMerchant.List, "/api/v1/reports", TestMerchant.List + "?limit=none&created_after=never", download, byId,
            foreignDownload, $"{TestMerchant.List}{given.Id}/download/",
            $"{TestMerchant.List}malformed/download/", "/health/live", "/health/ready", "/openapi/v1.json", "/reference/",
            "/problems/", "/problems/internal_error", "/appsettings.json", "/no/such/path",
            .. problems.Select(path => path.Replace("{token}", id).Replace("reports/{id}", $"reports/{id}")
                .Replace("{download_id}", attempt).Replace("proof/{id}", $"proof/{sequence}")
                .Replace("receipts/{id}", $"receipts/{attempt}")),
            $"/b/api/v1/audit/events?limit=1000&merchant={merchant.Id}&format=ndjson",
        ];
        using var stranger = new HttpClient { BaseAddress = app.Address };
        using var unpermitted = merchant.UserClient(user, password);
        var (answers, audit) = (new StringBuilder(), new StringBuilder());
        foreach (var client in new[] { key, stranger, unpermitted })
        {
            foreach (var path in paths)
            {
                foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head, HttpMethod.Post })
                {
                    using var answer = await client.SendAsync(new HttpRequestMessage(method, path));

                    // The audit shows a merchant its own record, which is made of ids.
                    var isAudit = path.StartsWith("/b/api/v1/audit/", StringComparison.Ordinal);
                    (isAudit ? audit : answers).Append(answer.Headers).Append(answer.Content.Headers)
                        .Append(await answer.Content.ReadAsStringAsync()).Append('\n');
                }
            }
        }

        var (own, others) = (await IdsAsync(merchant, given), await IdsAsync(other, foreign));
        string[] inner = [.. Inner(merchant), given.StorageKey, foreign.StorageKey];
        var text = answers.ToString();
        text.ShouldContain(Encoding.UTF8.GetString(given.Content));
        foreach (var secret in inner.Concat(own).Append(foreign.Id.ToString("D")).Append(foreign.Id.ToString("N")))
        {
            text.ShouldNotContain(secret, Case.Insensitive);
        }

        var shown = audit.ToString();
        shown.ShouldContain(id);
        shown.ShouldContain("storage_key_sha256");
        shown.ShouldContain("\"tlog_proof\":");
        foreach (var secret in inner.Concat(others.Except(own)))
        {
            shown.ShouldNotContain(secret, Case.Insensitive);
        }
    }

    // The sequence of the attempt's end.
    private async Task<string> SealedAsync(Guid attempt)
    {
        await using var command = app.Database.CreateCommand(
            """
            select max(seq_id)::text from events.mt_events join ledger.leaves using (seq_id)
            where stream_id = $1 and version = 2
            """);
        command.Parameters.AddWithValue(attempt);
        return await Eventually.GetAsync(
            async () => await command.ExecuteScalarAsync() as string, "the download to be sealed");
    }

    private async Task<IEnumerable<string>> IdsAsync(TestMerchant merchant, GivenReport given)
    {
        var requested = (await merchant.EventsAsync(given.Id)).OfType<ReportRequested>().Single();
        await using var command = app.Database.CreateCommand(
            """
            select distinct data -> 'by' ->> 'id' from events.mt_events
            where tenant_id = $1 and data -> 'by' ->> 'kind' <> 'operator'
            """);
        command.Parameters.AddWithValue(merchant.Id.ToString());
        await using var reader = await command.ExecuteReaderAsync();
        var actors = new List<string>();
        while (await reader.ReadAsync())
        {
            actors.Add(reader.GetString(0));
        }

        actors.Count(actor => Guid.TryParse(actor, out _)).ShouldBeGreaterThan(0);
        var ids = actors.Where(actor => Guid.TryParse(actor, out _)).Select(Guid.Parse)
            .Concat([given.Id, merchant.Id, requested.ReportId]).Distinct();
        return [.. ids.SelectMany(id => new[] { id.ToString("D"), id.ToString("N") })];
    }

    private string[] Inner(TestMerchant merchant) =>
    [
        app.FilesRoot, merchant.Key, new NpgsqlConnectionStringBuilder(app.ConnectionString).Database!, "Username=",
        "Host=127", "mt_events", "Npgsql", "   at Reports.",
    ];
}
