using System.Net;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What operators do to merchants, keys and users, and that each act is one event.</summary>
public sealed class AccessCommandTests(ReportsApp app)
{
    [Fact]
    public async Task changed_terms_are_all_named_and_reach_every_table_that_keeps_them()
    {
        var merchant = await app.MerchantAsync();

        await SendAsync(merchant.Id, new ChangeMerchant.Command(TimeZone: "Asia/Kuwait", RequestsPerDay: new(5000)));
        await SendAsync(merchant.Id, new ChangeMerchant.Command(Name: "متجر", RetentionDays: 30, DownloadsPerHour: new(7)));
        await SendAsync(merchant.Id, new ChangeMerchant.Command(RequestsPerDay: new(null)));

        var changes = (await merchant.EventsAsync(merchant.Id)).OfType<MerchantChanged>().ToArray();
        changes.Select(c => (c.Name, c.TimeZone, c.RetentionDays, c.Quotas)).ShouldBe(
        [
            ("Test merchant", "Asia/Kuwait", 365, new MerchantQuotas(5000, null)),
            ("متجر", "Asia/Kuwait", 30, new MerchantQuotas(5000, 7)),
            ("متجر", "Asia/Kuwait", 30, new MerchantQuotas(null, 7)),
        ]);
        changes.ShouldAllBe(c => c.By == Actor.Operator);
        var listed = (await app.Services.SendAsync(null, new ListMerchants.Query(), default)).Single(m => m.Id == merchant.Id);
        listed.ShouldBe(new ListMerchants.Row(merchant.Id, "متجر", "Asia/Kuwait", 30, null, 7, null));
        (await ScalarAsync("select time_zone || ' ' || retention_days from reports.lifecycle_merchants where merchant_id = $1", merchant.Id))
            .ShouldBe("Asia/Kuwait 30");
        await RefusedAsync(409, "nothing to change", merchant.Id, new ChangeMerchant.Command(Name: "متجر"));
        (await merchant.EventsAsync(merchant.Id)).Count.ShouldBe(4);
    }

    [Theory]
    [InlineData("", null, null, null)]
    [InlineData(null, "Mars/Olympus", null, null)]
    [InlineData(null, null, 0, null)]
    [InlineData(null, null, 3661, null)]
    [InlineData(null, null, null, 0)]
    public async Task unusable_terms_are_refused(string? name, string? zone, int? days, int? quota)
    {
        var merchant = await app.MerchantAsync();
        var command = new ChangeMerchant.Command(name, zone, days, quota is { } q ? new(q) : null, quota is { } p ? new(p) : null);

        await RefusedAsync(400, " ", merchant.Id, command);

        (await merchant.EventsAsync(merchant.Id)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task a_disabled_merchant_has_no_valid_credential_and_gets_no_new_one()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        var auditor = await app.KeyAsync(merchant.Id, isAuditor: true);
        using var user = merchant.UserClient(name, password);
        (await StatusAsync(user)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(auditor)).ShouldBe(HttpStatusCode.Forbidden);

        await SendAsync(merchant.Id, new DisableMerchant.Command());

        await Eventually.GetAsync(
            async () => await StatusAsync(user) is HttpStatusCode.Unauthorized ? "" : null, "the user to be refused");
        (await StatusAsync(merchant.Key)).ShouldBe(HttpStatusCode.Unauthorized);
        await Eventually.IsTrueAsync(
            async () => await StatusAsync(auditor) is HttpStatusCode.Unauthorized, "the auditor to be refused");
        await RefusedAsync(409, "disabled already", merchant.Id, new DisableMerchant.Command());
        await RefusedAsync(409, "disabled", () => app.KeyAsync(merchant.Id));
        await RefusedAsync(409, "disabled", () => merchant.UserAsync([]));
        await RefusedAsync(409, "disabled", () => RotateAsync(merchant.Key, TimeSpan.Zero));
        (await KeyAsync(merchant.Key)).State.ShouldBe("disabled");
    }

    [Fact]
    public async Task a_key_is_rotated_within_its_lineage_and_its_tokens_stay_valid()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await merchant.DownloadPathAsync("r.csv");

        var issued = await RotateAsync(merchant.Key, TimeSpan.FromHours(1));

        (await StatusAsync(merchant.Key)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(issued.Key)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(issued.Key, path)).ShouldBe(HttpStatusCode.OK);
        var (old, current) = (await KeyAsync(merchant.Key), await KeyAsync(issued.Key));
        (old.State, current.State).ShouldBe(("replaced", "live"));
        old.ExpiresAt!.Value.ShouldBe(DateTimeOffset.UtcNow.AddHours(1), TimeSpan.FromMinutes(1));
        current.ExpiresAt.ShouldBeNull();
        (await LineageAsync(merchant.Id)).ShouldBe((2L, 1L, 1L));

        await RefusedAsync(409, "Two keys of this lineage", () => RotateAsync(merchant.Key, TimeSpan.Zero));
        await RefusedAsync(409, "Two keys of this lineage", () => RotateAsync(issued.Key, TimeSpan.Zero));
        await SendAsync(null, new RevokeApiKey.Command(IdOf(merchant.Key)));
        var third = await RotateAsync(issued.Key, TimeSpan.Zero);
        (await StatusAsync(third.Key, path)).ShouldBe(HttpStatusCode.OK);
        (await KeyAsync(merchant.Key)).State.ShouldBe("revoked");
        (await KeyAsync(issued.Key)).State.ShouldBe("expired");
        (await LineageAsync(merchant.Id)).ShouldBe((3L, 1L, 1L));
    }

    [Fact]
    public async Task a_key_works_until_its_overlap_ends_and_not_after()
    {
        var merchant = await app.MerchantAsync();
        await RotateAsync(merchant.Key, TimeSpan.FromSeconds(15));
        var end = DateTimeOffset.UtcNow.AddSeconds(15);
        (await StatusAsync(merchant.Key)).ShouldBe(HttpStatusCode.OK);

        await Eventually.IsPastAsync(end);

        (await StatusAsync(merchant.Key)).ShouldBe(HttpStatusCode.Unauthorized);
        await RefusedAsync(409, "not valid any more", () => RotateAsync(merchant.Key, TimeSpan.Zero));
    }

    [Fact]
    public async Task an_expired_key_is_refused_without_anything_having_been_changed()
    {
        var merchant = await app.MerchantAsync();
        var expiry = DateTimeOffset.UtcNow.AddSeconds(15);
        var key = (await app.Services.SendAsync(
            merchant.Id, new IssueApiKey.Command(ExpiresAt: expiry), default)).Key;
        (await StatusAsync(key)).ShouldBe(HttpStatusCode.OK);

        await Eventually.IsPastAsync(expiry);

        (await StatusAsync(key)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task a_revoked_key_is_revoked_once()
    {
        var merchant = await app.MerchantAsync();
        var id = IdOf(merchant.Key);

        await SendAsync(null, new RevokeApiKey.Command(id));

        await RefusedAsync(409, "revoked already", null, new RevokeApiKey.Command(id));
        await RefusedAsync(409, "revoked", () => RotateAsync(merchant.Key, TimeSpan.Zero));
        await RefusedAsync(404, "There is no API key", null, new RevokeApiKey.Command("0000000000"));
        (await Should.ThrowAsync<ProblemException>(() => SendAsync(null, new RevokeApiKey.Command(merchant.Key))))
            .Problem.Detail!.ShouldNotContain(merchant.Key);
        (await CountAsync(merchant.Id, "api-key.revoked.v1")).ShouldBe(1);
    }

    [Fact]
    public async Task keys_are_listed_without_a_secret()
    {
        var merchant = await app.MerchantAsync();
        var auditor = await app.KeyAsync(null, isAuditor: true);

        var own = (await app.Services.SendAsync(merchant.Id, new ListApiKeys.Query(), default)).ShouldHaveSingleItem();
        var all = await app.Services.SendAsync(null, new ListApiKeys.Query(), default);

        (own.KeyId, own.State, own.MerchantId, own.ExpiresAt).ShouldBe((IdOf(merchant.Key), "live", merchant.Id, null));
        own.Scopes.ShouldBe(["reports"]);
        own.IssuedAt!.Value.ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        all.Single(k => k.KeyId == IdOf(auditor)).Scopes.ShouldBe(["audit:read"]);
        $"{own} {string.Join(' ', all)}".ShouldNotContain(merchant.Key.Split('_')[3]);
    }

    [Fact]
    public async Task a_user_is_given_and_denied_a_permission_once()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([]);
        using var client = merchant.UserClient(name, password);
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Forbidden);

        await SendAsync(null, new GrantPermission.Command(name, "report.view_report"));
        await Eventually.GetAsync(async () => await StatusAsync(client) is HttpStatusCode.OK ? "" : null, "the grant");
        await RefusedAsync(409, "already", null, new GrantPermission.Command(name, Permissions.ViewReport));
        await SendAsync(null, new RevokePermission.Command(name, Permissions.ViewReport));
        await Eventually.GetAsync(
            async () => await StatusAsync(client) is HttpStatusCode.Forbidden ? "" : null, "the permission to be gone");
        await RefusedAsync(409, "does not have", null, new RevokePermission.Command(name, Permissions.ViewReport));
        await RefusedAsync(400, "is not a permission", null, new GrantPermission.Command(name, "everything"));
        await RefusedAsync(404, "There is no user", null, new GrantPermission.Command("nobody at all", Permissions.ViewReport));

        (await CountAsync(merchant.Id, "user.permission-granted.v1")).ShouldBe(1);
        (await CountAsync(merchant.Id, "user.permission-revoked.v1")).ShouldBe(1);
    }

    [Fact]
    public async Task a_changed_password_is_the_only_one()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var before = merchant.UserClient(name, password);
        using var after = merchant.UserClient(name, "a new and long password: with colon");
        (await StatusAsync(before)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(after)).ShouldBe(HttpStatusCode.Unauthorized);

        await SendAsync(null, new ChangePassword.Command(name, "a new and long password: with colon"));

        await Eventually.GetAsync(
            async () => await StatusAsync(before) is HttpStatusCode.Unauthorized ? "" : null, "the old one to be refused");
        (await StatusAsync(after)).ShouldBe(HttpStatusCode.OK);
        await RefusedAsync(400, "12 to 256", null, new ChangePassword.Command(name, "short"));
        (await CountAsync(merchant.Id, "user.password-changed.v1")).ShouldBe(1);
        app.Log.Lines.ShouldNotContain(line => line.Contains("a new and long password"));
    }

    [Fact]
    public async Task a_disabled_user_is_nobody()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([], isSuperuser: true);

        await SendAsync(null, new DisableUser.Command(name));

        using var client = merchant.UserClient(name, password);
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);
        await RefusedAsync(409, "disabled already", null, new DisableUser.Command(name));
        await RefusedAsync(409, "disabled", null, new ChangePassword.Command(name, "a new and long password"));
        await RefusedAsync(409, "disabled", null, new GrantPermission.Command(name, Permissions.ViewReport));
        var listed = (await app.Services.SendAsync(merchant.Id, new ListUsers.Query(), default)).ShouldHaveSingleItem();
        (listed.UserName, listed.State, listed.IsSuperuser).ShouldBe((name, "disabled", true));
    }

    [Fact]
    public async Task of_operators_who_do_the_same_at_once_one_does_it()
    {
        var merchant = await app.MerchantAsync();
        var (name, _) = await merchant.UserAsync([]);

        (await AtOnceAsync(() => SendAsync(null, new GrantPermission.Command(name, Permissions.ViewReport)))).ShouldBe(1);
        (await AtOnceAsync(() => RotateAsync(merchant.Key, TimeSpan.FromHours(1)))).ShouldBe(1);
        (await AtOnceAsync(() => SendAsync(null, new RevokeApiKey.Command(IdOf(merchant.Key))))).ShouldBe(1);
        (await AtOnceAsync(() => SendAsync(null, new DisableUser.Command(name)))).ShouldBe(1);
        (await AtOnceAsync(() => SendAsync(merchant.Id, new ChangeMerchant.Command(Name: "Other")))).ShouldBe(1);
        (await AtOnceAsync(() => SendAsync(merchant.Id, new DisableMerchant.Command()))).ShouldBe(1);

        foreach (var type in new[]
        {
            "user.permission-granted.v1", "api-key.rotated.v1", "api-key.revoked.v1", "user.disabled.v1",
            "merchant.changed.v1", "merchant.disabled.v1",
        })
        {
            (await CountAsync(merchant.Id, type)).ShouldBe(1, type);
        }
    }

    [Fact]
    public async Task no_secret_and_no_name_of_a_person_stands_in_an_event_or_in_the_log()
    {
        var merchant = await app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([]);
        var rotated = await RotateAsync(merchant.Key, TimeSpan.Zero);
        await SendAsync(null, new ChangePassword.Command(name, $"{password}-new"));
        await SendAsync(null, new GrantPermission.Command(name, Permissions.ViewReport));
        await SendAsync(null, new RevokePermission.Command(name, Permissions.ViewReport));
        await SendAsync(null, new DisableUser.Command(name));
        await SendAsync(null, new RevokeApiKey.Command(rotated.KeyId));

        string[] secrets = [merchant.Key.Split('_')[3], rotated.Key.Split('_')[3], password, name];
        foreach (var secret in secrets)
        {
            (await ScalarAsync(
                "select count(*) from events.mt_events where tenant_id = $1::text and (data::text || coalesce(headers::text, '')) like '%" + secret + "%'",
                merchant.Id)).ShouldBe(0L);
            app.Log.Lines.ShouldNotContain(line => line.Contains(secret));
        }
    }

    [Fact]
    public async Task the_commands_of_the_program_say_what_they_did_or_why_not()
    {
        var merchant = await app.MerchantAsync();
        var (name, _) = await merchant.UserAsync([]);
        await CommandAsync(0, "merchant", "change", $"{merchant.Id}", "--downloads-per-hour", "100", "--name", "Corner Shop");
        (await CommandAsync(0, "merchant", "list")).ShouldMatch($"{merchant.Id} +live +UTC +365 +default +100 +Corner Shop\n");
        (await CommandAsync(1, "merchant", "change", $"{merchant.Id}", "--name", "Corner Shop")).Trim()
            .ShouldBe($"There is nothing to change: merchant {merchant.Id} has these terms already.");

        var rotated = (await CommandAsync(0, "key", "rotate", IdOf(merchant.Key), "--overlap", "90m")).Trim();
        var keys = await CommandAsync(0, "key", "list", "--merchant", $"{merchant.Id}");
        keys.ShouldMatch($"{IdOf(merchant.Key)} +replaced +reports");
        keys.ShouldMatch($"{IdOf(rotated)} +live +reports");
        keys.ShouldNotContain(rotated.Split('_')[3]);

        (await CommandWithInputAsync(0, "read from standard input\n", "user", "password", name, "--password-stdin")).Trim()
            .ShouldBe("changed");
        using var client = merchant.UserClient(name, "read from standard input");
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Forbidden);
        (await CommandAsync(1, "user", "disable", "nobody at all")).Trim().ShouldBe("There is no user nobody at all.");
    }

    [Theory]
    [InlineData("merchant change 01980000-0000-7000-8000-000000000001", "Name at least one term")]
    [InlineData("merchant change 01980000-0000-7000-8000-000000000001 --requests-per-day many", "neither a whole number")]
    [InlineData("key rotate AbCdEf0123 --overlap soon", "no overlap")]
    [InlineData("key rotate AbCdEf0123 --overlap 24", "no overlap")]
    [InlineData("key rotate AbCdEf0123 --overlap -1h", "no overlap")]
    [InlineData("key issue", "--merchant is needed")]
    [InlineData("key issue --auditor --expires tomorrow", "no RFC 3339 instant")]
    [InlineData("user grant somebody", "Required argument missing")]
    public void a_command_that_cannot_be_read_says_why(string line, string finding) =>
        Commands.Root().Parse(line).Errors.ShouldContain(e => e.Message.Contains(finding), line);

    [Theory]
    [InlineData("", 24 * 60)]
    [InlineData("--overlap 0", 0)]
    [InlineData("--overlap 90m", 90)]
    [InlineData("--overlap 24h", 24 * 60)]
    [InlineData("--overlap 7d", 7 * 24 * 60)]
    public void an_overlap_is_written_in_minutes_hours_or_days(string option, int minutes)
    {
        var parsed = Commands.Root().Parse($"key rotate AbCdEf0123 {option}");

        parsed.Errors.ShouldBeEmpty();
        parsed.GetValue<TimeSpan>("--overlap").ShouldBe(TimeSpan.FromMinutes(minutes));
    }

    [Theory]
    [InlineData("merchant", "add")]
    [InlineData("merchant", "change")]
    [InlineData("merchant", "disable")]
    [InlineData("merchant", "list")]
    [InlineData("key", "issue")]
    [InlineData("key", "rotate")]
    [InlineData("key", "revoke")]
    [InlineData("key", "list")]
    [InlineData("user", "add")]
    [InlineData("user", "grant")]
    [InlineData("user", "revoke")]
    [InlineData("user", "password")]
    [InlineData("user", "disable")]
    [InlineData("user", "list")]
    [InlineData("generator", "add")]
    [InlineData("generator", "rotate")]
    [InlineData("generator", "disable")]
    [InlineData("generator", "list")]
    [InlineData("hold", "place")]
    [InlineData("hold", "release")]
    [InlineData("hold", "list")]
    public void every_command_and_each_of_its_parts_is_described(string group, string verb)
    {
        var command = Commands.Root().Subcommands.Single(c => c.Name == group).Subcommands.Single(c => c.Name == verb);

        command.Description.ShouldNotBeNullOrEmpty();
        command.Options.ShouldAllBe(o => !string.IsNullOrEmpty(o.Description));
        command.Arguments.ShouldAllBe(a => !string.IsNullOrEmpty(a.Description));
    }

    private static string IdOf(string key) => key.Split('_')[2];

    private Task SendAsync(Guid? tenant, MediatR.IRequest command) => app.Services.SendAsync(tenant, command, default);

    private Task<IssueApiKey.Issued> RotateAsync(string key, TimeSpan overlap) =>
        app.Services.SendAsync(null, new RotateApiKey.Command(IdOf(key), overlap), default);

    private async Task<ListApiKeys.Row> KeyAsync(string key) =>
        (await app.Services.SendAsync(null, new ListApiKeys.Query(), default)).Single(k => k.KeyId == IdOf(key));

    private Task RefusedAsync(int status, string detail, Guid? tenant, MediatR.IRequest command) =>
        RefusedAsync(status, detail, () => SendAsync(tenant, command));

    private static async Task RefusedAsync(int status, string detail, Func<Task> act)
    {
        var problem = (await Should.ThrowAsync<ProblemException>(act)).Problem;
        problem.Status.ShouldBe(status);
        problem.Detail!.ShouldContain(detail);
    }

    /// <summary>How many of eight who do it at once succeed; the others are refused, not failed.</summary>
    private static async Task<int> AtOnceAsync(Func<Task> act)
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                await act();
                return 1;
            }
            catch (ProblemException e) when (e.Problem.Status == 409)
            {
                return 0;
            }
        })));
        return outcomes.Sum();
    }

    private async Task<HttpStatusCode> StatusAsync(string key, string path = TestMerchant.List)
    {
        using var client = app.Host.Server.CreateClient();
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return await StatusAsync(client, path);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path = TestMerchant.List)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.StatusCode;
    }

    private async Task<long> CountAsync(Guid merchant, string type) => (long)(await ScalarAsync(
        $"select count(*) from events.mt_events where tenant_id = $1::text and type = '{type}'", merchant))!;

    private async Task<(long Keys, long Principals, long Numbers)> LineageAsync(Guid merchant)
    {
        await using var command = app.Database.CreateCommand(
            """
            select count(*), count(distinct principal_id), count(distinct principal_number)
            from reports.access_credentials where merchant_id = $1
            """);
        command.Parameters.AddWithValue(merchant);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        return (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2));
    }

    private async Task<object?> ScalarAsync(string sql, Guid merchant)
    {
        await using var command = app.Database.CreateCommand(sql);
        command.Parameters.AddWithValue(merchant);
        return await command.ExecuteScalarAsync();
    }

    private Task<string> CommandAsync(int code, params string[] arguments) =>
        CommandWithInputAsync(code, "", arguments);

    private async Task<string> CommandWithInputAsync(int code, string input, params string[] arguments)
    {
        var (exitCode, output, error) = await CommandProcess.RunAsync(app, input, arguments);
        exitCode.ShouldBe(code, $"{string.Join(' ', arguments)}: {output} {error}");
        return code == 0 ? output : error;
    }
}
