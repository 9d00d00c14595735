namespace Reports.Generator.Files;

/// <summary>Writes rows to a file as they come and keeps none. Without a row, the header is there still.</summary>
internal interface IReportWriter : IAsyncDisposable
{
    ValueTask WriteAsync(Transaction transaction, CancellationToken cancellation);

    /// <summary>Writes what follows the last row. Without it, the file is not whole.</summary>
    ValueTask CompleteAsync(CancellationToken cancellation);
}
