using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Reports.Generator;

/// <summary>The reference report generator, for a host to take in.</summary>
public static class GeneratorModule
{
    /// <summary>
    /// Adds the generator, its database and its import. The host adds the <see cref="Storage.ReportFiles"/>, applies
    /// the schema (<see cref="TransactionDatabase.ApplySchemaAsync"/>) and hands over the messages.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="connectionString">The database that holds, or is to hold, the schema <c>transactions</c>.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddReferenceGenerator(this IServiceCollection services, string connectionString) =>
        services
            .AddSingleton(_ => new TransactionDatabase(DataSource(connectionString)))
            .AddSingleton<TransactionImport>()
            .AddSingleton<ReferenceGenerator>();

    // Never registered by itself: the host has data sources of its own, under other roles.
    private static NpgsqlDataSource DataSource(string connectionString) => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "reports-generator" });
}
