using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts.Events;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// The setting <c>Compatibility:NotFoundOnly</c>: for clients written against the document that knows only 404.
/// </summary>
public sealed class CompatibilityTests(ReportsApp app) : IAsyncLifetime
{
    private WebApplication _node = null!;

    public async ValueTask InitializeAsync() =>
        _node = await app.ListenAsync("--Reports:Compatibility:NotFoundOnly=true");

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task a_token_that_opens_nothing_is_not_found_and_the_record_says_why()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");
        using var client = Client(merchant.Key);
        using var second = Client(await app.KeyAsync(merchant.Id));
        var tokens = app.Services.GetRequiredService<DownloadTokens>();
        var live = (await merchant.DownloadPathAsync("r.csv")).Split('/')[^3];
        var bound = tokens.Open(Guid.Parse(live))!.Value;
        var over = tokens.Seal([given.Number], bound.PrincipalNumber, bound.ExpiresAt.AddHours(-3))[0].ToString();

        var bodies = new HashSet<string>();
        async Task<DownloadAttempted> AttemptAsync(HttpClient caller, string locator)
        {
            using var answer = await caller.GetAsync(Download(locator));
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound, locator);
            bodies.Add(await BodyAsync(answer));
            var (attempted, end) = await merchant.AttemptAsync(answer);
            var failed = end.ShouldBeOfType<ReportDownloadFailed>();
            (failed.Outcome, failed.Status, failed.Code).ShouldBe((DownloadFailure.Refused, 404, "not_found"));
            attempted.Inputs.IsNotFoundOnly.ShouldBeTrue();
            return attempted;
        }

        var (expired, foreign) = (await AttemptAsync(client, over), await AttemptAsync(second, live));
        var (malformed, unknown) =
            (await AttemptAsync(client, "nonsense"), await AttemptAsync(client, Guid.CreateVersion7().ToString()));

        bodies.ShouldHaveSingleItem();
        expired.ReportId.ShouldBe(given.Id);
        expired.Inputs.TokenPrincipal.ShouldBe(expired.Inputs.CallerPrincipal);
        expired.Inputs.TokenExpiresAt!.Value.ShouldBeLessThan(expired.Inputs.DecidedAt);
        foreign.ReportId.ShouldBe(given.Id);
        foreign.Inputs.TokenPrincipal.ShouldNotBe(foreign.Inputs.CallerPrincipal);
        malformed.Locator.ShouldBe(LocatorKind.Malformed);
        (unknown.Locator, unknown.Inputs.TokenExpiresAt, unknown.ReportId).ShouldBe((LocatorKind.Token, null, null));
    }

    [Fact]
    public async Task what_is_no_matter_of_tokens_is_answered_as_ever()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var expired = await merchant.FinishedAsync("expired.csv");
        var (path, expiredPath) = (await merchant.DownloadPathAsync("r.csv"), await merchant.DownloadPathAsync("expired.csv"));
        await merchant.ExpireAsync(expired.Id);
        var auditor = await app.KeyAsync(merchant.Id, isAuditor: true);
        using var client = Client(merchant.Key);
        using var powerless = Client(auditor);
        using var nobody = Client("wrong");
        async Task<HttpStatusCode> StatusAsync(HttpClient caller, string at)
        {
            using var answer = await caller.GetAsync(new Uri(at, UriKind.Relative));
            return answer.StatusCode;
        }

        (await StatusAsync(client, path)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(client, expiredPath)).ShouldBe(HttpStatusCode.Gone);
        (await StatusAsync(powerless, path)).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(powerless, Download("nonsense").ToString())).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(nobody, Download("nonsense").ToString())).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(client, TestMerchant.List + "?limit=0")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task a_report_is_not_found_by_what_is_no_id()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant.Key);

        var bodies = new HashSet<string>();
        foreach (var id in new[] { "nonsense", new string('A', 44) })
        {
            using var answer = await client.GetAsync(new Uri($"{TestMerchant.List}{id}/", UriKind.Relative));
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
            bodies.Add(await BodyAsync(answer));
        }

        bodies.ShouldHaveSingleItem();
    }

    private static async Task<string> BodyAsync(HttpResponseMessage answer)
    {
        var problem = await Problems.NotFoundAsync(answer);
        return JsonSerializer.Serialize(problem)
            .Replace(problem.GetProperty("request_id").GetString()!, "", StringComparison.Ordinal);
    }

    private static Uri Download(string locator) => new($"{TestMerchant.List}{locator}/download/", UriKind.Relative);

    private HttpClient Client(string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(_node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }
}
