using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Reports.Lifecycle.Requests;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Requests;

/// <summary>
/// Many requests at once and the same one again. The node lays its orders into a table that nobody takes them from, so
/// that what is requested stays on its way.
/// </summary>
public sealed class RequestConcurrencyTests(ReportsApp app) : IAsyncLifetime
{
    private const int AtOnce = 20;
    private WebApplication _node = null!;

    public async ValueTask InitializeAsync() => _node = await app.ListenAsync(
        "--Reports:Generators:Road=PostgresTable", "--Reports:Requests:MostRunning=5");

    public async ValueTask DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task the_same_report_is_on_its_way_once()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);

        var answers = await AtOnceAsync(_ => client.PostAsync("""{"first_day":"2026-03-01"}"""));

        var accepted = answers.Single(a => a.Status == HttpStatusCode.Accepted);
        foreach (var refused in answers.Where(a => a != accepted))
        {
            refused.Status.ShouldBe(HttpStatusCode.Conflict);
            refused.Location.ShouldBe(accepted.Location);
            refused.Json.GetProperty("code").GetString().ShouldBe("conflict");
            refused.Json.GetProperty("detail").GetString()!.ShouldContain(accepted.Id);
        }

        (await client.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);

        // Another file over the same period is another report; and it can be asked for again when it is no longer wanted.
        await client.AcceptedAsync("""{"first_day":"2026-03-01","format":"xlsx"}""");
        await client.AcceptedAsync("""{"first_day":"2026-03-01","file_name_prefix":"other"}""");
        using var cancelled = await client.DeleteAsync(accepted.Id);
        cancelled.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await client.AcceptedAsync("""{"first_day":"2026-03-01"}""");
    }

    [Fact]
    public async Task no_more_than_the_limit_are_on_their_way()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var client = Client(merchant);
        using var stranger = Client(other);
        var auto = RequestClient.Requested(merchant);
        await merchant.AppendAsync(auto.ReportId, auto);

        var answers = await AtOnceAsync(i => client.PostAsync(RequestClient.Daily(i)));

        answers.Count(a => a.Status == HttpStatusCode.Accepted).ShouldBe(5);
        foreach (var refused in answers.Where(a => a.Status != HttpStatusCode.Accepted))
        {
            refused.Status.ShouldBe(HttpStatusCode.TooManyRequests);
            refused.RetryAfter.ShouldNotBeNull();
            refused.Json.GetProperty("code").GetString().ShouldBe("rate_limited");
            refused.Json.GetProperty("detail").GetString()!.ShouldContain("At most 5 ");
        }

        (await client.ListAsync("?source=manual")).GetProperty("count").GetInt64().ShouldBe(5);
        await stranger.AcceptedAsync(RequestClient.Daily(1));
        using var cancelled = await client.DeleteAsync(answers.First(a => a.Status == HttpStatusCode.Accepted).Id);
        await client.AcceptedAsync(RequestClient.Daily(100));
    }

    [Fact]
    public async Task one_key_at_once_requests_one_report()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);

        var answers = await AtOnceAsync(_ => client.PostAsync(RequestClient.Daily(1), "\"one-key\""));

        var accepted = answers.Where(a => a.Status == HttpStatusCode.Accepted).ToArray();
        accepted.Select(a => (a.Body, a.Location)).Distinct().Count().ShouldBe(1);
        accepted.Count(a => !a.IsReplay).ShouldBe(1);
        foreach (var refused in answers.Except(accepted))
        {
            refused.Status.ShouldBe(HttpStatusCode.Conflict);
            refused.RetryAfter.ShouldBe("1");
        }

        (await client.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);
    }

    [Fact]
    public async Task a_key_whose_request_is_being_answered_is_told_to_wait()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);
        (await ReadAsync(client.PostAsync(RequestClient.Daily(1), "before"))).Status.ShouldBe(HttpStatusCode.Accepted);
        var key = new IdempotencyKey(
            merchant.Id, await PrincipalAsync(merchant), IdempotencyKey.Hash("held"), []);

        // As another node would that is about to commit.
        await using (var connection = await app.Database.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("select pg_advisory_xact_lock($1)", connection, transaction);
            command.Parameters.AddWithValue(key.Lock);
            await command.ExecuteNonQueryAsync();

            var answer = await ReadAsync(client.PostAsync(RequestClient.Daily(2), "held"));

            (answer.Status, answer.RetryAfter).ShouldBe((HttpStatusCode.Conflict, "1"));
            answer.Json.GetProperty("detail").GetString()!.ShouldContain("Idempotency-Key");
        }

        (await ReadAsync(client.PostAsync(RequestClient.Daily(2), "held"))).Status.ShouldBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task the_same_key_is_given_the_same_answer_and_another_body_is_refused()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);
        using var user = new RequestClient(WithAddress(await UserAsync(merchant)));
        var key = Guid.CreateVersion7().ToString();

        var first = await ReadAsync(client.PostAsync("""{"interval":"daily","first_day":"2026-03-01"}""", key));
        var again = await ReadAsync(client.PostAsync("""{ "first_day": "2026-03-01", "interval": "daily" }""", $"\"{key}\""));
        var different = await ReadAsync(client.PostAsync("""{"interval":"daily","first_day":"2026-03-02"}""", key));
        var invalid = await ReadAsync(client.PostAsync("{}", key));
        var someoneElse = await ReadAsync(user.PostAsync(RequestClient.Daily(7), key));

        (first.Status, first.IsReplay).ShouldBe((HttpStatusCode.Accepted, false));
        (again.Status, again.IsReplay).ShouldBe((HttpStatusCode.Accepted, true));
        (again.Body, again.Location, again.RetryAfter).ShouldBe((first.Body, first.Location, first.RetryAfter));
        different.Status.ShouldBe(HttpStatusCode.UnprocessableEntity);
        different.Json.GetProperty("code").GetString().ShouldBe("unprocessable");
        invalid.Status.ShouldBe(HttpStatusCode.BadRequest);
        (someoneElse.Status, someoneElse.IsReplay).ShouldBe((HttpStatusCode.Accepted, false));
    }

    [Fact]
    public async Task a_refusal_is_not_kept_and_an_ended_report_is_answered_again()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);

        var running = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "first"));
        var refused = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "second"));
        using var cancelled = await client.DeleteAsync(running.Id);
        var replayed = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "first"));
        var retried = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "second"));

        refused.Status.ShouldBe(HttpStatusCode.Conflict);
        (replayed.Status, replayed.IsReplay, replayed.Body).ShouldBe((HttpStatusCode.Accepted, true, running.Body));
        (retried.Status, retried.IsReplay).ShouldBe((HttpStatusCode.Accepted, false));
        retried.Id.ShouldNotBe(running.Id);
    }

    [Fact]
    public async Task a_key_counts_for_a_day_and_is_removed_then()
    {
        var merchant = await app.MerchantAsync();
        using var client = Client(merchant);
        var first = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "key"));
        using var cancelled = await client.DeleteAsync(first.Id);

        await AgeAsync(merchant, TimeSpan.FromHours(23.9));
        (await ReadAsync(client.PostAsync(RequestClient.Daily(1), "key"))).IsReplay.ShouldBeTrue();
        await AgeAsync(merchant, TimeSpan.FromHours(0.2));
        var second = await ReadAsync(client.PostAsync(RequestClient.Daily(1), "key"));

        (second.Status, second.IsReplay).ShouldBe((HttpStatusCode.Accepted, false));
        (await ReadAsync(client.PostAsync(RequestClient.Daily(1), "key"))).Id.ShouldBe(second.Id);
        await AgeAsync(merchant, TimeSpan.FromHours(25));
        await IdempotencyKeys.PurgeAsync(app.Database, DateTimeOffset.UtcNow, default);
        (await CountAsync(merchant)).ShouldBe(0);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("two words")]
    [InlineData("\"open")]
    [InlineData("\"a\";b")]
    [InlineData("a,b")]
    [InlineData("kéy")]
    public async Task a_malformed_key_is_refused(string key)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(RequestClient.Path, UriKind.Relative))
        {
            Content = new StringContent(RequestClient.Daily(1), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);

        var answer = await ReadAsync(client.SendAsync(request));

        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Json.GetProperty("errors").EnumerateObject().Single().Name.ShouldBe("Idempotency-Key");
    }

    private sealed record Answer(
        HttpStatusCode Status, string Body, string? Location, string? RetryAfter, bool IsReplay)
    {
        public JsonElement Json => JsonElement.Parse(Body);

        public string Id => Json.GetProperty("encrypted_id").GetString()!;
    }

    private static async Task<Answer> ReadAsync(Task<HttpResponseMessage> sending)
    {
        using var response = await sending;
        var headers = response.Headers;
        return new Answer(
            response.StatusCode,
            await response.Content.ReadAsStringAsync(),
            headers.Location?.OriginalString,
            headers.RetryAfter?.ToString(),
            headers.TryGetValues("Idempotent-Replayed", out var replay) && replay.Single() == "true");
    }

    private static async Task<Answer[]> AtOnceAsync(Func<int, Task<HttpResponseMessage>> send) =>
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(i => ReadAsync(send(i))));

    private RequestClient Client(TestMerchant merchant)
    {
        var client = WithAddress(new HttpClient());
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);
        return new RequestClient(client);
    }

    private static async Task<HttpClient> UserAsync(TestMerchant merchant)
    {
        var (name, password) = await merchant.UserAsync([Contracts.Permissions.RequestReport]);
        using var given = merchant.UserClient(name, password);
        var client = new HttpClient();
        client.DefaultRequestHeaders.Authorization = given.DefaultRequestHeaders.Authorization;
        return client;
    }

    private HttpClient WithAddress(HttpClient client)
    {
        client.BaseAddress = new Uri(_node.Urls.First());
        return client;
    }

    private async Task AgeAsync(TestMerchant merchant, TimeSpan age)
    {
        await using var command = app.Database.CreateCommand(
            "update reports.idempotency_keys set created_at = created_at - $2 where merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        command.Parameters.AddWithValue(age);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<int> PrincipalAsync(TestMerchant merchant)
    {
        await using var command = app.Database.CreateCommand(
            "select principal from reports.idempotency_keys where merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        return (int)(await command.ExecuteScalarAsync())!;
    }

    private async Task<long> CountAsync(TestMerchant merchant)
    {
        await using var command = app.Database.CreateCommand(
            "select count(*) from reports.idempotency_keys where merchant_id = $1");
        command.Parameters.AddWithValue(merchant.Id);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
