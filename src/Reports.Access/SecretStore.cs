using System.Collections.Frozen;
using Marten;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Weasel.Core;
using Weasel.Postgresql.Tables;

namespace Reports.Access;

/// <summary>
/// What a stored credential says of its holder, with the hash to check the secret against and the epoch of access that
/// it was read with.
/// </summary>
internal sealed record StoredCredential(
    string Verifier, DateTimeOffset? ExpiresAt, bool IsEnded, Caller Caller, long Epoch)
{
    /// <summary>Whether it is good now: neither ended, nor its merchant disabled, nor its time over.</summary>
    public bool IsLive(DateTimeOffset now) => !IsEnded && !(ExpiresAt <= now);

    // A hash must not reach a log by way of a record's text.
    public override string ToString() => nameof(StoredCredential);
}

/// <summary>Whose a key id or a user name is.</summary>
internal sealed record Holder(Guid Credential, Guid? Merchant);

/// <summary>
/// Hashes of secrets, and user names, stand in a table of their own and in no event: what an event holds can never be
/// erased. The rest of what is known of a credential comes from <see cref="AccessProjection"/>.
/// </summary>
internal sealed class SecretStore(NpgsqlDataSource database)
{
    public const string ApiKeys = "api_key";
    public const string Users = "user";

    // One row always: what there is nothing of is probed for, sent and read like what there is, so that the time does
    // not tell whether a name or a key id is known.
    private const string Find =
        """
        select s.verifier is not null and c.credential_id is not null, coalesce(s.verifier, repeat('-', 96)),
               coalesce(c.credential_id, nobody.id), coalesce(c.principal_id, nobody.id),
               coalesce(c.principal_number, 0), c.merchant_id, coalesce(c.is_superuser, false),
               coalesce(c.grants, '{-}'), c.expires_at, coalesce(m.time_zone, 'UTC'),
               c.ended_at is not null or m.disabled_at is not null,
               coalesce((select n from reports.access_epoch), 0)
        from (select '00000000-0000-0000-0000-000000000000'::uuid as id) nobody
        left join reports.access_secrets s on s.kind = $1 and s.lookup = $2
        left join reports.access_credentials c on c.credential_id = coalesce(s.credential_id, nobody.id)
        left join reports.access_merchants m on m.merchant_id = coalesce(c.merchant_id, nobody.id)
        """;

    /// <summary>The table, for the schema of the event store's database.</summary>
    public static ISchemaObject Table()
    {
        var table = new Table("reports.access_secrets");
        table.AddColumn("kind", "text").AsPrimaryKey();
        table.AddColumn("lookup", "text").AsPrimaryKey();
        table.AddColumn("credential_id", "uuid").NotNull();
        table.AddColumn("verifier", "text").NotNull();
        return table;
    }

    /// <summary>
    /// Stores a secret's hash in the transaction of the event that tells of it. A taken name fails the commit.
    /// </summary>
    public static void Store(
        IDocumentOperations session, string kind, string lookup, Guid credential, string verifier) =>
        session.QueueSqlCommand(
            "insert into reports.access_secrets (kind, lookup, credential_id, verifier) values (?, ?, ?, ?)",
            kind, lookup, credential, verifier);

    /// <summary>Stores another hash in the transaction of the event that tells of it.</summary>
    public static void Replace(IDocumentOperations session, Guid credential, string verifier) =>
        session.QueueSqlCommand(
            "update reports.access_secrets set verifier = ? where credential_id = ?", verifier, credential);

    /// <summary>Erases a user's name with the hash in the transaction of the event that tells of it.</summary>
    public static void Erase(IDocumentOperations session, Guid user) => session.QueueSqlCommand(
        "delete from reports.access_secrets where credential_id = ? and kind = ?", user, Users);

    /// <summary>Stores another hash of the same secret, unless the secret was changed meanwhile.</summary>
    public async Task RehashAsync(string userName, string old, string verifier, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "update reports.access_secrets set verifier = $1 where kind = $2 and lookup = $3 and verifier = $4");
        foreach (var text in (string[])[verifier, Users, userName, old])
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = text });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <exception cref="ProblemException">There is no such key.</exception>
    public async Task<Holder> RequireKeyAsync(string keyId, CancellationToken cancellation) =>
        await FindHolderAsync(ApiKeys, keyId, cancellation)
            ?? throw Refusal.Unknown($"There is no API key {keyId}.");

    /// <exception cref="ProblemException">There is no such user.</exception>
    public async Task<Holder> RequireUserAsync(string userName, CancellationToken cancellation) =>
        await FindHolderAsync(Users, UserRules.Lookup(userName), cancellation)
            ?? throw Refusal.Unknown($"There is no user {userName}.");

    private async Task<Holder?> FindHolderAsync(string kind, string lookup, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select c.credential_id, c.merchant_id
            from reports.access_secrets s join reports.access_credentials c using (credential_id)
            where s.kind = $1 and s.lookup = $2
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = lookup });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? new Holder(row.GetGuid(0), row.Optional<Guid>(1)) : null;
    }

    /// <summary>
    /// The credential as it stands now. Its rights and the epoch are of one snapshot, because they are of one
    /// statement.
    /// </summary>
    public async Task<StoredCredential?> FindAsync(string kind, string lookup, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Find);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = lookup });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        var found = Read(row, kind);
        return row.GetBoolean(0) ? found : null;
    }

    private static StoredCredential Read(NpgsqlDataReader row, string kind)
    {
        var isKey = kind == ApiKeys;
        var grants = row.GetFieldValue<string[]>(7);
        var actor = new Actor(
            isKey ? ActorKind.ApiKey : ActorKind.User,
            row.GetGuid(3).ToString("D"),
            row.GetGuid(2).ToString("D"));
        var caller = new Caller(
            actor,
            row.GetInt32(4),
            row.Optional<Guid>(5),
            row.GetString(9),
            IsUnrestricted: isKey ? grants.Contains(Scopes.Reports) : row.GetBoolean(6),
            grants.ToFrozenSet(StringComparer.Ordinal));
        return new StoredCredential(
            row.GetString(1), row.Optional<DateTimeOffset>(8), row.GetBoolean(10), caller, row.GetInt64(11));
    }
}
