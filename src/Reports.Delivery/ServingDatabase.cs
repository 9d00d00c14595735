using Npgsql;

namespace Reports.Delivery;

/// <summary>
/// The connections of what every list and every download asks: single statements, prepared once in each session, which
/// leave nothing behind in it that would have to be reset. Whoever sets a session's state takes another connection.
/// </summary>
internal static class ServingDatabase
{
    /// <summary>Names the data source among the services.</summary>
    public const string Key = "serving";

    private const int MostPrepared = 32;

    public static NpgsqlDataSource Create(string connectionString) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
        {
            NoResetOnClose = true,
            MaxAutoPrepare = MostPrepared,
            AutoPrepareMinUsages = 2,
        });
}
