using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Reports.Benchmarks;

/// <summary>A database on the cluster of this run, with the logins of an installation.</summary>
internal sealed class BenchDatabase(string cluster, string name)
{
    private const string Owner = "reports_bench_migrator";

    public string Name => name;

    /// <summary>The superuser's connection string: for seeds, and for yardsticks that write.</summary>
    public string Superuser { get; } = new NpgsqlConnectionStringBuilder(cluster)
    {
        Database = name,
        CommandTimeout = 0,
        MaxPoolSize = 100,
    }.ConnectionString;

    /// <summary>The settings that name the logins.</summary>
    public Dictionary<string, string> Settings => new()
    {
        ["Reports:Database"] = Login("reports_bench_app"),
        ["Reports:Databases:Migrator"] = Login(Owner),
        ["Reports:Databases:Sealer"] = Login("reports_bench_sealer"),
        ["Reports:Databases:Auditor"] = Login("reports_bench_auditor"),
    };

    /// <summary>Makes it, empty or as the copy of another that nobody is connected to.</summary>
    public async Task CreateAsync(BenchDatabase? template = null)
    {
        await OnClusterAsync(
            $"""
            do $$ begin
                if not exists (select from pg_roles where rolname = '{Owner}') then
                    create role {Owner} login createrole password '{Password(Owner)}';
                end if;
            end $$
            """);
        await DropAsync();
        if (template is not null)
        {
            await OnClusterAsync(
                $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{template.Name}'");
        }

        var copied = template is null ? "" : $"template {template.Name} strategy file_copy";
        await OnClusterAsync($"create database {name} owner {Owner} {copied}");
    }

    public Task DropAsync() => OnClusterAsync($"drop database if exists {name} with (force)");

    public async Task<long> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Statements that drop all indexes of a table, and those that make them again.</summary>
    public async Task<(string Drop, string Make)> IndexesAsync(string table)
    {
        var statements = await ScalarAsync<string[]>(
            $"""
            select array[
                string_agg(
                    case when c.oid is null then format('drop index %s;', i.indexrelid::regclass)
                        else format('alter table {table} drop constraint %I;', c.conname) end, ' '),
                string_agg(
                    case when c.oid is null then pg_get_indexdef(i.indexrelid) || ';' else format(
                        'alter table {table} add constraint %I %s;', c.conname, pg_get_constraintdef(c.oid)) end,
                    ' ')]
            from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
            where i.indrelid = '{table}'::regclass
            """);
        return (statements[0], statements[1]);
    }

    /// <summary>
    /// For how many milliseconds its sessions have worked in all. Each session adds to it once a second at the most.
    /// </summary>
    public Task<double> ActiveMillisecondsAsync() => ScalarAsync<double>(
        "select active_time from pg_stat_database where datname = current_database()");

    // Whoever knows the superuser's password knows the others'.
    private string Login(string login) => new NpgsqlConnectionStringBuilder(cluster)
    {
        Database = name,
        Username = login,
        Password = Password(login),
    }.ConnectionString;

    private string Password(string login) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes($"{login} {new NpgsqlConnectionStringBuilder(cluster).Password}")));

    private async Task OnClusterAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(cluster) { Pooling = false, CommandTimeout = 0 }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
