using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// An empty database for one test class, dropped at its end. The cluster is named by the environment variable
/// <c>REPORTS_TEST_DATABASE</c>: the connection string of a superuser who may create databases there. The service has
/// logins of its own there, with the rights of an installation and no more.
/// </summary>
public sealed class TestDatabase : IAsyncLifetime
{
    private const string Variable = "REPORTS_TEST_DATABASE";
    private const string Owner = "reports_test_migrator";

    // Roles belong to the cluster, and databases are made at the same time.
    private const long CreationLock = 0x5265_706F_7274_0100;

    private readonly string _name = $"t_{Guid.CreateVersion7():n}";
    private readonly string? _template;
    private readonly string _cluster = System.Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } cluster
        ? cluster
        : throw new InvalidOperationException(
            $"Set {Variable} to the connection string of a superuser of a private PostgreSQL cluster, "
            + "for example Host=127.0.0.1;Port=5432;Username=postgres;Database=postgres.");

    /// <summary>An empty database, or the copy of another that nobody is connected to.</summary>
    internal TestDatabase(TestDatabase? template = null) => _template = template?._name;

    /// <summary>The superuser's connection string of the database: for what no part of the service may do.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder(_cluster) { Database = _name, IncludeErrorDetail = true }.ConnectionString;

    /// <summary>The connection string of the service's everyday login. The schema makes it, as the others'.</summary>
    public string App => Login("reports_test_app");

    public string Sealer => Login("reports_test_sealer");

    public string Auditor => Login("reports_test_auditor");

    public string Migrator => Login(Owner);

    /// <summary>The settings that name the logins.</summary>
    public Dictionary<string, string> Settings => new()
    {
        ["Reports:Database"] = App,
        ["Reports:Databases:Migrator"] = Migrator,
        ["Reports:Databases:Sealer"] = Sealer,
        ["Reports:Databases:Auditor"] = Auditor,
    };

    /// <summary>The same for the environment of a process.</summary>
    public Dictionary<string, string> Environment => Settings.ToDictionary(
        s => s.Key.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant(), s => s.Value);

    // Whoever knows the superuser's password knows the others': sessions that share a cluster share the logins.
    private string Login(string name)
    {
        var superuser = new NpgsqlConnectionStringBuilder(ConnectionString);
        superuser.Password = Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{name} {superuser.Password}")));
        superuser.Username = name;
        return superuser.ConnectionString;
    }

    public async ValueTask InitializeAsync() => await ExecuteAsync(
        $"""
        do $$ begin
            perform pg_advisory_xact_lock({CreationLock});
            if not exists (select from pg_roles where rolname = '{Owner}') then
                create role {Owner} login createrole password '{new NpgsqlConnectionStringBuilder(Migrator).Password}';
            end if;
        end $$
        """,
        $"create database {_name} owner {Owner} {(_template is null ? "" : $"template {_template}")}");

    public async ValueTask DisposeAsync() => await ExecuteAsync($"drop database {_name} with (force)");

    /// <summary>Ends every connection to the database and lets no new one in.</summary>
    public async Task CutAsync() => await ExecuteAsync(
        $"alter database {_name} allow_connections false",
        $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{_name}'");

    /// <summary>Ends every connection to the database, as a restart of the server would.</summary>
    public async Task BreakAsync() =>
        await ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{_name}'");

    /// <summary>Lets connections in again.</summary>
    public async Task RestoreAsync() => await ExecuteAsync($"alter database {_name} allow_connections true");

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(_cluster) { Pooling = false, Timeout = 120, CommandTimeout = 300 }.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
