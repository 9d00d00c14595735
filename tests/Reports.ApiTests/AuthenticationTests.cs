using System.Net;
using System.Text;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

public sealed class AuthenticationTests(ReportsApp app)
{
    private const string ViewReport = "report.can_view_report";

    [Theory]
    [InlineData("Api-Key", "{0}")]
    [InlineData("Authorization", "Api-Key {0}")]
    [InlineData("Authorization", "api-key {0}")]
    [InlineData("Authorization", "API-KEY   {0}")]
    public async Task a_key_is_taken_from_either_header(string header, string value)
    {
        var merchant = await app.MerchantAsync();

        using var response = await ListAsync((header, string.Format(null, value, merchant.Key)));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task the_same_key_twice_is_one_credential()
    {
        var merchant = await app.MerchantAsync();

        using var response = await ListAsync(("Api-Key", merchant.Key), ("Authorization", $"Api-Key {merchant.Key}"));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task more_than_one_credential_is_none()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var (name, password) = await merchant.UserAsync([ViewReport]);

        using var twoKeys = await ListAsync(("Api-Key", merchant.Key), ("Authorization", $"Api-Key {other.Key}"));
        using var keyAndUser = await ListAsync(("Api-Key", merchant.Key), ("Authorization", Basic(name, password)));

        twoKeys.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        keyAndUser.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task every_bad_credential_gets_one_and_the_same_answer()
    {
        var merchant = await app.MerchantAsync();
        var (name, _) = await merchant.UserAsync([ViewReport]);
        var (disabled, itsPassword) = await merchant.UserAsync([ViewReport]);
        await app.Services.SendAsync(null, new DisableUser.Command(disabled), default);
        var (closed, revoked) = (await app.MerchantAsync(), await app.KeyAsync(merchant.Id));
        var (closedUser, closedPassword) = await closed.UserAsync([ViewReport]);
        await app.Services.SendAsync(closed.Id, new DisableMerchant.Command(), default);
        await app.Services.SendAsync(null, new RevokeApiKey.Command(revoked.Split('_')[2]), default);
        var expiry = DateTimeOffset.UtcNow.AddSeconds(10);
        var expired = (await app.Services.SendAsync(
            merchant.Id, new IssueApiKey.Command(ExpiresAt: expiry), default)).Key;
        await Eventually.IsPastAsync(expiry);
        var flipped = merchant.Key[..^8] + (merchant.Key[^8] == 'a' ? 'b' : 'a') + merchant.Key[^7..];
        string?[] bad =
        [
            null, "", "Api-Key ", $"Api-Key {flipped}", $"Api-Key {merchant.Key}x", $"Api-Key {ApiKey.Create(live: true).Text}",
            $"Api-Key {revoked}", $"Api-Key {expired}", $"Api-Key {closed.Key}", "Bearer x", "Basic",
            "Basic !!!", $"Basic {Convert.ToBase64String([0xff, 0xfe])}", Basic(name, "wrong password 1"),
            Basic("nobody", "wrong password 1"), Basic(disabled, itsPassword), Basic(closedUser, closedPassword),
            $"Basic {Convert.ToBase64String("no colon"u8)}",
            Basic("", "no name at all"), Basic(name, "control\u0001character"),
            "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('x', 65536))),
        ];

        var (bodies, headers) = (new HashSet<string>(), new HashSet<string>());
        foreach (var authorization in bad)
        {
            using var response = await ListAsync(authorization is null ? [] : [("Authorization", authorization)]);
            response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized, authorization);
            response.Headers.GetValues("WWW-Authenticate")
                .ShouldBe(["""Basic realm="reports", charset="UTF-8" """.Trim(), """Api-Key realm="reports" """.Trim()]);
            await Problems.UnauthorizedAsync(response);
            var requestId = response.Headers.GetValues("X-Request-Id").Single();
            bodies.Add((await response.Content.ReadAsStringAsync()).Replace(requestId, "", StringComparison.Ordinal));
            headers.Add(string.Join('\n', response.Headers.Concat(response.Content.Headers)
                .Where(h => h.Key is not ("Date" or "Audit-Checkpoint") && !h.Key.Contains("RateLimit"))
                .Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").Order())
                .Replace(requestId, "", StringComparison.Ordinal));
        }

        bodies.ShouldHaveSingleItem();
        headers.ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData("YOUR_API_KEY")]
    [InlineData("<key>")]
    [InlineData("my-secret-key")]
    [InlineData("test")]
    [InlineData("changeme")]
    [InlineData("rk_test_0123456789")]
    [InlineData("rk_live_xxxxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_xxxxxx")]
    [InlineData("rk_test_0000000000_0000000000000000000000000000000000000000000_000000")]
    [InlineData("3fa85f64-5717-4562-b3fc-2c963f66afa6")]
    public async Task a_sample_key_is_never_valid(string sample)
    {
        using var response = await ListAsync(("Api-Key", sample));

        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task two_authorization_lines_are_more_than_one_credential_unless_they_hold_the_same_key()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([ViewReport]);
        var (key, basic) = ($"Api-Key {merchant.Key}", Basic(name, password));

        using var same = await ListAsync(("Authorization", key), ("Authorization", key));
        using var mixed = await ListAsync(("Authorization", key), ("Authorization", basic));
        using var user = await ListAsync(("Authorization", basic), ("Authorization", basic));

        same.StatusCode.ShouldBe(HttpStatusCode.OK);
        mixed.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        user.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task a_name_and_a_password_may_be_sent_decomposed()
    {
        var merchant = await app.MerchantAsync();
        var name = $"j\u00fcrgen-{Guid.CreateVersion7():n}";
        await app.Services.SendAsync(
            merchant.Id, new RegisterUser.Command(name, "p\u00e4ssw\u00f6rd: with colon", [ViewReport]), default);

        using var response = await ListAsync(
            ("Authorization", Basic(name.Normalize(NormalizationForm.FormD), "pa\u0308sswo\u0308rd: with colon")));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("report.can_view_report")]
    [InlineData("report.view_report")]
    public async Task a_user_with_the_permission_in_either_spelling_may_list(string permission)
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([permission]);

        using var response = await ListAsync(("Authorization", Basic(name, password)));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task a_superuser_needs_no_permission()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([], isSuperuser: true);

        using var response = await ListAsync(("Authorization", Basic(name, password)));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task a_user_without_the_permission_is_told_so()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync(["report.can_view_audit"]);

        using var response = await ListAsync(("Authorization", Basic(name, password)));

        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Problems.ForbiddenAsync(response)).GetProperty("detail").GetString().ShouldBe("No permission assigned");
    }

    [Fact]
    public async Task an_auditor_sees_no_reports()
    {
        var merchant = await app.MerchantAsync();
        foreach (var tenant in new Guid?[] { null, merchant.Id })
        {
            using var response = await ListAsync(("Api-Key", await app.KeyAsync(tenant, isAuditor: true)));
            response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        }
    }

    [Fact]
    public async Task secrets_are_stored_as_hashes_and_stand_in_no_event()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([ViewReport]);

        await using var command = app.Database.CreateCommand(
            """
            select (select count(*) from reports.access_secrets where verifier like '%' || $1 || '%' or verifier like '%' || $2 || '%')
                 + (select count(*) from events.mt_events
                    where data::text || coalesce(headers::text, '') like any (array['%' || $1 || '%', '%' || $2 || '%', '%' || $3 || '%']))
            """);
        command.Parameters.AddWithValue(merchant.Key.Split('_')[3]);
        command.Parameters.AddWithValue(password);
        command.Parameters.AddWithValue(name);
        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    [Fact]
    public async Task a_taken_user_name_is_refused_and_nothing_of_it_is_logged()
    {
        var merchant = await app.MerchantAsync();
        var (name, _) = await merchant.UserAsync([]);

        var refused = await Should.ThrowAsync<ProblemException>(() => app.Services.SendAsync(
            merchant.Id, new RegisterUser.Command(name, "a long enough password", []), default));

        refused.Problem.Errors["user_name"].ShouldBe(["is taken"]);
        app.Log.Lines.ShouldNotContain(line => line.Contains("argon2id") || line.Contains(name));
    }

    [Fact]
    public async Task nobody_gets_a_credential_of_a_merchant_that_does_not_exist()
    {
        var nobody = Guid.CreateVersion7();

        (await Should.ThrowAsync<ProblemException>(() => app.KeyAsync(nobody))).Problem.Status.ShouldBe(404);
        (await Should.ThrowAsync<ProblemException>(() => app.Services.SendAsync(
            nobody, new RegisterUser.Command("somebody", "a long enough password", []), default))).Problem.Status.ShouldBe(404);
    }

    private async Task<HttpResponseMessage> ListAsync(params (string Name, string Value)[] headers)
    {
        using var client = app.Host.Server.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, TestMerchant.List);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await client.SendAsync(request);
    }

    private static string Basic(string name, string password) =>
        $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))}";
}
