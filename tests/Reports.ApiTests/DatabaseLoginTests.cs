using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Reports.ApiTests.Ledger;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>How roles and logins come to be, and what is said where they are not divided.</summary>
public sealed class DatabaseLoginTests(ReportsApp app, LedgerTemplate template)
{
    private const string Password = "a passwörd";

    [Fact]
    public async Task a_login_that_the_settings_name_is_made_once_and_keeps_its_password()
    {
        var name = $"reports_test_{Guid.CreateVersion7():n}";
        try
        {
            await ApplyAsync(app.ConnectionString, As(name, Password), new LogCapture());
            await ApplyAsync(app.ConnectionString, As(name, "another"), new LogCapture());

            await using var connection = new NpgsqlConnection(As(name, Password));
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(
                "select pg_has_role('reports_app', 'usage') and not pg_has_role('reports_sealer', 'member')", connection);
            (await command.ExecuteScalarAsync()).ShouldBe(true);
        }
        finally
        {
            await ExecuteAsync($"drop role if exists {name}");
        }
    }

    [Fact]
    public async Task a_superuser_is_told_what_to_run_where_the_owner_may_make_no_login()
    {
        var log = new LogCapture();

        await ApplyAsync(app.Logins.App, As("reports_test_nobody", Password), log);

        var line = log.Lines.ShouldHaveSingleItem();
        line.ShouldContain("create role \"reports_test_nobody\" login;");
        line.ShouldContain("grant reports_app to \"reports_test_nobody\"");
        line.ShouldNotContain(Password);
        line.ShouldNotContain("SCRAM");
    }

    [Fact]
    public async Task an_owner_who_may_make_no_roles_applies_the_schema_and_says_what_a_superuser_has_to_run()
    {
        var database = new TestDatabase();
        await database.InitializeAsync();
        var (owner, login) = ($"reports_test_{Guid.CreateVersion7():n}", $"reports_test_{Guid.CreateVersion7():n}");
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database!;
        string In(string user) =>
            new NpgsqlConnectionStringBuilder(As(user, Password)) { Database = name }.ConnectionString;
        try
        {
            await ExecuteAsync(
                $"create role {owner} login password '{Password}'; alter database {name} owner to {owner}");
            var settings = new Dictionary<string, string>(database.Settings)
            {
                ["Reports:Database"] = In(login),
                ["Reports:Databases:Migrator"] = In(owner),
            };
            var said = await SaidAsync(settings);
            var sql = said.ShouldNotBeNull().Split("is to be run again: ")[1].Split(" The owner of")[0];
            sql.ShouldNotContain(Password);

            await ExecuteAsync($"{sql}; alter role {login} password '{Password}'");
            (await SaidAsync(settings)).ShouldBeNull();
            await using var connection = new NpgsqlConnection(In(login));
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("select count(*) from events.mt_events", connection);
            (await command.ExecuteScalarAsync()).ShouldBe(0L);
        }
        finally
        {
            await database.DisposeAsync();
            await ExecuteAsync($"drop role if exists {login}; drop role if exists {owner}");
        }
    }

    [Theory]
    [InlineData("grant delete on events.mt_events to {0}")]
    [InlineData("grant update (data) on events.mt_events to {0}")]
    [InlineData("grant truncate on events.mt_streams to {0}")]
    [InlineData("grant trigger on events.mt_events to {0}")]
    [InlineData("grant insert on ledger.checkpoints to {0}")]
    [InlineData("grant insert (leaf) on ledger.row_hashes to {0}")]
    [InlineData("grant update on ledger.faults to {0}")]
    [InlineData("alter table ledger.nodes owner to {0}")]
    public async Task a_right_to_change_any_of_what_is_recorded_is_degraded_health(string grant)
    {
        var database = new TestDatabase(await template.GetAsync());
        await database.InitializeAsync();
        try
        {
            (await LookAsync(database)).ShouldBe(HealthStatus.Healthy);
            await using (var superuser = NpgsqlDataSource.Create(database.ConnectionString))
            {
                var login = new NpgsqlConnectionStringBuilder(database.App).Username;
                await using var command = superuser.CreateCommand(
                    string.Format(System.Globalization.CultureInfo.InvariantCulture, grant, login));
                await command.ExecuteNonQueryAsync();
            }

            (await LookAsync(database)).ShouldBe(HealthStatus.Degraded);
        }
        finally
        {
            await database.DisposeAsync();
        }
    }

    [Fact]
    public async Task one_login_for_everything_works_and_is_degraded_health()
    {
        await using var node = await app.ListenAsync($"--Reports:Database={app.Logins.Migrator}");
        using var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };

        await Eventually.GetAsync(
            async () => (await TestMerchant.GetJsonAsync(client, "/health/ready")).GetProperty("checks")
                .GetProperty("roles").GetString() is "degraded" ? "degraded" : null,
            "the health to tell");

        await Eventually.IsTrueAsync(
            () => Task.FromResult(app.Log.Lines.Any(
                line => line.Contains("The login in Reports:Database could change what is recorded"))),
            "the log to tell");
    }

    [Fact]
    public async Task origins_of_an_older_schema_are_kept_under_their_new_name()
    {
        var database = new TestDatabase(await template.GetAsync());
        await database.InitializeAsync();
        try
        {
            await using var owner = NpgsqlDataSource.Create(database.Migrator);
            await using (var older = owner.CreateCommand(
                """
                alter table reports.origins rename constraint pkey_origins_origin to pkey_download_origins_origin;
                alter table reports.origins rename to download_origins;
                insert into reports.download_origins values ('old', '', '203.0.113.7', 'curl')
                """))
            {
                await older.ExecuteNonQueryAsync();
            }

            await LedgerTemplate.ApplySchemaAsync(database);

            await using var kept = owner.CreateCommand(
                "select address from reports.origins where to_regclass('reports.download_origins') is null");
            (await kept.ExecuteScalarAsync()).ShouldBe("203.0.113.7");
        }
        finally
        {
            await database.DisposeAsync();
        }
    }

    private static async Task<HealthStatus> LookAsync(TestDatabase database)
    {
        await using var source = NpgsqlDataSource.Create(database.App);
        using var roles = new RoleSeparation(source, NullLogger<RoleSeparation>.Instance);
        await roles.StartAsync(default);
        await roles.ExecuteTask!;
        return (await roles.CheckHealthAsync(new HealthCheckContext())).Status;
    }

    private static async Task<string?> SaidAsync(Dictionary<string, string> settings)
    {
        var log = new LogCapture();
        await LedgerTemplate.ApplySchemaAsync(settings, log);
        return log.Lines.SingleOrDefault(l => l.Contains("A superuser has to run the following", StringComparison.Ordinal));
    }

    private static async Task ApplyAsync(string database, string login, LogCapture log)
    {
        await using var source = NpgsqlDataSource.Create(database);
        using var factory = new LoggerFactory([log]);
        await new DatabaseRoles(
            source, new DatabaseLogins(login, database, database, database), factory.CreateLogger<DatabaseRoles>())
            .ApplyAsync(default);
    }

    private string As(string name, string password) =>
        new NpgsqlConnectionStringBuilder(app.ConnectionString) { Username = name, Password = password, Pooling = false }
            .ConnectionString;

    private async Task ExecuteAsync(string sql)
    {
        await using var command = app.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
