using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Who knocked in vain, on whatever endpoint (PCI DSS 10.2.1.4).</summary>
public sealed class AccessRefusalTests(ReportsApp app)
{
    private const string Requests = "/b/api/v1/reports/requests/";
    private const string Schedules = "/b/api/v1/reports/schedules/";

    // Each test comes from an address of its own: what other tests are refused is of another kind.
    private readonly IPAddress _from = new([127, .. RandomNumberGenerator.GetBytes(3)]);

    [Fact]
    public async Task a_credential_that_proves_nobody_is_recorded_on_every_endpoint_with_whom_it_claims()
    {
        var merchant = await app.MerchantAsync();
        var (name, _) = await merchant.UserAsync([]);
        var basic = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:not the password"))}";
        foreach (var (method, path, endpoint) in new[]
        {
            ("GET", TestMerchant.List, $"GET {TestMerchant.List}"),
            ("GET", Requests, $"GET {Requests}"),
            ("POST", Requests, $"POST {Requests}"),
            ("GET", Schedules, $"GET {Schedules}"),
            ("DELETE", $"{Schedules}{Guid.CreateVersion7()}/", $"DELETE {Schedules}{{id}}/"),
            ("GET", "/b/api/v1/audit/events", "GET /b/api/v1/audit/events"),
        })
        {
            var requestId = await SendAsync(method, path, ("Authorization", basic), HttpStatusCode.Unauthorized);

            var refused = await RecordedAsync(Tenants.Name(merchant.Id), requestId);
            (refused.Status, refused.Code, refused.By, refused.Count).ShouldBe((401, "unauthorized", Actor.Anonymous, 1));
            refused.Claimed.ShouldNotBeNull().Kind.ShouldBe(ActorKind.User);
            refused.Endpoint.ShouldBe(endpoint);
            JsonSerializer.Serialize(refused, ContractJson.Options).ShouldNotContain(name);
        }
    }

    [Fact]
    public async Task a_revoked_key_is_recorded_with_its_merchant_and_an_unknown_one_with_nobody()
    {
        var merchant = await app.MerchantAsync();
        await app.Services.SendAsync(merchant.Id, new RevokeApiKey.Command(ApiKey.Parse(merchant.Key)!.KeyId), default);
        var unknown = ApiKey.Create(live: true).Text;

        var requestId = await Eventually.GetAsync(
            async () => await TrySendAsync("GET", Requests, ("Api-Key", merchant.Key), HttpStatusCode.Unauthorized),
            "the key to be revoked");
        (await RecordedAsync(Tenants.Name(merchant.Id), requestId)).Claimed.ShouldNotBeNull().Kind.ShouldBe(ActorKind.ApiKey);

        requestId = await SendAsync("PUT", $"{Schedules}{Guid.CreateVersion7()}/", ("Api-Key", unknown), HttpStatusCode.Unauthorized);
        var refused = await RecordedAsync(Tenants.Platform, requestId);
        refused.Claimed.ShouldBeNull();
        refused.Endpoint.ShouldBe($"PUT {Schedules}{{id}}/");
        refused.Origin.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task a_caller_without_the_right_is_recorded_by_name()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([]);
        var basic = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))}";

        var requestId = await SendAsync("GET", TestMerchant.List, ("Authorization", basic), HttpStatusCode.Forbidden);

        var refused = await RecordedAsync(Tenants.Name(merchant.Id), requestId);
        (refused.Status, refused.Code, refused.Claimed).ShouldBe((403, "forbidden", null));
        refused.By.Kind.ShouldBe(ActorKind.User);
    }

    [Fact]
    public async Task a_grant_that_is_none_is_recorded_without_it()
    {
        const string Grant = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

        var requestId = await SendAsync("PUT", $"/b/api/v1/generation/{Grant}/file", ("X-None", "1"), HttpStatusCode.Forbidden);

        var refused = await RecordedAsync(Tenants.Platform, requestId);
        refused.Endpoint.ShouldBe("PUT /b/api/v1/generation/{grant}/file");
    }

    [Fact]
    public async Task too_many_failures_are_recorded_and_so_is_what_a_node_counted_when_it_stops()
    {
        string[] requestIds;
        await using (var node = await app.ListenAsync("--Reports:Quotas:FailedAuthentication:PerAddress=1"))
        {
            var address = new Uri(node.Urls.First());
            requestIds =
            [
                await SendAsync("GET", Requests, ("Api-Key", "x"), HttpStatusCode.Unauthorized, address),
                await SendAsync("GET", Requests, ("Api-Key", "x"), HttpStatusCode.TooManyRequests, address),
            ];
            await RecordedAsync(Tenants.Platform, requestIds[1]);

            // Of a kind that has been written within the minute.
            await SendAsync("GET", Requests, ("Api-Key", "x"), HttpStatusCode.TooManyRequests, address);
            await SendAsync("GET", Requests, ("Api-Key", "x"), HttpStatusCode.TooManyRequests, address);
            await node.StopAsync();
        }

        var refused = await RecordedAsync(Tenants.Platform, requestIds[1]);
        (refused.Status, refused.Code).ShouldBe((429, "rate_limited"));

        // No other test has too many failures there.
        (await AllAsync(Tenants.Platform)).Where(r => r.Status == 429 && r.Endpoint == refused.Endpoint)
            .Sum(r => r.Count).ShouldBe(3);
    }

    [Fact]
    public async Task downloads_have_records_of_their_own()
    {
        string[] requestIds =
        [
            await SendAsync("GET", $"{TestMerchant.List}{Guid.CreateVersion7()}/download/", ("Api-Key", "x"), HttpStatusCode.Unauthorized),
        ];
        await RecordedAsync(
            Tenants.Platform, await SendAsync("GET", $"{Schedules}{Guid.CreateVersion7()}/", ("Api-Key", "x"), HttpStatusCode.Unauthorized));

        (await AllAsync(Tenants.Platform)).Select(r => r.RequestId).Intersect(requestIds).ShouldBeEmpty();
    }

    private async Task<string> SendAsync(
        string method, string path, (string Name, string Value) header, HttpStatusCode status, Uri? address = null) =>
        await TrySendAsync(method, path, header, status, address) ?? throw new InvalidOperationException($"not {status}");

    private async Task<string?> TrySendAsync(
        string method, string path, (string Name, string Value) header, HttpStatusCode status, Uri? address = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync })
        {
            BaseAddress = address ?? app.Address,
        };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        using var response = await client.SendAsync(request);
        return response.StatusCode == status ? response.Headers.GetValues("X-Request-Id").Single() : null;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(_from, 0));
        await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private Task<AccessRefused> RecordedAsync(string tenant, string requestId) => Eventually.GetAsync(
        async () => (await AllAsync(tenant)).SingleOrDefault(r => r.RequestId == requestId), "the refusal to be on record");

    private async Task<List<AccessRefused>> AllAsync(string tenant)
    {
        await using var command = app.Database.CreateCommand(
            "select data::text from events.mt_events where tenant_id = $1 and type = 'access.refused.v1' order by seq_id");
        command.Parameters.AddWithValue(tenant);
        await using var row = await command.ExecuteReaderAsync();
        var found = new List<AccessRefused>();
        while (await row.ReadAsync())
        {
            found.Add(JsonSerializer.Deserialize<AccessRefused>(row.GetString(0), ContractJson.Options)!);
        }

        return found;
    }
}
