using System.Net;
using System.Text;
using System.Text.Json;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Requests;

/// <summary>A requested report from its request to its end, as the merchant's program sees it.</summary>
public sealed class RequestTests(ReportsApp app)
{
    [Fact]
    public async Task a_report_is_requested_looked_at_until_it_is_finished_and_downloaded()
    {
        var merchant = await app.MerchantAsync("Asia/Kuwait");
        using var client = new RequestClient(merchant.Client());

        using var response = await client.PostAsync(
            """{"first_day":"2026-03-01","last_day":"2026-03-14","format":"xlsx","locale":"ar","right_to_left":true}""");

        response.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        response.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeGreaterThan(0);
        var accepted = await TestMerchant.JsonAsync(response);
        var id = accepted.GetProperty("encrypted_id").GetString()!;
        var location = response.Headers.Location!;
        location.IsAbsoluteUri.ShouldBeTrue();
        location.AbsolutePath.ShouldBe($"{RequestClient.Path}{id}/");
        Text(accepted, "status").ShouldBe("requested");
        Text(accepted, "interval").ShouldBe("custom");
        Text(accepted, "source").ShouldBe("manual");
        Text(accepted, "file_format").ShouldBe("xlsx");
        Text(accepted, "locale").ShouldBe("ar");
        Text(accepted, "report_name").ShouldBe("settlement-2026-03-01_2026-03-14.xlsx");
        Text(accepted, "period_start").ShouldBe("2026-03-01T00:00:00+03:00");
        Text(accepted, "period_end").ShouldBe("2026-03-15T00:00:00+03:00");
        Text(accepted, "created_at")!.ShouldEndWith("Z");
        accepted.GetProperty("right_to_left").GetBoolean().ShouldBeTrue();
        accepted.GetProperty("links").ValueKind.ShouldBe(JsonValueKind.Null);

        // Readable at once; then looked at until it ends.
        using var first = await client.Http.GetAsync(location);
        first.StatusCode.ShouldBe(HttpStatusCode.OK);
        var shown = await EndedAsync(client, id);
        Text(shown, "status").ShouldBe("finished");
        Text(shown, "created_at").ShouldBe(Text(accepted, "created_at"));
        shown.GetProperty("failure").ValueKind.ShouldBe(JsonValueKind.Null);
        Text(shown, "expires_at").ShouldNotBeNull();

        var report = await TestMerchant.GetJsonAsync(client.Http, shown.GetProperty("links").GetProperty("report").GetString()!);
        Text(report, "encrypted_id").ShouldBe(id);
        using var file = await client.Http.GetAsync(new Uri(TestMerchant.PathOf(report), UriKind.Relative));
        file.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var ended = await client.GetAsync(id);
        ended.Headers.RetryAfter.ShouldBeNull();
    }

    [Fact]
    public async Task progress_and_failed_tries_are_shown_while_it_goes_on()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var requested = RequestClient.Requested(merchant, source: ReportSource.Manual);
        var (report, at) = (requested.ReportId, requested.Report.RequestedAt);
        await merchant.AppendAsync(report, requested, new GenerationStarted(report, 1, Actor.Service, at.AddSeconds(1)));
        var id = Seal(merchant, report);
        (await client.ShowAsync(id)).GetProperty("progress").ValueKind.ShouldBe(JsonValueKind.Null);

        await WatchAsync(merchant, report, attempt: 1, records: 25, expected: 100);
        using (var generating = await client.GetAsync(id))
        {
            generating.Headers.RetryAfter.ShouldNotBeNull();
            var shown = await TestMerchant.JsonAsync(generating);
            Text(shown, "status").ShouldBe("generating");
            Text(shown, "started_at").ShouldNotBeNull();
            var progress = shown.GetProperty("progress");
            progress.GetProperty("records").GetInt64().ShouldBe(25);
            progress.GetProperty("expected_records").GetInt64().ShouldBe(100);
            progress.GetProperty("percent").GetInt32().ShouldBe(25);
            progress.GetProperty("heard_at").GetString()!.ShouldEndWith("Z");
        }

        var retryAt = DateTimeOffset.UtcNow.AddMinutes(10);
        await AppendAsync(merchant, report, new GenerationAttemptFailed(
            report, 1, "timeout", "Nothing was heard.", Actor.Service, DateTimeOffset.UtcNow, retryAt));
        using (var waiting = await client.GetAsync(id))
        {
            waiting.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.FromMinutes(9));
            var shown = await TestMerchant.JsonAsync(waiting);
            Text(shown, "status").ShouldBe("requested");
            shown.GetProperty("attempt").GetInt32().ShouldBe(2);
            Text(shown, "retry_at").ShouldNotBeNull();
            shown.GetProperty("progress").ValueKind.ShouldBe(JsonValueKind.Null);
            Failure(shown).ShouldBe(("timeout", "Nothing was heard.", true, 1));
        }

        await AppendAsync(merchant, report, new ReportGenerationFailed(
            report, 2, "no_data_source", "The ledger is closed.", false, Actor.Service, DateTimeOffset.UtcNow));
        using var failed = await client.GetAsync(id);
        failed.Headers.RetryAfter.ShouldBeNull();
        var last = await TestMerchant.JsonAsync(failed);
        Text(last, "status").ShouldBe("failed");
        Text(last, "ended_at").ShouldNotBeNull();
        Failure(last).ShouldBe(("no_data_source", "The ledger is closed.", false, 2));
    }

    [Fact]
    public async Task cancelling_twice_is_cancelling_once()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var requested = RequestClient.Requested(merchant, source: ReportSource.Manual);
        await merchant.AppendAsync(requested.ReportId, requested);
        var id = Seal(merchant, requested.ReportId);

        using var first = await client.DeleteAsync(id);
        using var second = await client.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Delete, new Uri($"{RequestClient.Path}{id}", UriKind.Relative))
            {
                Content = new StringContent("""{"reason":"Not needed."}""", Encoding.UTF8, "application/json"),
            });

        (first.StatusCode, second.StatusCode).ShouldBe((HttpStatusCode.NoContent, HttpStatusCode.NoContent));
        (await merchant.EventsAsync(requested.ReportId)).OfType<ReportCancelled>().Count().ShouldBe(1);
        var shown = await client.ShowAsync(id);
        Text(shown, "status").ShouldBe("cancelled");
        Text(shown, "ended_at").ShouldNotBeNull();
    }

    [Fact]
    public async Task what_has_ended_is_not_cancelled()
    {
        var merchant = await app.MerchantAsync();
        using var client = new RequestClient(merchant.Client());
        var given = await merchant.FinishedAsync();
        var id = Seal(merchant, given.Id);

        using var response = await client.DeleteAsync(id);

        response.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await Problems.ReadAsync(response, Problem.Conflict)).GetProperty("detail").GetString()!.ShouldContain("finished");
        Text(await client.ShowAsync(id), "status").ShouldBe("finished");
        await merchant.ExpireAsync(given.Id);
        var expired = await client.ShowAsync(id);
        Text(expired, "status").ShouldBe("expired");
        expired.GetProperty("links").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task nobody_tells_an_unknown_request_from_a_foreign_one()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        using var client = new RequestClient(merchant.Client());
        var theirs = RequestClient.Requested(other);
        await other.AppendAsync(theirs.ReportId, theirs);

        string[] absent = [Seal(other, theirs.ReportId), Seal(merchant, theirs.ReportId), Seal(merchant, Guid.CreateVersion7())];
        foreach (var id in absent)
        {
            using var shown = await client.GetAsync(id);
            using var deleted = await client.DeleteAsync(id);
            await Problems.NotFoundAsync(shown);
            await Problems.NotFoundAsync(deleted);
        }

        using var malformed = await client.GetAsync("nonsense");
        using var undeletable = await client.DeleteAsync("nonsense");
        (malformed.StatusCode, undeletable.StatusCode).ShouldBe((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest));
        (await other.EventsAsync(theirs.ReportId)).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("nobody", 401, 401)]
    [InlineData("auditor", 403, 403)]
    [InlineData("viewer", 403, 403)]
    [InlineData("requester", 200, 202)]
    [InlineData("superuser", 200, 202)]
    [InlineData("key", 200, 202)]
    public async Task requests_need_their_own_permission(string who, int reading, int posting)
    {
        var merchant = await app.MerchantAsync();
        var requested = RequestClient.Requested(merchant, source: ReportSource.Manual);
        await merchant.AppendAsync(requested.ReportId, requested);
        var id = Seal(merchant, requested.ReportId);
        using var client = new RequestClient(await CallerAsync(merchant, who));

        using var list = await client.Http.GetAsync(new Uri(RequestClient.Path, UriKind.Relative));
        using var head = await client.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Head, new Uri(RequestClient.Path, UriKind.Relative)));
        using var show = await client.GetAsync(id);
        using var posted = await client.PostAsync(RequestClient.Daily(1));
        using var deleted = await client.DeleteAsync(id);

        ((int)list.StatusCode, (int)head.StatusCode, (int)show.StatusCode).ShouldBe((reading, reading, reading));
        ((int)posted.StatusCode, (int)deleted.StatusCode).ShouldBe((posting, reading == 200 ? 204 : reading));
    }

    [Theory]
    [InlineData("PUT", RequestClient.Path, "GET, HEAD, POST")]
    [InlineData("DELETE", RequestClient.Path, "GET, HEAD, POST")]
    [InlineData("POST", RequestClient.Path + "AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc", "DELETE, GET, HEAD")]
    public async Task other_methods_are_named_as_not_allowed(string method, string path, string allowed)
    {
        var merchant = await app.MerchantAsync();
        using var client = merchant.Client();

        using var response = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative)));

        response.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        string.Join(", ", response.Content.Headers.Allow.Order(StringComparer.Ordinal)).ShouldBe(allowed);
    }

    private async Task<HttpClient> CallerAsync(TestMerchant merchant, string who)
    {
        async Task<HttpClient> User(string[] permissions, bool isSuperuser = false)
        {
            var (name, password) = await merchant.UserAsync(permissions, isSuperuser);
            return merchant.UserClient(name, password);
        }

        switch (who)
        {
            case "nobody":
                return app.Host.Server.CreateClient();
            case "auditor":
                var auditor = app.Host.Server.CreateClient();
                auditor.DefaultRequestHeaders.Add("Api-Key", await app.KeyAsync(merchant.Id, isAuditor: true));
                return auditor;
            case "viewer":
                return await User([Permissions.ViewReport, Permissions.ManageSchedule]);
            case "requester":
                return await User([Permissions.RequestReport]);
            case "superuser":
                return await User([], isSuperuser: true);
            default:
                return merchant.Client();
        }
    }

    private string Seal(TestMerchant merchant, Guid report) =>
        app.Services.GetRequiredService<EncryptedIds>().Seal(merchant.Id, [report])[0];

    private async Task AppendAsync(TestMerchant merchant, Guid report, object @event)
    {
        await using var session = app.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.Id.ToString());
        session.Events.Append(report, @event);
        await session.SaveChangesAsync();
    }

    private async Task WatchAsync(TestMerchant merchant, Guid report, int attempt, long records, long expected)
    {
        await using var command = app.Database.CreateCommand(
            """
            insert into reports.generation_watch
                (report_id, merchant_id, attempt, deadline, started_at, heard_at, records, expected_records)
            values ($1, $2, $3, now() + interval '1 hour', now(), now(), $4, $5)
            """);
        command.Parameters.AddWithValue(report);
        command.Parameters.AddWithValue(merchant.Id);
        command.Parameters.AddWithValue(attempt);
        command.Parameters.AddWithValue(records);
        command.Parameters.AddWithValue(expected);
        await command.ExecuteNonQueryAsync();
    }

    internal static Task<JsonElement> EndedAsync(RequestClient client, string id) => Eventually.GetAsync(
        async () => await client.ShowAsync(id) is var shown && Text(shown, "status") is not ("requested" or "generating")
            ? new Box(shown)
            : null,
        $"the end of {id}").ContinueWith(box => box.Result.Value, TaskScheduler.Default);

    private sealed record Box(JsonElement Value);

    private static (string?, string?, bool, int) Failure(JsonElement shown)
    {
        var failure = shown.GetProperty("failure");
        return (
            Text(failure, "code"), Text(failure, "message"), failure.GetProperty("retryable").GetBoolean(),
            failure.GetProperty("attempt").GetInt32());
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
