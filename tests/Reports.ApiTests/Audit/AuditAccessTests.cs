using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Reports.Access;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>
/// Who may read what of the audit, and that each read is an event (<c>docs/contract.md</c> section 7).
/// </summary>
public sealed partial class AuditAccessTests(ReportsApp app)
{
    private const HttpStatusCode Ok = HttpStatusCode.OK;
    private const HttpStatusCode Nobody = HttpStatusCode.Unauthorized;
    private const HttpStatusCode Powerless = HttpStatusCode.Forbidden;
    private const HttpStatusCode NotThere = HttpStatusCode.NotFound;

    /// <summary>Somebody who asks, and what they see of a merchant's audit.</summary>
    /// <param name="Name">What to call them when an assertion fails.</param>
    /// <param name="Client">The client that sends their credential.</param>
    /// <param name="Tenant">Where their reads are recorded.</param>
    /// <param name="Named">What is answered when the merchant is named.</param>
    /// <param name="Found">What is answered to the id of something of the merchant's.</param>
    private sealed record Reader(
        string Name, HttpClient Client, string Tenant, HttpStatusCode Named, HttpStatusCode Found) : IDisposable
    {
        public void Dispose() => Client.Dispose();
    }

    [Fact]
    public async Task everybody_sees_of_the_audit_what_the_contract_says_and_every_read_is_an_event()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var report = await merchant.FinishedAsync("r.csv");
        await other.FinishedAsync("r.csv");
        var encrypted = await merchant.EncryptedIdAsync("r.csv");
        using var download = await merchant.RealClient().GetAsync(
            new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative));
        var attempt = Guid.Parse(download.Headers.GetValues("Download-Id").Single());
        await merchant.EndOfAsync(attempt);
        await AuditClient.SealedAsync(app);
        var readers = await ReadersAsync(merchant, other);

        foreach (var reader in readers)
        {
            var isKnown = reader.Named is not (Nobody or Powerless) || reader.Found == NotThere;
            (string Path, HttpStatusCode Status, AuditSurface Surface)[] asked =
            [
                ($"events?merchant={merchant.Id}", reader.Named, AuditSurface.Events),
                ("events", isKnown ? Ok : reader.Named, AuditSurface.Events),
                ($"events?report={report.Id}", isKnown ? Ok : reader.Named, AuditSurface.Events),
                ($"reports/{report.Id}", reader.Found, AuditSurface.Report),
                ($"reports/{report.Id}?merchant={merchant.Id}", reader.Named, AuditSurface.Report),
                ($"reports/{encrypted}?merchant={merchant.Id}", reader.Named, AuditSurface.Report),
                ($"reports/{Guid.CreateVersion7()}", isKnown ? NotThere : reader.Found, AuditSurface.Report),
                ($"downloads/{attempt}", reader.Found, AuditSurface.Download),
                ($"downloads/{Guid.CreateVersion7()}", isKnown ? NotThere : reader.Found, AuditSurface.Download),
                ($"list?merchant={merchant.Id}", reader.Named, AuditSurface.List),
            ];
            var notThere = new List<string>();
            foreach (var (path, status, surface) in asked)
            {
                using var answer = await reader.Client.GetAsync(new Uri(AuditClient.Path + path, UriKind.Relative));
                var body = await answer.Content.ReadAsStringAsync();
                answer.StatusCode.ShouldBe(status, $"{reader.Name}: {path}: {body}");
                answer.Headers.Contains("WWW-Authenticate").ShouldBe(status == Nobody);
                if (reader.Named != Ok)
                {
                    // What they asked for themselves stands in the record of their own reads.
                    body.ShouldNotContain($"\"tenant\":\"{merchant.Id}\"", Case.Insensitive, $"{reader.Name}: {path}");
                    body.ShouldNotContain(report.Sha256, Case.Insensitive, $"{reader.Name}: {path}");
                }

                if (status == NotThere)
                {
                    notThere.Add(body.Replace(answer.Headers.GetValues("X-Request-Id").Single(), ""));
                }

                if (!isKnown)
                {
                    // An event for each would let strangers fill the record.
                    (await AuditClient.ReadsAsync(app, reader.Tenant)).ShouldNotContain(
                        r => r.RequestId == answer.Headers.GetValues("X-Request-Id").Single(), reader.Name);
                    continue;
                }

                var request = answer.Headers.GetValues("X-Request-Id").Single();
                var read = (await AuditClient.ReadsAsync(app, reader.Tenant))
                    .Where(r => r.RequestId == request).ShouldHaveSingleItem($"{reader.Name}: {path}");
                (read.Surface, read.Status).ShouldBe((surface, (int)status), $"{reader.Name}: {path}");
                read.By.Kind.ShouldBe(
                    reader.Name.Contains("user") ? ActorKind.User : ActorKind.ApiKey);
                read.Query.ShouldNotContain(encrypted);
                read.Origin.ShouldNotBeNull();
            }

            // What is another merchant's looks like what never was.
            notThere.Distinct().Count().ShouldBeLessThanOrEqualTo(1, reader.Name);
            reader.Dispose();
        }
    }

    [Fact]
    public async Task nobody_but_an_auditor_of_all_sees_an_event_of_another_tenant()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        await merchant.FinishedAsync();
        await other.FinishedAsync();
        using var auditor = await AuditClient.AuditorAsync(app, merchant.Id);
        using var self = AuditClient.WithKey(app, merchant.Key);
        using var all = await AuditClient.AuditorAsync(app);

        foreach (var reader in new[] { auditor, self })
        {
            var events = await reader.EventsAsync();
            events.Select(Tenant).Distinct().ShouldBe([merchant.Id.ToString()]);
            (await reader.LinesAsync()).ShouldAllBe(line => line.Contains($"\"tenant\":\"{merchant.Id}\""));
            await reader.GetAsync("events?merchant=platform", HttpStatusCode.Forbidden);
        }

        (await all.EventsAsync($"?merchant={other.Id}")).ShouldNotBeEmpty();
        var seen = (await all.EventsAsync("?type=merchant.registered.v1&limit=1000")).Select(Tenant).ToList();
        seen.ShouldContain(merchant.Id.ToString());
        seen.ShouldContain(other.Id.ToString());

        static string? Tenant(JsonElement e) => e.GetProperty("tenant").GetString();
    }

    [Fact]
    public async Task every_address_of_the_audit_asks_who_is_there_and_records_it()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var powerless = merchant.UserClient(name, password);
        using var stranger = app.Host.Server.CreateClient();
        var routes = app.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Select(e => e.RoutePattern.RawText!).Where(p => p.StartsWith(AuditClient.Path, StringComparison.Ordinal))
            .Distinct().ToList();

        routes.Count.ShouldBeGreaterThan(3);
        foreach (var route in routes)
        {
            var path = new Uri(Parameter().Replace(route, "1"), UriKind.Relative);
            using var forbidden = await powerless.GetAsync(path);
            using var unknown = await stranger.GetAsync(path);
            (forbidden.StatusCode, unknown.StatusCode).ShouldBe((Powerless, Nobody), route);
            forbidden.Headers.GetValues("RateLimit").Single().ShouldStartWith("\"audit-reads\";r=100000;");
        }

        // Each is recorded as on every other endpoint: the first of a kind within a second, the others together.
        await Eventually.IsTrueAsync(
            async () => (await AuditClient.RefusedAsync(app, merchant.Id.ToString()))
                .Where(r => (r.Status, r.Code) == (403, "forbidden")).Select(r => r.Endpoint).Order()
                .SequenceEqual(routes.Select(route => $"GET {route}").Order()),
            "every refusal to be on record");
        (await AuditClient.ReadsAsync(app, merchant.Id.ToString())).ShouldBeEmpty();
    }

    [Fact]
    public async Task a_read_that_fails_is_recorded_too()
    {
        await using var node = await app.ListenAsync(
            "--Reports:Databases:Auditor=Host=127.0.0.1;Port=1;Database=none;Username=none");
        var merchant = await app.MerchantAsync();
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);

        using var answer = await client.GetAsync(new Uri($"{AuditClient.Path}events?limit=3", UriKind.Relative));

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        var read = (await AuditClient.ReadsAsync(app, merchant.Id.ToString())).ShouldHaveSingleItem();
        (read.Status, read.Code, read.Query).ShouldBe((503, "unavailable", $"merchant={merchant.Id}&after=0&limit=3"));
    }

    private async Task<Reader[]> ReadersAsync(TestMerchant merchant, TestMerchant other)
    {
        HttpClient Key(string key) => AuditClient.WithKey(app, key).Http;
        async Task<HttpClient> UserAsync(string[] permissions, bool isSuperuser = false)
        {
            var (name, password) = await merchant.UserAsync(permissions, isSuperuser);
            return new HttpClient
            {
                BaseAddress = app.Address,
                DefaultRequestHeaders =
                {
                    Authorization = new AuthenticationHeaderValue(
                        "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))),
                },
            };
        }

        var (own, theirs) = (merchant.Id.ToString(), other.Id.ToString());
        var revoked = await app.KeyAsync(merchant.Id, isAuditor: true);
        await app.Services.SendAsync(null, new RevokeApiKey.Command(revoked.Split('_')[2]), default);
        return
        [
            new("the merchant", Key(merchant.Key), own, Ok, Ok),
            new("an auditor of the merchant", Key(await app.KeyAsync(merchant.Id, isAuditor: true)), own, Ok, Ok),
            new("an auditor of all", Key(await app.KeyAsync(null, isAuditor: true)), "platform", Ok, Ok),
            new("a user with the permission", await UserAsync([Permissions.ViewAudit]), own, Ok, Ok),
            new("a superuser", await UserAsync([], isSuperuser: true), own, Ok, Ok),
            new("a user without the permission", await UserAsync([Permissions.ViewReport]), own, Powerless, Powerless),
            new("another merchant", Key(other.Key), theirs, HttpStatusCode.Forbidden, NotThere),
            new("an auditor of another merchant", Key(await app.KeyAsync(other.Id, isAuditor: true)), theirs,
                HttpStatusCode.Forbidden, NotThere),
            new("a revoked key", Key(revoked), "platform", Nobody, Nobody),
            new("a stranger", new HttpClient { BaseAddress = app.Address }, "platform", Nobody, Nobody),
        ];
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
