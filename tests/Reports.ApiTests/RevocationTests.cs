using System.Net;
using System.Net.Http.Headers;
using System.Text;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Reports.Access;
using Reports.Contracts;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>An instance of its own: whatever other tests take away would make its nodes forget what they remember.</summary>
public sealed class RevocationApp : IAsyncLifetime
{
    public ReportsApp App { get; } = new() { Lease = TimeSpan.FromSeconds(2) };

    public async ValueTask InitializeAsync() => await App.InitializeAsync();

    public ValueTask DisposeAsync() => App.DisposeAsync();
}

/// <summary>What nodes remember of credentials, and how soon they forget it.</summary>
public sealed class RevocationTests(RevocationApp fixture) : IClassFixture<RevocationApp>, IAsyncLifetime
{
    private static readonly TimeSpan AtTheLatest = TimeSpan.FromSeconds(1);

    private readonly ReportsApp _app = fixture.App;
    private WebApplication _node = null!;

    public async ValueTask InitializeAsync() => _node = await _app.ListenAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task a_credential_that_was_right_is_not_looked_up_again()
    {
        var merchant = await _app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var key = Client(merchant.Key);
        using var user = Client(name, password);
        await RememberAsync(key, SecretStore.ApiKeys, IdOf(merchant.Key));
        await RememberAsync(user, SecretStore.Users, name);

        // Behind the service's back: nobody tells the nodes, so whoever looks sees it and whoever remembers does not.
        await ExecuteAsync($"update reports.access_credentials set ended_at = now() where merchant_id = '{merchant.Id}'");

        // A poll may be late at this very moment; then the node looks.
        foreach (var client in new[] { key, user })
        {
            await Eventually.GetAsync(
                async () => await StatusAsync(client) is HttpStatusCode.OK ? "" : null, "the node to go by what it knows");
        }

        await ExecuteAsync("update reports.access_epoch set n = n + 1");
        await Task.Delay(AtTheLatest);
        (await StatusAsync(key)).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(user)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task what_changes_no_right_makes_no_node_forget()
    {
        var merchant = await _app.MerchantAsync();
        var before = await EpochAsync();

        await merchant.FinishedAsync("r.csv");

        (await EpochAsync()).ShouldBe(before);

        async Task<object?> EpochAsync()
        {
            await using var command = _app.Database.CreateCommand("select coalesce(max(n), 0) from reports.access_epoch");
            return await command.ExecuteScalarAsync();
        }
    }

    [Fact]
    public async Task what_is_changed_acts_on_another_node_within_a_second()
    {
        await ActsAsync(HttpStatusCode.Unauthorized, (m, _) => (null, new RevokeApiKey.Command(IdOf(m.Key))), byUser: false);
        await ActsAsync(HttpStatusCode.Unauthorized, (m, _) => (m.Id, new DisableMerchant.Command()), byUser: false);
        await ActsAsync(HttpStatusCode.Unauthorized, (m, _) => (m.Id, new DisableMerchant.Command()));
        await ActsAsync(HttpStatusCode.Unauthorized, (_, name) => (null, new DisableUser.Command(name)));
        await ActsAsync(HttpStatusCode.Unauthorized, (_, name) => (null, new ChangePassword.Command(name, "another password")));
        await ActsAsync(HttpStatusCode.Forbidden, (_, name) => (null, new RevokePermission.Command(name, Permissions.ViewReport)));
        await ActsAsync(
            HttpStatusCode.OK, (_, name) => (null, new GrantPermission.Command(name, Permissions.ViewReport)), permissions: []);
    }

    [Fact]
    public async Task a_key_that_is_replaced_at_once_ends_on_another_node_within_a_second()
    {
        var merchant = await _app.MerchantAsync();
        using var client = Client(merchant.Key);
        await RememberAsync(client, SecretStore.ApiKeys, IdOf(merchant.Key));

        await _app.Services.SendAsync(null, new RotateApiKey.Command(IdOf(merchant.Key), TimeSpan.Zero), default);
        await Task.Delay(AtTheLatest);

        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task a_node_that_polls_no_more_looks_every_credential_up()
    {
        var merchant = await _app.MerchantAsync();
        using var client = Client(merchant.Key);
        await RememberAsync(client, SecretStore.ApiKeys, IdOf(merchant.Key));
        await _node.Services.GetServices<IHostedService>().OfType<EpochPolling>().Single().StopAsync(default);

        await _app.Services.SendAsync(null, new RevokeApiKey.Command(IdOf(merchant.Key)), default);
        await Task.Delay(AtTheLatest);

        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task what_is_taken_away_acts_within_a_second_while_every_poll_is_cut_off()
    {
        var merchant = await _app.MerchantAsync();
        using var client = Client(merchant.Key);
        await RememberAsync(client, SecretStore.ApiKeys, IdOf(merchant.Key));
        using var end = new CancellationTokenSource();
        var cutting = Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                await ExecuteAsync(
                    $"""
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where query = '{EpochPolling.Statement.Replace("'", "''", StringComparison.Ordinal)}'
                      and datname = current_database()
                    """);
            }
        });

        await Eventually.IsTrueAsync(
            async () =>
            {
                (await StatusAsync(client)).ShouldBe(HttpStatusCode.OK);
                return _app.Log.Lines.Any(line => line.Contains("The epoch of access could not be read"));
            },
            "a poll to be cut off");

        await _app.Services.SendAsync(null, new RevokeApiKey.Command(IdOf(merchant.Key)), default);
        await Task.Delay(AtTheLatest);
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);
        await end.CancelAsync();
        await cutting;
        await Eventually.GetAsync(
            () => Task.FromResult(_app.Log.Lines.Any(l => l.Contains("The epoch of access can be read again")) ? "" : null),
            "polls to succeed again");
    }

    [Fact]
    public async Task a_node_without_a_database_answers_503_for_what_it_remembers_too()
    {
        var merchant = await _app.MerchantAsync();
        using var client = Client(merchant.Key);
        await RememberAsync(client, SecretStore.ApiKeys, IdOf(merchant.Key));

        await _app.CutDatabaseAsync();
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        await Task.Delay(AtTheLatest);
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        await _app.RestoreDatabaseAsync();

        await Eventually.GetAsync(async () => await StatusAsync(client) is HttpStatusCode.OK ? "" : null, "the node to answer");
    }

    [Fact]
    public async Task a_key_that_is_remembered_still_ends_with_its_overlap()
    {
        var merchant = await _app.MerchantAsync();
        using var client = Client(merchant.Key);
        await _app.Services.SendAsync(
            null, new RotateApiKey.Command(IdOf(merchant.Key), TimeSpan.FromSeconds(20)), default);
        var end = DateTimeOffset.UtcNow.AddSeconds(20);
        await RememberAsync(client, SecretStore.ApiKeys, IdOf(merchant.Key));

        await Eventually.IsPastAsync(end);

        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task a_password_whose_hash_has_old_parameters_is_hashed_anew_at_a_login()
    {
        var merchant = await _app.MerchantAsync();
        var (name, password) = await merchant.UserAsync([Permissions.ViewReport]);
        using var argon = new Konscious.Security.Cryptography.Argon2id(Encoding.UTF8.GetBytes(password))
        {
            Salt = new byte[16],
            MemorySize = 1024,
            Iterations = 1,
            DegreeOfParallelism = 1,
        };
        var old = $"$argon2id$v=19$m=1024,t=1,p=1${Convert.ToBase64String(new byte[16])}$"
            + Convert.ToBase64String(await argon.GetBytesAsync(32));
        await ExecuteAsync($"update reports.access_secrets set verifier = '{old}' where lookup = '{name}'");
        using var right = Client(name, password);
        using var wrong = Client(name, "not the password");

        (await StatusAsync(wrong)).ShouldBe(HttpStatusCode.Unauthorized);
        (await VerifierAsync(name)).ShouldBe(old);
        (await StatusAsync(right)).ShouldBe(HttpStatusCode.OK);

        var anew = await VerifierAsync(name);
        PasswordHash.IsCurrent(anew).ShouldBeTrue();
        (await PasswordHash.VerifyAsync(password, anew)).ShouldBeTrue();
        (await StatusAsync(right)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(wrong)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    /// <summary>Changes something that the node remembers, and looks a second later how it answers.</summary>
    private async Task ActsAsync(
        HttpStatusCode after,
        Func<TestMerchant, string, (Guid? Tenant, IRequest Command)> act,
        bool byUser = true,
        string[]? permissions = null)
    {
        var merchant = await _app.MerchantAsync();
        var (name, password) = await merchant.UserAsync(permissions ?? [Permissions.ViewReport]);
        using var client = byUser ? Client(name, password) : Client(merchant.Key);
        await RememberAsync(
            client, byUser ? SecretStore.Users : SecretStore.ApiKeys, byUser ? name : IdOf(merchant.Key));
        var (tenant, command) = act(merchant, name);

        await _app.Services.SendAsync(tenant, command, default);
        await Task.Delay(AtTheLatest);

        (await StatusAsync(client)).ShouldBe(after, command.GetType().DeclaringType!.Name);
    }

    private async Task RememberAsync(HttpClient client, string kind, string lookup)
    {
        var cache = _node.Services.GetRequiredService<Access.CredentialCache>();
        await Eventually.GetAsync(
            async () =>
            {
                (await StatusAsync(client)).ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.Forbidden);
                return cache.Find(kind, lookup);
            },
            "the node to remember");
    }

    private static string IdOf(string key) => key.Split('_')[2];

    private HttpClient Client(string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(_node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }

    private HttpClient Client(string name, string password) => new()
    {
        BaseAddress = new Uri(_node.Urls.First()),
        DefaultRequestHeaders =
        {
            Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}"))),
        },
    };

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client)
    {
        using var response = await client.GetAsync(new Uri(TestMerchant.List, UriKind.Relative));
        return response.StatusCode;
    }

    private async Task<string> VerifierAsync(string name)
    {
        await using var command = _app.Database.CreateCommand("select verifier from reports.access_secrets where lookup = $1");
        command.Parameters.AddWithValue(name);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _app.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
