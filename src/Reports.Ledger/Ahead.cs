using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Reports.Ledger;

/// <summary>
/// Goes through a sequence on a thread of its own, some way ahead of whoever reads it here: the hashes of events and
/// the signatures of checkpoints are what verification takes its time for.
/// </summary>
internal sealed class Ahead<T> : IDisposable
{
    private const int Items = 256;
    private const int Pieces = 16;

    private readonly CancellationTokenSource _end = new();
    private readonly BlockingCollection<Piece> _pieces = new(Pieces);
    private readonly Task _reading;
    private Piece _piece = new([], 0, null);
    private int _at;

    public Ahead(IEnumerable<T> sequence) => _reading = Task.Factory.StartNew(
        () => Read(sequence), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public ref readonly T Current => ref _piece.Items[_at];

    /// <summary>Goes to the next one; what was thrown there is thrown when everything before it was read.</summary>
    public bool Read()
    {
        if (++_at < _piece.Count)
        {
            return true;
        }

        if (_piece.Error is null && _pieces.TryTake(out var next, Timeout.Infinite))
        {
            (_piece, _at) = (next, 0);
        }
        else
        {
            (_piece, _at) = (_piece with { Count = 0 }, 0);
        }

        if (_piece.Count == 0 && _piece.Error is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
        }

        return _piece.Count > 0;
    }

    public void Dispose()
    {
        _end.Cancel();
        _reading.Wait();
        _pieces.Dispose();
        _end.Dispose();
    }

    private void Read(IEnumerable<T> sequence)
    {
        var (items, count, error) = (new T[Items], 0, default(Exception));
        try
        {
            foreach (var item in sequence)
            {
                items[count++] = item;
                if (count == Items)
                {
                    _pieces.Add(new Piece(items, count, null), _end.Token);
                    (items, count) = (new T[Items], 0);
                }
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            error = e;
        }

        try
        {
            _pieces.Add(new Piece(items, count, error), _end.Token);
            _pieces.CompleteAdding();
        }
        catch (OperationCanceledException)
        {
        }
    }

    private sealed record Piece(T[] Items, int Count, Exception? Error);
}
