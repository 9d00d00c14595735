using Microsoft.AspNetCore.Http;
using Reports.Contracts.Events;
using Reports.Storage;

namespace Reports.Delivery;

/// <summary>How a delivery ended.</summary>
internal sealed record DownloadEnd(DownloadOutcome? Outcome, DownloadFailure? Failure, string Code, long BytesSent)
{
    /// <summary>What was found wrong with the stored file.</summary>
    public string? Finding { get; init; }

    /// <summary>The part of the file that was answered, if it was a part.</summary>
    public ContentRange? Range { get; init; }

    public DownloadEnd(DownloadOutcome outcome, long bytesSent)
        : this(outcome, null, "", bytesSent)
    {
    }

    public DownloadEnd(DownloadFailure failure, string code, long bytesSent)
        : this(null, failure, code, bytesSent)
    {
    }
}

/// <summary>How fast a client must take what it asked for.</summary>
/// <param name="BytesPerSecond">The slowest rate.</param>
/// <param name="Grace">What is added to it for each block.</param>
internal readonly record struct DownloadPace(double BytesPerSecond, TimeSpan Grace)
{
    public TimeSpan TimeFor(int bytes) => TimeSpan.FromSeconds(bytes / BytesPerSecond) + Grace;
}

/// <summary>
/// Sends a stored file, or a part of it, block by block. A block is sent only when its digest is the one that was
/// recorded when the report was verified; the first that is needed is checked before the answer starts.
/// </summary>
internal sealed class FileDelivery : IDisposable
{
    // What is offered at a time: of what a slow client has not taken yet, the server holds a copy.
    private const int MostOffered = 32 * 1024;

    private readonly ReportFile? _file;
    private readonly VerifiedBlocks? _blocks;
    private readonly StoredReport? _report;
    private readonly Selection _selection;
    private VerifiedBlock? _block;

    private FileDelivery(ReportFile? file, VerifiedBlocks? blocks, StoredReport? report, Selection selection) =>
        (_file, _blocks, _report, _selection) = (file, blocks, report, selection);

    /// <summary>What is wrong with the file, if opening it or its first block already tells.</summary>
    public string? Finding { get; private set; }

    /// <param name="files">Where files are.</param>
    /// <param name="blocks">What is being sent of them.</param>
    /// <param name="report">Whose file it is.</param>
    /// <param name="selection">Which bytes of it are wanted.</param>
    public static async Task<FileDelivery> OpenAsync(
        ReportFiles files, VerifiedBlocks blocks, StoredReport report, Selection selection)
    {
        FileDelivery? delivery = null;
        try
        {
            var file = files.Open(Storage.StorageKey.Parse(report.StorageKey));
            delivery = new FileDelivery(file, blocks, report, selection);
            delivery.Finding = await delivery.CheckStartAsync();
            return delivery;
        }
        catch (Exception e)
        {
            delivery?.Dispose();
            var isMissing = e is FileNotFoundException or DirectoryNotFoundException;
            return new FileDelivery(null, null, null, selection) { Finding = isMissing ? "missing" : "unreadable" };
        }
    }

    /// <summary>Sends the bytes that are wanted. The first block has been read and checked already.</summary>
    /// <param name="http">The request to answer.</param>
    /// <param name="pace">How long a client may take for bytes: the server's own limit forgives who began fast.</param>
    /// <param name="stopping">Whether the node is being stopped.</param>
    public async Task<DownloadEnd> SendAsync(HttpContext http, DownloadPace pace, CancellationToken stopping)
    {
        long offered = 0;
        using var receipt = PeerReceipt.Begin(http);
        using var slow = new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, slow.Token);
        var aborted = either.Token;

        // Of what was offered, no more can have arrived than was acknowledged.
        long Sent() => receipt is null ? offered : Math.Min(offered, receipt.Bytes);
        DownloadEnd Given() => new(
            _selection.Kind == DownloadSelection.Partial ? DownloadOutcome.Partial : DownloadOutcome.Complete, offered);

        // Who has everything may hang up before the last write returns.
        DownloadEnd Cut(bool isSlow) =>
            offered == _selection.Length && receipt is not null && receipt.Holds(offered) ? Given()
            : stopping.IsCancellationRequested ? new(DownloadFailure.Interrupted, "shutdown", Sent())
            : new(DownloadFailure.Aborted, isSlow ? "too_slow" : "client_closed", Sent());
        try
        {
            for (var index = FirstBlock; _selection.First + offered <= _selection.Last; index++)
            {
                if (index > FirstBlock && await TakeBlockAsync(index) is { } finding)
                {
                    return new DownloadEnd(DownloadFailure.Corrupt, "unavailable", offered) { Finding = finding };
                }

                var wanted = Wanted(_block!, offered);
                slow.CancelAfter(pace.TimeFor(wanted.Length));
                for (; wanted.Length > 0; wanted = wanted[Math.Min(MostOffered, wanted.Length)..])
                {
                    var piece = wanted[..Math.Min(MostOffered, wanted.Length)];
                    offered += piece.Length;
                    var flushed = await http.Response.BodyWriter.WriteAsync(piece, aborted);

                    // The writes of a connection that is gone return normally: their result tells, and the token, which
                    // comes late when many connections go at once.
                    if (flushed.IsCompleted || aborted.IsCancellationRequested)
                    {
                        return Cut(slow.IsCancellationRequested);
                    }
                }

                slow.CancelAfter(Timeout.InfiniteTimeSpan);
            }

            // Nothing of the file is needed any more.
            var last = pace.TimeFor(_block?.Bytes.Length ?? 0);
            LeaveBlock();
            return receipt is null || await receipt.WaitAsync(offered, last)
                ? Given()
                : Cut(isSlow: !receipt.IsGone);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return Cut(slow.IsCancellationRequested);
        }
        catch (Exception)
        {
            return new DownloadEnd(DownloadFailure.Interrupted, "internal_error", Sent());
        }
    }

    public void Dispose()
    {
        LeaveBlock();
        _file?.Dispose();
    }

    private async ValueTask<string?> CheckStartAsync() => _file!.Length.CompareTo(_report!.FileSize) switch
    {
        < 0 => "short",
        > 0 => "altered",
        _ when _report.FileSize > 0 => await TakeBlockAsync(FirstBlock),
        _ => null,
    };

    private int FirstBlock => (int)(_selection.First / _report!.BlockSize);

    // What of a block is wanted and was not offered yet.
    private ReadOnlyMemory<byte> Wanted(VerifiedBlock block, long offered)
    {
        var first = (int)(_selection.First + offered - block.Start);
        var end = (int)Math.Min(block.Bytes.Length, _selection.Last - block.Start + 1);
        return block.Bytes[first..end];
    }

    // Null when the block is as it was recorded.
    private async ValueTask<string?> TakeBlockAsync(int index)
    {
        LeaveBlock();
        _block = await _blocks!.TakeAsync(_file!, _report!, index);
        return _block.Finding;
    }

    private void LeaveBlock()
    {
        _block?.Dispose();
        _block = null;
    }
}
