using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace Reports.Host;

/// <summary>
/// Creates the roles that divide the rights between the parts of the service, and the logins that the settings name
/// (<c>docs/adr/0019-database-roles.md</c>). Where the owner of the schema may not create roles, it says what a
/// superuser has to run.
/// </summary>
internal sealed partial class DatabaseRoles(NpgsqlDataSource database, DatabaseLogins logins, ILogger<DatabaseRoles> log)
{
    private const long SchemaLock = 0x5265_706F_7274_0006;

    /// <summary>Creates what is missing and grants anew; harmless when nothing is.</summary>
    public async Task ApplyAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var owner = await OwnerAsync(connection, cancellation);
        string[] roles = [DatabaseGrants.App, DatabaseGrants.Sealer, DatabaseGrants.Auditor];
        var others = logins.ByRole.Where(l => l.Login.Username is { } name && name != owner).ToList();
        List<string> refused =
        [
            .. await RefusedAsync(connection, roles.Select(role => Create(role, "nologin")), cancellation),
            .. await RefusedAsync(connection, others.SelectMany(l => LetIn(l.Role, l.Login)), cancellation),
        ];
        if (refused.Count > 0)
        {
            LogRefused(log, string.Join(' ', refused.Select(sql => Password().Replace(sql, ""))));
        }

        // All or nothing: where a role is missing, the word above says what to do, and `schema apply` grants later.
        if (await RefusedAsync(connection, [DatabaseGrants.Script], cancellation) is not [] && refused.Count == 0)
        {
            throw new InvalidOperationException(
                "The rights of the roles could not be granted: every table of the service has to belong to the login that applies the schema.");
        }
    }

    // An existing login keeps its password.
    private static IEnumerable<string> LetIn(string role, NpgsqlConnectionStringBuilder login)
    {
        var name = login.Username!;
        var password = login.Password is { Length: > 0 } given ? $" password '{ScramVerifier(given)}'" : "";
        yield return Create(name, $"login{password}");
        yield return $"""
            do $$ begin
                if not pg_has_role({Literal(name)}, '{role}', 'member') then
                    grant {role} to {Identifier(name)};
                end if;
            end $$;
            """;
    }

    // Roles belong to the whole cluster: another database of it may be creating this one at the same moment.
    private static string Create(string role, string attributes) => $"""
        do $$ begin
            if not exists (select from pg_roles where rolname = {Literal(role)}) then
                create role {Identifier(role)} {attributes};
            end if;
        exception when duplicate_object or unique_violation then null;
        end $$;
        """;

    // What this role has no right to, or cannot do before something else that it has no right to.
    private static async Task<List<string>> RefusedAsync(
        NpgsqlConnection connection, IEnumerable<string> statements, CancellationToken cancellation)
    {
        var refused = new List<string>();
        foreach (var sql in statements)
        {
            try
            {
                await ExecuteAsync(connection, sql, cancellation);
            }
            catch (PostgresException e) when (
                e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedObject)
            {
                refused.Add(sql);
            }
        }

        return refused;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var command = new NpgsqlCommand($"select pg_advisory_xact_lock({SchemaLock}); {sql}", connection);
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private static async Task<string> OwnerAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select session_user::text", connection);
        return (string)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    // Not even a verifier is logged: with it, the password can be guessed at leisure.
    [GeneratedRegex(" password '[^']*'")]
    private static partial Regex Password();

    private static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    // The server takes what it would make of the password by itself (RFC 5803), so its log never holds one.
    private static string ScramVerifier(string password)
    {
        const int Iterations = 4096;
        var salt = RandomNumberGenerator.GetBytes(16);
        var salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(password.Normalize(NormalizationForm.FormKC)), salt, Iterations,
            HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var server = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}"
            + $"${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}";
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The owner of the schema may not create roles, so rights in the database are not divided. A superuser has to run the following, give the logins their passwords, and `schema apply` is to be run again: {Sql}")]
    private static partial void LogRefused(ILogger log, string sql);
}
