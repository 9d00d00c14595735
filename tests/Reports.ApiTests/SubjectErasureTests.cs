using System.Net;
using Reports.Access;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The erasure of what is known of a person, on an instance of its own: it takes whole addresses away.</summary>
public sealed class SubjectErasureTests : IAsyncLifetime
{
    private readonly ReportsApp _app = new();

    public async ValueTask InitializeAsync() => await _app.InitializeAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task an_erased_address_is_forgotten_by_every_node_and_never_comes_back()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        await using var second = await _app.ListenAsync();
        Uri[] nodes = [_app.Address, new(second.Urls.First())];
        var erased = new List<string>();
        foreach (var node in nodes)
        {
            erased.Add(await DownloadAsync(merchant, node));
        }

        var before = await EventsAsync();

        var (code, output, error) = await EraseAsync("--address", "127.0.0.1");

        code.ShouldBe(0, error);
        output.ShouldStartWith("erased 2, recorded as ");
        (await ScalarAsync("select count(*) from reports.origins where address = '127.0.0.1'")).ShouldBe(0L);
        var record = (await TestMerchant.EventsAsync(_app, "platform", Guid.Parse(output.Trim().Split(' ')[^1])))
            .ShouldHaveSingleItem().ShouldBeOfType<SubjectErased>();
        record.ShouldSatisfyAllConditions(
            () => record.Subject.ShouldBe(ErasedSubject.Origin),
            () => record.References.ShouldBe(erased, ignoreOrder: true),
            () => record.Rows.ShouldBe(2),
            () => record.Reason.ShouldBe("case 7"),
            () => record.By.ShouldBe(Actor.Operator));

        // What was recorded is as it was, and hashes to what it hashed to.
        (await EventsAsync())[..before.Count].ShouldBe(before);
        foreach (var (node, old) in nodes.Zip(erased))
        {
            var fresh = await Eventually.GetAsync(
                async () => await DownloadAsync(merchant, node) is var origin && origin != old ? origin : null,
                "the node to forget the address");
            (await ScalarAsync($"select count(*) from reports.origins where origin = '{fresh}'")).ShouldBe(1L);
        }

        (await ScalarAsync($"select count(*) from reports.origins where origin in ('{erased[0]}', '{erased[1]}')")).ShouldBe(0L);
    }

    [Fact]
    public async Task the_one_origin_that_an_event_names_can_be_erased()
    {
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var origin = await DownloadAsync(merchant, _app.Address, "one/1.0");
        var other = await DownloadAsync(merchant, _app.Address, "another/1.0");

        (await EraseAsync("--origin", origin)).Code.ShouldBe(0);

        (await ScalarAsync($"select count(*) from reports.origins where origin = '{origin}'")).ShouldBe(0L);
        (await ScalarAsync($"select count(*) from reports.origins where origin = '{other}'")).ShouldBe(1L);
        var (code, _, error) = await EraseAsync("--origin", origin);
        code.ShouldBe(1);
        error.ShouldContain("Nothing is known of this origin.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task an_erased_user_is_nobody_any_more(bool isDisabledBefore)
    {
        var merchant = await _app.MerchantAsync();
        var other = await _app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var client = merchant.UserClient(name, password);
        (await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.OK);
        var id = await ScalarAsync($"select credential_id::text from reports.access_secrets where lookup = '{name}'");
        if (isDisabledBefore)
        {
            await _app.Services.SendAsync(null, new DisableUser.Command(name), default);
        }

        var before = await EventsAsync();
        (await EraseAsync("--user", name, "--merchant", other.Id.ToString())).Error.ShouldContain("has no user");
        var (code, output, error) = await EraseAsync("--user", name, "--merchant", merchant.Id.ToString());

        code.ShouldBe(0, error);
        output.ShouldStartWith("erased 1, recorded as ");
        (await ScalarAsync($"select count(*) from reports.access_secrets where lookup = '{name}'")).ShouldBe(0L);
        (await ScalarAsync($"select count(*) from events.mt_events where data::text || headers::text like '%{name}%'")).ShouldBe(0L);
        await Eventually.GetAsync(
            async () => (await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative))).StatusCode
                is HttpStatusCode.Unauthorized ? "refused" : null,
            "the user to be refused");
        var history = await merchant.EventsAsync(Guid.Parse((string)id!));
        history.OfType<UserDisabled>().Count().ShouldBe(1);
        var record = (await merchant.EventsAsync(Guid.Parse(output.Trim().Split(' ')[^1])))
            .ShouldHaveSingleItem().ShouldBeOfType<SubjectErased>();
        record.Subject.ShouldBe(ErasedSubject.User);
        record.References.ShouldBe([(string)id!]);
        (await EventsAsync())[..before.Count].ShouldBe(before);

        // The name may be another person's then.
        var again = await _app.Services.SendAsync(
            merchant.Id, new RegisterUser.Command(name, password, [Permissions.ViewReport]), default);
        again.ToString().ShouldNotBe((string)id!);
    }

    [Theory]
    [InlineData]
    [InlineData("--user", "x")]
    [InlineData("--merchant", "019aa1f0-0000-7000-8000-000000000000")]
    [InlineData("--address", "10.0.0.1", "--origin", "abc")]
    [InlineData("--user", "x", "--merchant", "019aa1f0-0000-7000-8000-000000000000", "--origin", "abc")]
    [InlineData("--address", "nowhere")]
    [InlineData("--address", "10.0.0.1")]
    public async Task what_names_no_one_subject_erases_nothing(params string[] arguments)
    {
        var (code, output, error) = await EraseAsync(arguments);

        code.ShouldBe(1, output);
        error.ShouldNotBeEmpty();
        error.ShouldNotContain(" at Reports.");
    }

    private Task<(int Code, string Output, string Error)> EraseAsync(params string[] subject) =>
        CommandProcess.RunAsync(_app, "", ["subject", "erase", .. subject, "--reason", "case 7"]);

    private static async Task<string> DownloadAsync(TestMerchant merchant, Uri node, string agent = "subject/1.0")
    {
        using var client = new HttpClient { BaseAddress = node };
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);
        client.DefaultRequestHeaders.UserAgent.ParseAdd(agent);
        using var answer = await client.GetAsync(new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var attempted = (await merchant.AttemptAsync(answer)).Attempted;
        await merchant.EndOfAsync(attempted.AttemptId);
        return attempted.Origin!;
    }

    // Each event with its leaf, which must be the hash that was taken when it was inserted.
    private async Task<List<string>> EventsAsync()
    {
        await using var command = _app.Database.CreateCommand(
            """
            select e.seq_id || ' ' || encode(ledger.leaf(e, h.recorded_at), 'hex'), ledger.leaf(e, h.recorded_at) = h.leaf
            from events.mt_events e join ledger.row_hashes h using (seq_id) order by e.seq_id
            """);
        await using var row = await command.ExecuteReaderAsync();
        var events = new List<string>();
        while (await row.ReadAsync())
        {
            row.GetBoolean(1).ShouldBeTrue();
            events.Add(row.GetString(0));
        }

        return events;
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _app.Database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
