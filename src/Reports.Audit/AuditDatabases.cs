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
    public void Dispose() => Source.Dispose();

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
