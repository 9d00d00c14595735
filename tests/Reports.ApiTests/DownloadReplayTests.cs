using System.Net;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// What is recorded of an attempt leads to its answer: <see cref="TestMerchant.AttemptAsync(HttpResponseMessage)"/> makes
/// every decision again that any test looks up. Here are those that no other test does.
/// </summary>
public sealed class DownloadReplayTests(ReportsApp app)
{
    [Fact]
    public async Task a_request_that_no_download_takes_is_recorded_with_what_made_it_unfit()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        using var client = merchant.RealClient();

        using var large = new HttpRequestMessage(HttpMethod.Get, path) { Content = new ByteArrayContent(new byte[70_000]) };
        (await InputsAsync(large, 413)).Unfit.ShouldBe(UnfitRequest.Body);
        using var post = new HttpRequestMessage(HttpMethod.Post, path);
        (await InputsAsync(post, 405)).Unfit.ShouldBe(UnfitRequest.Method);

        async Task<DownloadInputs> InputsAsync(HttpRequestMessage request, int status)
        {
            using var response = await client.SendAsync(request);
            ((int)response.StatusCode).ShouldBe(status);
            return (await merchant.AttemptAsync(response)).Attempted.Inputs;
        }
    }

    [Fact]
    public async Task used_up_requests_and_failures_are_recorded_as_what_they_are()
    {
        await using var node = await app.ListenAsync(
            "--Reports:Quotas:RequestsPerDay=1", "--Reports:Quotas:FailedAuthentication:PerAddress=1");
        var merchant = await app.MerchantAsync();
        var path = new Uri($"{TestMerchant.List}{Guid.CreateVersion7()}/download/", UriKind.Relative);
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };

        (await InputsAsync(merchant.Key, HttpStatusCode.NotFound, merchant.Id)).AreRequestsLeft.ShouldBe(true);
        (await InputsAsync(merchant.Key, HttpStatusCode.TooManyRequests, merchant.Id)).AreRequestsLeft.ShouldBe(false);
        (await InputsAsync("x", HttpStatusCode.Unauthorized, null)).Refusal.ShouldBe(CredentialRefusal.Invalid);
        (await InputsAsync("x", HttpStatusCode.TooManyRequests, null)).Refusal.ShouldBe(CredentialRefusal.TooManyFailures);

        async Task<DownloadInputs> InputsAsync(string key, HttpStatusCode status, Guid? tenant)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Add("Api-Key", key);
            using var response = await client.SendAsync(request);
            response.StatusCode.ShouldBe(status);
            var attempt = Guid.Parse(response.Headers.GetValues("Download-Id").Single());
            return (await TestMerchant.AttemptAsync(app, Tenants.Name(tenant), attempt)).Attempted.Inputs;
        }
    }
}
