using Npgsql;

namespace Reports.Delivery;

/// <summary>
/// The connections of what every list and every download asks: single statements, prepared once in each session, which
/// leave nothing behind in it that would have to be reset. Whoever sets a session's state takes another connection.
/// </summary>
internal sealed class ServingDatabase(DeliveryOptions options) : IAsyncDisposable
{
    private const int MostPrepared = 32;

    public NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(options.Database)
        {
            NoResetOnClose = true,
            MaxAutoPrepare = MostPrepared,
            AutoPrepareMinUsages = 2,
        });

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
