using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Reports.Access;
using Reports.Contracts;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What becomes of those who guess, and of those who do not. Each test has a node of its own.</summary>
public sealed class FailureBudgetTests(ReportsApp app)
{
    [Fact]
    public async Task an_address_that_failed_too_often_is_told_when_to_come_back_and_a_right_key_still_passes()
    {
        await using var node = await NodeAsync(perAddress: 3);
        var merchant = await app.MerchantAsync();
        var unknown = ApiKey.Create(live: true).Text;
        for (var i = 0; i < 3; i++)
        {
            using var failed = await GetAsync(node, $"Api-Key {unknown}");
            failed.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }

        foreach (var bad in new[] { $"Api-Key {unknown}", "Bearer x", "Api-Key my-secret-key", Basic("nobody", "wrong password") })
        {
            using var refused = await GetAsync(node, bad);
            refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests, bad);
            refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 300);
            refused.Headers.CacheControl!.NoStore.ShouldBeTrue();
            refused.Headers.WwwAuthenticate.ShouldBeEmpty();
            var problem = await Problems.ReadAsync(refused, "rate_limited", "Too many requests", "rate_limit_error");
            problem.GetProperty("detail").GetString()!.ShouldContain("operator");
        }

        using var right = await GetAsync(node, $"Api-Key {merchant.Key}");
        right.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var none = await GetAsync(node, null);
        none.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task a_request_without_a_credential_costs_nothing()
    {
        await using var node = await NodeAsync(perAddress: 1);
        for (var i = 0; i < 5; i++)
        {
            using var none = await GetAsync(node, null);
            none.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }

        using var first = await GetAsync(node, "Bearer x");
        first.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var second = await GetAsync(node, "Bearer x");
        second.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task a_right_login_is_paid_back()
    {
        await using var node = await NodeAsync(perAddress: 1);
        var merchant = await app.MerchantAsync();
        for (var i = 0; i < 3; i++)
        {
            var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
            using var right = await GetAsync(node, Basic(name, password));
            right.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task who_has_not_signed_in_lately_is_held_up_by_guesses_at_the_name_and_who_has_is_not()
    {
        await using var node = await NodeAsync(perIdentity: 2);
        var merchant = await app.MerchantAsync();
        var (known, knownPassword) = await merchant.UserAsync([Permissions.ViewReport]);
        var (late, latePassword) = await merchant.UserAsync([Permissions.ViewReport]);
        using var before = await GetAsync(node, Basic(known, knownPassword));
        before.StatusCode.ShouldBe(HttpStatusCode.OK);
        foreach (var name in new[] { known, late })
        {
            for (var i = 0; i < 2; i++)
            {
                using var guess = await GetAsync(node, Basic(name, $"wrong password {i}"));
                guess.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            }

            using var refused = await GetAsync(node, Basic(name, "wrong password 3"));
            refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        }

        using var after = await GetAsync(node, Basic(known, knownPassword));
        after.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var tooLate = await GetAsync(node, Basic(late, latePassword));
        tooLate.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task the_same_wrong_password_again_is_paid_for_again()
    {
        await using var node = await NodeAsync(perPair: 2);
        HttpStatusCode[] expected =
            [HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests];
        foreach (var status in expected)
        {
            using var guess = await GetAsync(node, Basic("somebody", "the same wrong password"));
            guess.StatusCode.ShouldBe(status);
        }
    }

    [Fact]
    public async Task a_program_that_opens_many_connections_at_once_signs_in_once()
    {
        await using var node = await NodeAsync(perPair: 2);
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);

        var statuses = await Task.WhenAll(Enumerable.Range(0, 40).Select(async _ =>
        {
            using var response = await GetAsync(node, Basic(name, password));
            return response.StatusCode;
        }));

        statuses.ShouldAllBe(status => status == HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("PerAddress", "0")]
    [InlineData("PerIdentity", "-1")]
    [InlineData("PerAddressAndIdentity", "many")]
    [InlineData("Window", "00:00:00")]
    public void an_unusable_quota_is_named(string setting, string value) =>
        Should.Throw<SettingException>(() => app.Builder($"--Reports:Quotas:FailedAuthentication:{setting}={value}"))
            .Message.ShouldContain($"Reports:Quotas:FailedAuthentication:{setting}");

    private Task<WebApplication> NodeAsync(int perAddress = 1000, int perIdentity = 1000, int perPair = 1000)
    {
        string Setting(string name, int value) =>
            string.Create(CultureInfo.InvariantCulture, $"--Reports:Quotas:FailedAuthentication:{name}={value}");
        return app.ListenAsync(
            Setting("PerAddress", perAddress), Setting("PerIdentity", perIdentity), Setting("PerAddressAndIdentity", perPair));
    }

    private static async Task<HttpResponseMessage> GetAsync(WebApplication node, string? authorization)
    {
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        using var request = new HttpRequestMessage(HttpMethod.Get, TestMerchant.List);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return await client.SendAsync(request);
    }

    private static string Basic(string name, string password) =>
        $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))}";
}
