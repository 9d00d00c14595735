using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class DownloadTests(ReportsApp app)
{
    [Fact]
    public async Task the_bytes_come_with_the_headers_of_the_contract()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("taqrīr \"1\".csv", RandomNumberGenerator.GetBytes(700_000));
        using var client = merchant.Client();

        using var response = await client.GetAsync(await PathAsync(merchant, "taqrīr \"1\".csv"));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await response.Content.ReadAsByteArrayAsync()).ShouldBe(given.Content);
        var headers = response.Headers;
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/csv; charset=utf-8");
        response.Content.Headers.ContentLength.ShouldBe(given.Content.Length);
        response.Content.Headers.GetValues("Content-Disposition").Single()
            .ShouldBe("attachment; filename=\"taqr_r _1_.csv\"; filename*=UTF-8''taqr%C4%ABr%20%221%22.csv");
        response.Content.Headers.LastModified.ShouldNotBeNull();
        headers.ETag!.Tag.ShouldBe($"\"{given.Sha256}\"");
        headers.GetValues("Repr-Digest").Single().ShouldBe($"sha-256=:{Convert.ToBase64String(SHA256.HashData(given.Content))}:");
        headers.CacheControl!.ToString().ShouldBe("no-store, private");
        string.Join(", ", headers.GetValues("Vary")).ShouldBe("Authorization, Api-Key");
        headers.GetValues("X-Content-Type-Options").Single().ShouldBe("nosniff");
        headers.GetValues("Referrer-Policy").Single().ShouldBe("no-referrer");
        headers.Contains("Server").ShouldBeFalse();

        var (attempted, _) = await merchant.AttemptAsync(response);
        attempted.ReportId.ShouldBe(given.Id);
        attempted.Method.ShouldBe("GET");
        attempted.Locator.ShouldBe(LocatorKind.Token);
        attempted.RequestId.ShouldBe(headers.GetValues("X-Request-Id").Single());
        attempted.By.Kind.ShouldBe(ActorKind.ApiKey);
        attempted.Inputs.TokenPrincipal.ShouldBe(attempted.Inputs.CallerPrincipal);
        var end = (await merchant.EndOfAsync(attempted.AttemptId)).ShouldBeOfType<ReportDownloaded>();
        end.Outcome.ShouldBe(DownloadOutcome.Complete);
        end.Status.ShouldBe(200);
        end.BytesSent.ShouldBe(given.Content.Length);
        end.ReportId.ShouldBe(given.Id);
    }

    [Fact]
    public async Task the_encrypted_id_is_taken_in_place_of_the_token()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync();
        var id = (await merchant.ListAsync()).GetProperty("results")[0].GetProperty("encrypted_id").GetString();
        using var client = merchant.Client();

        using var response = await client.GetAsync(new Uri($"/api/v1/reports/files/{id}/download", UriKind.Relative));

        (await response.Content.ReadAsByteArrayAsync()).ShouldBe(given.Content);
        (await merchant.AttemptAsync(response)).Attempted.Locator.ShouldBe(LocatorKind.EncryptedId);
    }

    [Fact]
    public async Task head_gives_the_headers_and_is_recorded_as_such()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");
        using var client = merchant.Client();
        using var request = new HttpRequestMessage(HttpMethod.Head, await PathAsync(merchant, "r.csv"));

        using var response = await client.SendAsync(request);

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentLength.ShouldBe(given.Content.Length);
        response.Headers.ETag!.Tag.ShouldBe($"\"{given.Sha256}\"");
        var (attempted, _) = await merchant.AttemptAsync(response);
        var end = (await merchant.EndOfAsync(attempted.AttemptId)).ShouldBeOfType<ReportDownloaded>();
        end.Outcome.ShouldBe(DownloadOutcome.Head);
        end.BytesSent.ShouldBe(0);
    }

    [Fact]
    public async Task another_merchants_report_cannot_be_told_from_one_that_never_was()
    {
        var (owner, stranger) = (await app.MerchantAsync(), await app.MerchantAsync());
        await owner.FinishedAsync("secret.csv");
        var listed = (await owner.ListAsync()).GetProperty("results")[0];
        var path = TestMerchant.PathOf(listed);
        var byId = $"{TestMerchant.List}{listed.GetProperty("encrypted_id").GetString()}/download/";
        using var client = stranger.Client();

        var answers = new HashSet<string>();
        foreach (var url in new[] { path, $"{TestMerchant.List}{Guid.CreateVersion7()}/download/", byId })
        {
            using var response = await client.GetAsync(new Uri(url, UriKind.Relative));
            response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
            var problem = await Problems.NotFoundAsync(response);
            answers.Add(problem.GetRawText().Replace(problem.GetProperty("request_id").GetString()!, "", StringComparison.Ordinal));

            var (attempted, end) = await stranger.AttemptAsync(response);
            attempted.ReportId.ShouldBeNull();
            Refused(end, 404, "not_found");
        }

        answers.Count.ShouldBe(1);
    }

    [Fact]
    public async Task a_token_is_worth_nothing_to_another_principal_of_the_merchant()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await PathAsync(merchant, "r.csv");
        var (name, password) = await merchant.UserAsync(["report.can_view_report"]);
        using var client = merchant.UserClient(name, password);

        using var response = await client.GetAsync(path);

        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await Problems.ForbiddenAsync(response);
        Refused((await merchant.AttemptAsync(response)).End, 403, "forbidden");
    }

    [Fact]
    public async Task without_a_valid_credential_a_token_opens_nothing_and_the_try_is_recorded()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await PathAsync(merchant, "r.csv");
        using var client = app.Host.Server.CreateClient();
        client.DefaultRequestHeaders.Add("Api-Key", "wrong");

        using var response = await client.GetAsync(path);

        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        await Problems.UnauthorizedAsync(response);
        var id = Guid.Parse(response.Headers.GetValues("Download-Id").Single());
        var (attempted, end) = await TestMerchant.AttemptAsync(app, Tenants.Platform, id);
        attempted.By.ShouldBe(Actor.Anonymous);
        Refused(end, 401, "unauthorized");
    }

    [Fact]
    public async Task a_user_without_the_permission_is_refused_and_recorded()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var (name, password) = await merchant.UserAsync([]);
        using var client = merchant.UserClient(name, password);

        using var response = await client.GetAsync(await PathAsync(merchant, "r.csv"));

        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Problems.ForbiddenAsync(response)).GetProperty("detail").GetString().ShouldBe("No permission assigned");
        Refused((await merchant.AttemptAsync(response)).End, 403, "forbidden");
    }

    [Fact]
    public async Task an_expired_token_is_gone()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync();
        var principal = await PrincipalNumberAsync(merchant);
        var tokens = app.Services.GetRequiredService<DownloadTokens>();
        var minute = DownloadTokens.Expiry(DateTimeOffset.UtcNow, TimeSpan.Zero).AddMinutes(-1);
        var expired = tokens.Seal([given.Number], principal, minute)[0];
        using var client = merchant.Client();

        using var response = await client.GetAsync(new Uri($"{TestMerchant.List}{expired}/download/", UriKind.Relative));

        response.StatusCode.ShouldBe(HttpStatusCode.Gone);
        await Problems.ReadAsync(response, "token_expired", "Download token expired", "gone_error");
        var (attempted, end) = await merchant.AttemptAsync(response);
        attempted.Inputs.TokenExpiresAt.ShouldBe(minute);
        Refused(end, 410, "token_expired");
    }

    [Fact]
    public async Task a_report_past_its_retention_is_gone()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("old.csv", expiresAt: DateTimeOffset.UtcNow.AddSeconds(-1));
        using var client = merchant.Client();

        using var response = await client.GetAsync(await PathAsync(merchant, "old.csv"));

        response.StatusCode.ShouldBe(HttpStatusCode.Gone);
        await Problems.ReadAsync(response, "report_expired", "Report expired", "gone_error");
        Refused((await merchant.AttemptAsync(response)).End, 410, "report_expired");
    }

    [Theory]
    [InlineData("x")]
    [InlineData("%7B6f9619ff-8b86-4011-b42d-00c04fc964ff%7D")]
    [InlineData("6f9619ff8b864011b42d00c04fc964ff")]
    [InlineData("..%2f..%2fetc%2fpasswd")]
    public async Task a_malformed_token_is_a_400_and_recorded(string token)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.RealClient();

        using var response = await client.GetAsync(new Uri(
            client.BaseAddress!, new Uri($"{TestMerchant.List}{token}/download/", UriKind.Relative)));

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        await Problems.ReadAsync(response, "invalid_parameters", "Bad filters", "validation_error");
        Refused((await merchant.AttemptAsync(response)).End, 400, "invalid_parameters");
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("short")]
    [InlineData("altered")]
    public async Task a_file_that_is_not_as_recorded_is_not_delivered_and_reported(string damage)
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv");
        Damage(given, damage, offset: 0);
        using var client = merchant.Client();

        using var response = await client.GetAsync(await PathAsync(merchant, "r.csv"));

        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter.ShouldNotBeNull();
        await Problems.UnavailableAsync(response);
        var (attempted, end) = await merchant.AttemptAsync(response);
        Refused(end, 503, "unavailable");
        var finding = await FindingAsync(attempted.AttemptId);
        finding.GetProperty("finding").GetString().ShouldBe(damage);
        finding.GetProperty("report_id").GetGuid().ShouldBe(given.Id);
    }

    [Fact]
    public async Task a_file_altered_further_on_is_cut_off_before_the_altered_block()
    {
        var merchant = await app.MerchantAsync();
        var given = await merchant.FinishedAsync("r.csv", RandomNumberGenerator.GetBytes(1_000_000));
        Damage(given, "altered", offset: 600_000);
        using var client = merchant.RealClient();

        using var response = await client.GetAsync(
            await PathAsync(merchant, "r.csv"), HttpCompletionOption.ResponseHeadersRead);
        var received = new MemoryStream();
        await Should.ThrowAsync<HttpRequestException>(async () => await response.Content.CopyToAsync(received));

        received.ToArray().ShouldBe(given.Content[..(int)received.Length]);
        var (attempted, _) = await merchant.AttemptAsync(response);
        var end = (await merchant.EndOfAsync(attempted.AttemptId)).ShouldBeOfType<ReportDownloadFailed>();
        end.Outcome.ShouldBe(DownloadFailure.Corrupt);
        end.BytesSent.ShouldBe(2 * 256 * 1024);
        (await FindingAsync(attempted.AttemptId)).GetProperty("offset").GetInt64().ShouldBe(2 * 256 * 1024);
    }

    [Fact]
    public async Task neither_logs_nor_events_hold_a_token_or_a_secret()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await PathAsync(merchant, "r.csv");
        using var client = merchant.RealClient();
        (await client.GetByteArrayAsync(path)).ShouldNotBeEmpty();
        var token = path.ToString().Split('/')[^3];

        app.Log.Lines.ShouldNotContain(line => line.Contains(token) || line.Contains(merchant.Key));
        await using var command = app.Database.CreateCommand(
            "select count(*) from events.mt_events where data::text like '%' || $1 || '%' or headers::text like '%' || $1 || '%'");
        command.Parameters.AddWithValue(token);
        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    [Fact]
    public async Task an_event_names_its_origin_only_by_a_salted_hash()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = merchant.RealClient();
        client.DefaultRequestHeaders.UserAgent.ParseAdd("audit-test/1.0");

        using var response = await client.GetAsync(await PathAsync(merchant, "r.csv"));

        var (attempted, _) = await merchant.AttemptAsync(response);
        JsonSerializer.Serialize(attempted, ContractJson.Options).ShouldNotContain("127.0.0.1");
        await using var command = app.Database.CreateCommand(
            "select salt, address, user_agent from reports.origins where origin = $1");
        command.Parameters.AddWithValue(attempted.Origin!);
        await using var row = await command.ExecuteReaderAsync();
        (await row.ReadAsync()).ShouldBeTrue();
        row.GetString(2).ShouldBe("audit-test/1.0");
        byte[] hashed = [.. row.GetFieldValue<byte[]>(0), .. Encoding.UTF8.GetBytes($"{row.GetString(1)}\naudit-test/1.0")];
        attempted.Origin.ShouldBe(Convert.ToHexStringLower(SHA256.HashData(hashed)));
    }

    [Fact]
    public async Task a_user_agent_cut_within_a_character_is_recorded_all_the_same()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        using var client = merchant.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, await PathAsync(merchant, "r.csv"));
        request.Headers.TryAddWithoutValidation("User-Agent", new string('a', 255) + "😀");

        using var response = await client.SendAsync(request);

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await merchant.AttemptAsync(response)).Attempted.Origin.ShouldNotBeNull();
    }

    [Fact]
    public async Task attempts_at_once_from_one_place_all_name_an_origin_that_is_there()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await PathAsync(merchant, "r.csv");
        using var client = merchant.Client();
        client.DefaultRequestHeaders.UserAgent.ParseAdd($"at-once/{Guid.CreateVersion7():n}");

        var responses = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => client.GetAsync(path)));

        foreach (var response in responses)
        {
            var (attempted, _) = await merchant.AttemptAsync(response);
            await using var command = app.Database.CreateCommand("select count(*) from reports.origins where origin = $1");
            command.Parameters.AddWithValue(attempted.Origin!);
            (await command.ExecuteScalarAsync()).ShouldBe(1L);
            response.Dispose();
        }
    }

    [Fact]
    public async Task a_node_without_a_lease_begins_no_download()
    {
        var merchant = await app.MerchantAsync();
        var ledger = new DownloadLedger(
            app.Services.GetRequiredService<IDocumentStore>(),
            app.Services.GetRequiredService<AttemptJournal>(),
            new Origins(),
            new OutageWatch(app.Services.GetRequiredService<DeliveryOptions>(), TimeProvider.System),
            TimeProvider.System,
            NullLogger<DownloadLedger>.Instance);
        var now = DateTimeOffset.UtcNow;
        var attempt = new DownloadAttempt(
            new DownloadAttempted(
                Guid.CreateVersion7(), ledger.NodeId, "GET", LocatorKind.Token, "", null, new(1, null, null, null, now), "", "",
                Actor.Anonymous, now),
            merchant.Id,
            new Origin(Guid.CreateVersion7().ToString()),
            Stopwatch.GetTimestamp());

        (await ledger.BeginAsync(attempt)).ShouldBeFalse();
        ledger.Unwritten.ShouldBe(1);

        ledger.LeaseEnds = long.MaxValue;
        await ledger.WriteWaitingAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        Refused((await merchant.AttemptAsync(attempt.Id)).End, 503, "unavailable");
    }

    private static async Task<Uri> PathAsync(TestMerchant merchant, string name) =>
        new(await merchant.DownloadPathAsync(name), UriKind.Relative);

    private static void Refused(object? end, int status, string code)
    {
        var failed = end.ShouldBeOfType<ReportDownloadFailed>();
        failed.Outcome.ShouldBe(DownloadFailure.Refused);
        failed.Status.ShouldBe(status);
        failed.Code.ShouldBe(code);
        failed.BytesSent.ShouldBe(0);
    }

    private void Damage(GivenReport given, string damage, int offset)
    {
        var path = Path.Combine(app.FilesRoot, given.StorageKey);
        var content = given.Content.ToArray();
        switch (damage)
        {
            case "missing":
                File.Delete(path);
                break;
            case "short":
                File.WriteAllBytes(path, content[..^1]);
                break;
            default:
                content[offset] ^= 1;
                File.WriteAllBytes(path, content);
                break;
        }
    }

    private async Task<JsonElement> FindingAsync(Guid attempt)
    {
        await using var command = app.Database.CreateCommand(
            "select data::text from events.mt_events where type = 'integrity.failed.v1' and (data ->> 'attempt_id')::uuid = $1");
        command.Parameters.AddWithValue(attempt);
        return JsonDocument.Parse((string)(await command.ExecuteScalarAsync())!).RootElement;
    }

    private async Task<int> PrincipalNumberAsync(TestMerchant merchant)
    {
        await using var command = app.Database.CreateCommand(
            "select principal_number from reports.access_credentials where merchant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant.Id });
        return (int)(await command.ExecuteScalarAsync())!;
    }
}
