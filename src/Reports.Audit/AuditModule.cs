using Carter;
using Marten;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Audit;

/// <summary>The settings of the audit.</summary>
public sealed record AuditOptions
{
    /// <summary>The connection string of the sealer's login, complete with timeouts and name.</summary>
    public required string SealerDatabase { get; init; }

    /// <summary>The connection string of the login that reads for auditors, complete with timeouts and name.</summary>
    public required string AuditorDatabase { get; init; }

    /// <summary>How many requests to the audit surface a principal may send in an hour.</summary>
    public int ReadsPerHour { get; init; } = 1000;

    /// <inheritdoc/>
    public override string ToString() => nameof(AuditOptions);
}

/// <summary>The audit: replay, ledger, proofs.</summary>
public sealed class AuditModule : ICarterModule
{
    /// <summary>Adds what the module needs.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAudit(IServiceCollection services, AuditOptions options) =>
        services.AddSingleton(options)
            .AddSingleton(s => new SealerDatabase(
                NpgsqlDataSource.Create(s.GetRequiredService<AuditOptions>().SealerDatabase)))
            .AddSingleton(s => new AuditorDatabase(
                NpgsqlDataSource.Create(s.GetRequiredService<AuditOptions>().AuditorDatabase)))
            .AddSingleton<AuditQuota>()
            .AddSingleton<AuditReads>()
            .AddScoped<AuditReading>();

    /// <summary>Adds the module's tables to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options) =>
        options.Storage.ExtendedSchemaObjects.Add(AuditQuota.Table());

    /// <summary>Creates the schema <c>ledger</c>; after the event store's, as its owner.</summary>
    /// <param name="database">The connections of the role that owns the schema.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A task that ends when it is done.</returns>
    public static Task ApplySchemaAsync(NpgsqlDataSource database, CancellationToken cancellation) =>
        LedgerSchema.ApplyAsync(database, cancellation);

    /// <inheritdoc/>
    public void AddRoutes(IEndpointRouteBuilder app)
    {
    }
}
