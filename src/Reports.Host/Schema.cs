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
        await RenameAsync(services.GetRequiredService<NpgsqlDataSource>(), cancellation);
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

    // What the event store does not know any more, it would leave behind and make anew, empty.
    private static async Task RenameAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            do $$ begin
                if to_regclass('reports.download_origins') is not null and to_regclass('reports.origins') is null then
                    alter table reports.download_origins rename to origins;
                    alter table reports.origins rename constraint pkey_download_origins_origin to pkey_origins_origin;
                end if;
            end $$
            """);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
