using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>
/// Every outcome that <c>docs/contract.md</c> section 4 knows of a download, made again from what is recorded of it.
/// </summary>
public sealed class AuditDecisionTests(ReportsApp app)
{
    private sealed record Ask(
        string Name, int Status, string? Code, string Ruling, HttpClient Client, string Locator,
        HttpMethod? Method = null, string? Field = null, string? Value = null);

    [Fact]
    public async Task every_decision_about_a_download_is_made_again_and_gives_the_recorded_answer()
    {
        await using var poor = await app.ListenAsync("--Reports:Quotas:DownloadsPerHour=1");
        await using var strict = await app.ListenAsync("--Reports:Compatibility:NotFoundOnly=true");
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var all = await AuditClient.AuditorAsync(app);
        var asks = await AsksAsync(merchant, other, poor, strict);

        foreach (var ask in asks)
        {
            using var request = new HttpRequestMessage(
                ask.Method ?? HttpMethod.Get, new Uri($"{TestMerchant.List}{ask.Locator}/download/", UriKind.Relative));
            if (ask.Field is not null)
            {
                request.Headers.TryAddWithoutValidation(ask.Field, ask.Value);
            }

            using var answer = await ask.Client.SendAsync(request);
            await answer.Content.ReadAsByteArrayAsync();
            ((int)answer.StatusCode).ShouldBe(ask.Status, ask.Name);
            var id = answer.Headers.GetValues("Download-Id").Single();
            var ended = await Eventually.GetAsync(
                async () => await all.GetAsync($"downloads/{id}") is var told
                    && told.GetProperty("steps").GetArrayLength() == 2 ? (object)told : null,
                "the download to end");

            var decision = ((JsonElement)ended).GetProperty("decision");
            Answer(decision, "recorded").ShouldBe((ask.Status, ask.Code), ask.Name);
            Answer(decision, "recomputed").ShouldBe((ask.Status, ask.Code), ask.Name);
            Answer(decision, "by_events").ShouldBe((ask.Status, ask.Code), ask.Name);
            (decision.GetProperty("agrees").GetBoolean(), decision.GetProperty("ruling").GetString())
                .ShouldBe((true, ask.Ruling), ask.Name);
            decision.GetProperty("lacks").GetArrayLength().ShouldBe(0);
            decision.GetProperty("inputs").GetProperty("decided_at").GetDateTimeOffset()
                .ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(5));
        }
    }

    private async Task<Ask[]> AsksAsync(
        TestMerchant merchant, TestMerchant other, WebApplication poor, WebApplication strict)
    {
        var (kept, theirs) = (await merchant.FinishedAsync("kept.csv"), await other.FinishedAsync("theirs.csv"));
        var over = await merchant.FinishedAsync("over.csv", expiresAt: DateTimeOffset.UtcNow.AddSeconds(-1));
        var ended = await merchant.FinishedAsync("ended.csv");
        await merchant.ExpireAsync(ended.Id);
        var lost = await merchant.FinishedAsync("lost.csv");
        File.Delete(Path.Combine(app.FilesRoot, lost.StorageKey));
        var (name, password) = await merchant.UserAsync([]);
        var number = (int)await AuditClient.NumberAsync(
            app,
            $"""
            select principal_number::bigint from reports.access_credentials
            where merchant_id = '{merchant.Id}' order by created_at limit 1
            """);
        var ids = app.Services.GetRequiredService<EncryptedIds>();
        var tokens = app.Services.GetRequiredService<DownloadTokens>();
        string Id(Guid owner, Guid report) => ids.Seal(owner, [report])[0];
        string Token(GivenReport report, int holder, TimeSpan life) =>
            tokens.Seal([report.Number], holder, DownloadTokens.Expiry(DateTimeOffset.UtcNow, life))[0].ToString();
        HttpClient At(WebApplication? node, string? key)
        {
            var client = new HttpClient { BaseAddress = node is null ? app.Address : new Uri(node.Urls.First()) };
            if (key is not null)
            {
                client.DefaultRequestHeaders.Add("Api-Key", key);
            }

            return client;
        }

        var (known, nobody, powerless) = (At(null, merchant.Key), At(null, null), At(null, null));
        powerless.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")));
        var auditor = At(null, await app.KeyAsync(merchant.Id, isAuditor: true));
        var poorest = At(poor, await app.KeyAsync(merchant.Id));
        var (hour, gone, id) = (TimeSpan.FromHours(1), TimeSpan.FromMinutes(-2), Id(merchant.Id, kept.Id));
        return
        [
            new("all of it", 200, null, "given", known, Token(kept, number, hour)),
            new("by its id", 200, null, "given", known, id),
            new("a range", 206, null, "given", known, id, null, "Range", "bytes=0-3"),
            new("what it has", 304, null, "given", known, id, null, "If-None-Match", $"\"{kept.Sha256}\""),
            new("the headers", 200, null, "given", known, id, HttpMethod.Head),
            new("nonsense", 400, "invalid_parameters", "locator_malformed", known, "nonsense"),
            new("nobody", 401, "unauthorized", "credential_invalid", nobody, id),
            new("a wrong key", 401, "unauthorized", "credential_invalid", At(null, "rk_live_x"), id),
            new("without the permission", 403, "forbidden", "permission_missing", powerless, id),
            new("an auditor", 403, "forbidden", "permission_missing", auditor, id),
            new("another's token", 403, "forbidden", "token_foreign", known, Token(kept, number + 1, hour)),
            new("an unknown id", 404, "not_found", "report_unknown", known, Id(merchant.Id, Guid.CreateVersion7())),
            new("another merchant's id", 404, "not_found", "report_unknown", known, Id(other.Id, theirs.Id)),
            new("another merchant's token", 404, "not_found", "report_unknown", known, Token(theirs, number, hour)),
            new("a UUID", 404, "not_found", "report_unknown", known, Guid.CreateVersion7().ToString()),
            new("another method", 405, "method_not_allowed", "method_not_taken", known, id, HttpMethod.Post),
            new("an expired token", 410, "token_expired", "token_expired", known, Token(kept, number, gone)),
            new("what is over", 410, "report_expired", "report_expired", known, Id(merchant.Id, over.Id)),
            new("what has ended", 410, "report_expired", "report_expired", known, Id(merchant.Id, ended.Id)),
            new("another file", 412, "precondition_failed", "precondition_failed", known, id, null,
                "If-Match", "\"x\""),
            new("no such range", 416, "range_not_satisfiable", "range_not_satisfiable", known, id, null,
                "Range", "bytes=999999-"),
            new("the last one", 200, null, "given", poorest, id),
            new("one too many", 429, "rate_limited", "downloads_used_up", poorest, id),
            new("what is lost", 503, "unavailable", "file_not_as_recorded", known, Id(merchant.Id, lost.Id)),
            new("nonsense, strictly", 404, "not_found", "locator_malformed", At(strict, merchant.Key), "nonsense"),
            new("an expired token, strictly", 404, "not_found", "token_expired", At(strict, merchant.Key),
                Token(kept, number, gone)),
        ];
    }

    private static (int Status, string? Code) Answer(JsonElement decision, string name)
    {
        var answer = decision.GetProperty(name);
        return (answer.GetProperty("status").GetInt32(), answer.GetProperty("code").GetString());
    }
}
