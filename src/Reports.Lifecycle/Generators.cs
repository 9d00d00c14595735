using System.Security.Cryptography;
using System.Text;
using JasperFx.Events;
using Marten;
using Marten.Events.Aggregation;
using Marten.Events.Projections;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Weasel.Postgresql.Tables;

namespace Reports.Lifecycle;

/// <summary>A generator that may start reports on its own, as its events tell it.</summary>
/// <param name="Id">The stream.</param>
/// <param name="MerchantId">The one merchant it may start reports for; none for all.</param>
/// <param name="Secret">Which of its secrets counts, from 1.</param>
/// <param name="KeyVersion">The version of the master key that the secret is derived from.</param>
/// <param name="IsDisabled">Whether it may start nothing any more.</param>
internal sealed record RegisteredGenerator(
    Guid Id, Guid? MerchantId, int Secret, int KeyVersion, bool IsDisabled = false)
{
    public static RegisteredGenerator? Fold(RegisteredGenerator? generator, object @event) => (generator, @event) switch
    {
        (null, GeneratorRegistered e) => new RegisteredGenerator(e.GeneratorId, e.MerchantId, 1, e.KeyVersion),
        (not null, GeneratorSecretRotated e) => generator with { Secret = e.Secret, KeyVersion = e.KeyVersion },
        (not null, GeneratorDisabled) => generator with { IsDisabled = true },
        _ => generator,
    };
}

/// <summary>Lets the event store fold a stream by <see cref="RegisteredGenerator.Fold"/>.</summary>
internal sealed partial class GeneratorFold : SingleStreamProjection<RegisteredGenerator, Guid>
{
    public override RegisteredGenerator? Evolve(RegisteredGenerator? snapshot, Guid id, IEvent e) =>
        RegisteredGenerator.Fold(snapshot, e.Data);
}

/// <summary>The generators that may start reports on their own. Written in the transaction of the event.</summary>
internal sealed partial class GeneratorsProjection : EventProjection
{
    public GeneratorsProjection()
    {
        Name = "generators";
        IncludeType<GeneratorRegistered>();
        IncludeType<GeneratorSecretRotated>();
        IncludeType<GeneratorDisabled>();
        var generators = new Table("reports.generators");
        generators.AddColumn("generator_id", "uuid").AsPrimaryKey();
        generators.AddColumn("name", "text").NotNull();
        generators.AddColumn("merchant_id", "uuid");
        generators.AddColumn("secret", "integer").NotNull();
        generators.AddColumn("key_version", "integer").NotNull();
        generators.AddColumn("registered_at", "timestamptz").NotNull();
        generators.AddColumn("disabled_at", "timestamptz");
        SchemaObjects.Add(generators);
        Options.DeleteDataInTableOnTeardown(generators.Identifier.QualifiedName);
    }

    public override ValueTask ApplyAsync(IDocumentOperations operations, IEvent e, CancellationToken cancellation)
    {
        switch (e.Data)
        {
            case GeneratorRegistered g:
                operations.QueueSqlCommand(
                    """
                    insert into reports.generators
                        (generator_id, name, merchant_id, secret, key_version, registered_at)
                    values (?, ?, ?, 1, ?, ?)
                    on conflict (generator_id) do nothing
                    """,
                    g.GeneratorId, g.Name, (object?)g.MerchantId ?? DBNull.Value, g.KeyVersion,
                    g.RegisteredAt.ToUniversalTime());
                break;
            case GeneratorSecretRotated g:
                operations.QueueSqlCommand(
                    "update reports.generators set secret = ?, key_version = ? where generator_id = ?",
                    g.Secret, g.KeyVersion, g.GeneratorId);
                break;
            case GeneratorDisabled g:
                operations.QueueSqlCommand(
                    "update reports.generators set disabled_at = ? where generator_id = ?",
                    g.DisabledAt.ToUniversalTime(), g.GeneratorId);
                break;
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>The secrets of generators: derived from the master key, so that they stand nowhere.</summary>
internal sealed class GeneratorSecrets(KeyRing keys)
{
    /// <summary>The version that new secrets are derived from.</summary>
    public int CurrentVersion => keys.Current;

    /// <summary>A secret as its generator is given it.</summary>
    public string For(Guid generator, int number, int keyVersion) =>
        Convert.ToHexStringLower(keys.Derive(keyVersion, $"generator-secret:{generator:N}:{number}"));

    /// <summary>
    /// Whether a payload is signed with the secret of a generator. One that is not there takes as long as one that is.
    /// </summary>
    public bool HasSigned(Guid generator, RegisteredGenerator? registered, string payload, string signature)
    {
        var isKnown = registered is not null && keys.Has(registered.KeyVersion);
        var secret = isKnown ? For(generator, registered!.Secret, registered.KeyVersion) : For(generator, 0, keys.Current);
        var expected = Convert.ToHexStringLower(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(payload)));
        return CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(signature)) && isKnown;
    }
}

/// <summary>Reads the table of generators.</summary>
internal sealed class GeneratorStore(NpgsqlDataSource database)
{
    public async Task<RegisteredGenerator?> FindAsync(Guid generator, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select merchant_id, secret, key_version, disabled_at is not null
            from reports.generators where generator_id = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = generator });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? new RegisteredGenerator(
                generator, row.IsDBNull(0) ? null : row.GetGuid(0), row.GetInt32(1), row.GetInt32(2), row.GetBoolean(3))
            : null;
    }
}
