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
        string[] paths =
        [
            TestMerchant.List, "/api/v1/reports", TestMerchant.List + "?limit=none&created_after=never", download, byId,
            await other.DownloadPathAsync("theirs.csv"), $"{TestMerchant.List}{given.Id}/download/",
            $"{TestMerchant.List}malformed/download/", "/health/live", "/health/ready", "/openapi/v1.json", "/reference/",
            "/problems/", "/problems/internal_error", "/appsettings.json", "/no/such/path",
            .. problems.Select(path => path.Replace("{token}", given.Id.ToString(), StringComparison.Ordinal)),
        ];
        using var key = merchant.RealClient();
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

                    // The audit shows a merchant its own record as it is stored: ids, and the keys of its files.
                    var isAudit = path.StartsWith("/b/api/v1/audit/", StringComparison.Ordinal);
                    (isAudit ? audit : answers).Append(answer.Headers).Append(answer.Content.Headers)
                        .Append(await answer.Content.ReadAsStringAsync()).Append('\n');
                }
            }
        }

        var text = answers.ToString();
        text.ShouldContain(Encoding.UTF8.GetString(given.Content));
        foreach (var secret in await SecretsAsync(merchant, given, foreign))
        {
            text.ShouldNotContain(secret, Case.Insensitive);
        }

        foreach (var secret in Inner(merchant).Append(foreign.Id.ToString()).Append(foreign.StorageKey))
        {
            audit.ToString().ShouldNotContain(secret, Case.Insensitive);
        }
    }

    private async Task<IEnumerable<string>> SecretsAsync(
        TestMerchant merchant, GivenReport given, GivenReport foreign)
    {
        var requested = (await merchant.EventsAsync(given.Id)).OfType<ReportRequested>().Single();
        await using var command = app.Database.CreateCommand(
            "select distinct data -> 'by' ->> 'id' from events.mt_events where tenant_id = $1 and data -> 'by' ->> 'kind' <> 'operator'");
        command.Parameters.AddWithValue(merchant.Id.ToString());
        await using var reader = await command.ExecuteReaderAsync();
        var actors = new List<string>();
        while (await reader.ReadAsync())
        {
            actors.Add(reader.GetString(0));
        }

        actors.Count(actor => Guid.TryParse(actor, out _)).ShouldBeGreaterThan(0);
        var ids = actors.Where(actor => Guid.TryParse(actor, out _)).Select(Guid.Parse)
            .Concat([given.Id, foreign.Id, merchant.Id, requested.ReportId]).Distinct();
        return
        [
            .. Inner(merchant), given.StorageKey, .. ids.SelectMany(id => new[] { id.ToString("D"), id.ToString("N") }),
        ];
    }

    private string[] Inner(TestMerchant merchant) =>
    [
        app.FilesRoot, merchant.Key, new NpgsqlConnectionStringBuilder(app.ConnectionString).Database!, "Username=",
        "Host=127", "mt_events", "Npgsql", "   at Reports.",
    ];
}
