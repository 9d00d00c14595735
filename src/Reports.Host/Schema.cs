using Marten;
using Reports.Generator;
using Wolverine.Persistence.Durability;

namespace Reports.Host;

/// <summary>Brings every schema of the database up to date. Safe to run again, and on several nodes at once.</summary>
internal static class Schema
{
    public static async Task ApplyAsync(IServiceProvider services, CancellationToken cancellation)
    {
        await services.GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await services.GetRequiredService<IMessageStore>().Admin.MigrateAsync();
        await services.GetRequiredService<TransactionDatabase>().ApplySchemaAsync(cancellation);
    }
}
