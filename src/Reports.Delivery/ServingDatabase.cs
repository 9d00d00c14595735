using Npgsql;

namespace Reports.Delivery;

/// <summary>
/// The connections of what every list and every download asks: single statements, prepared once in each session, which
/// leave nothing behind in it that would have to be reset. Whoever sets a session's state takes another connection.
/// </summary>
internal sealed class ServingDatabase : IAsyncDisposable
{
    private const int MostPrepared = 32;

    public ServingDatabase(DeliveryOptions options)
    {
        var connection = new NpgsqlConnectionStringBuilder(options.Database) { NoResetOnClose = true };

        // Statements over arrays would be planned anew for every length, which takes longer than to run them. The lists
        // are better planned by what they ask for.
        var recording = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        recording.UsePhysicalConnectionInitializer(
            session => PlanOnceAsync(session).GetAwaiter().GetResult(), PlanOnceAsync);
        Recording = recording.Build();

        connection.MaxAutoPrepare = MostPrepared;
        connection.AutoPrepareMinUsages = 2;
        Source = NpgsqlDataSource.Create(connection);
    }

    /// <summary>For what is read.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>
    /// For what is written of downloads: few sessions, since many are written together. Whoever writes prepares: what
    /// Npgsql prepares by itself stays unusable in its session when the database refuses a parameter at that moment.
    /// </summary>
    public NpgsqlDataSource Recording { get; }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await Recording.DisposeAsync();
    }

    private static async Task PlanOnceAsync(NpgsqlConnection session)
    {
        await using var command = new NpgsqlCommand("set plan_cache_mode = force_generic_plan", session);
        await command.ExecuteNonQueryAsync();
    }
}
