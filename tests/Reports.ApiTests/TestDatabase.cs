using Npgsql;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// An empty database for one test class, dropped at its end. The cluster is named by the environment variable
/// <c>REPORTS_TEST_DATABASE</c>: the connection string of a superuser who may create databases there.
/// </summary>
public sealed class TestDatabase : IAsyncLifetime
{
    private const string Variable = "REPORTS_TEST_DATABASE";

    private readonly string _name = $"t_{Guid.CreateVersion7():n}";
    private readonly string _cluster = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } cluster
        ? cluster
        : throw new InvalidOperationException(
            $"Set {Variable} to the connection string of a superuser of a private PostgreSQL cluster, "
            + "for example Host=127.0.0.1;Port=5432;Username=postgres;Database=postgres.");

    /// <summary>The connection string of the database.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder(_cluster) { Database = _name, IncludeErrorDetail = true }.ConnectionString;

    public async ValueTask InitializeAsync() => await ExecuteAsync($"create database {_name}");

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
            new NpgsqlConnectionStringBuilder(_cluster) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
