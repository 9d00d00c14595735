using Marten;
using Npgsql;
using Reports.Audit;
using Reports.Generator;
using Reports.Host.Roads;
using Wolverine.Persistence.Durability;
using Wolverine.Runtime;

namespace Reports.Host;

/// <summary>Brings every schema of the database up to date. Safe to run again, and on several nodes at once.</summary>
internal static class Schema
{
    /// <param name="services">Those of a host that is built for migrating: it has the right to.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static async Task ApplyAsync(IServiceProvider services, CancellationToken cancellation)
    {
        await services.GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await AuditModule.ApplySchemaAsync(services.GetRequiredService<NpgsqlDataSource>(), cancellation);
        await services.GetRequiredService<IMessageStore>().Admin.MigrateAsync();
        await PostgresQueueRoad.ApplySchemaAsync(services.GetRequiredService<IWolverineRuntime>());
        await IngressSchema.ApplyAsync(
            services.GetRequiredService<NpgsqlDataSource>(),
            services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(IngressSchema)),
            cancellation);
        await services.GetRequiredService<TransactionDatabase>().ApplySchemaAsync(cancellation);
        await new DatabaseRoles(
            services.GetRequiredService<NpgsqlDataSource>(),
            services.GetRequiredService<Settings>().Logins,
            services.GetRequiredService<ILogger<DatabaseRoles>>()).ApplyAsync(cancellation);
    }
}
