using Npgsql;

namespace Reports.Audit;

/// <summary>The connections of the sealer: its role alone writes the ledger.</summary>
/// <param name="Source">Where they come from; disposed with this instance.</param>
internal sealed record SealerDatabase(NpgsqlDataSource Source) : IAsyncDisposable, IDisposable
{
    public void Dispose() => Source.Dispose();

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}

/// <summary>The connections of what answers auditors: their role reads, and writes nothing.</summary>
/// <param name="Source">Where they come from; disposed with this instance.</param>
internal sealed record AuditorDatabase(NpgsqlDataSource Source) : IAsyncDisposable, IDisposable
{
    // Events are read by the thousand: a buffer for a row or two would be filled again for nearly each of them.
    private const int ReadBuffer = 64 * 1024;

    public static AuditorDatabase Create(string connection) => new(NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connection) { ReadBufferSize = ReadBuffer }.ConnectionString));

    public void Dispose() => Source.Dispose();

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
