using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Reports.Ledger;

/// <summary>
/// The events of an export with their leaves, in their order. Threads take turns at reading some lines of the file, and
/// hash what they read at the same time, some way ahead of whoever reads it here.
/// </summary>
internal sealed class HashedEvents : IDisposable
{
    private const int Pieces = 16;
    private const int MostThreads = 4; // what they hash is compared by one
    private const int MostAtOnce = 1 << 20;

    private readonly CancellationTokenSource _end = new();
    private readonly BlockingCollection<Piece> _pieces = new(Pieces);
    private readonly Lock _turn = new();
    private readonly Task[] _threads;
    private readonly string _path;
    private Lines? _lines;
    private bool _isRead;

    private Piece _piece = new([], 0, 0);
    private int _at;
    private long _last;

    /// <param name="path">The file.</param>
    public HashedEvents(string path)
    {
        _path = path;
        var count = Math.Min(Environment.ProcessorCount, MostThreads);
        _threads = [.. Enumerable.Range(0, count).Select(_ => Task.Factory.StartNew(
            Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
    }

    public ref readonly HashedEvent Current => ref _piece.Events[_at];

    /// <summary>Goes to the next one; what was thrown there is thrown when everything before it was read.</summary>
    /// <exception cref="UnusableExportException">They are not in their order, or a line is none.</exception>
    public bool Read()
    {
        if (++_at >= _piece.Count && !NextPiece())
        {
            return false;
        }

        var sequence = Current.Sequence;
        if (sequence <= _last)
        {
            throw _lines!.Unusable(
                _piece.Number + _at,
                sequence == 0 ? "that is no event" : $"the event {sequence} stands behind the event {_last}");
        }

        _last = sequence;
        return true;
    }

    public void Dispose()
    {
        _end.Cancel();
        Task.WaitAll(_threads);
        _lines?.Dispose();
        _pieces.Dispose();
        _end.Dispose();
    }

    private bool NextPiece()
    {
        do
        {
            if (_piece.Error is { } error)
            {
                ExceptionDispatchInfo.Throw(error);
            }

            if (!_pieces.TryTake(out var next, Timeout.Infinite))
            {
                (_piece, _at) = (new Piece([], 0, 0), 0);
                return false;
            }

            next.Wait();
            (_piece, _at) = (next, 0);
        }
        while (_piece.Count == 0);
        return true;
    }

    private void Work()
    {
        var buffer = new byte[Lines.Usual];
        try
        {
            while (Turn(ref buffer, out var piece, out var length))
            {
                piece?.Hash(buffer.AsSpan(0, length));
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
        }
    }

    // Reads on. Lines that are long are hashed at once, so that no two threads hold such ones at the same time.
    private bool Turn(ref byte[] buffer, out Piece? piece, out int length)
    {
        (piece, length) = (null, 0);
        lock (_turn)
        {
            if (_isRead)
            {
                return false;
            }

            try
            {
                _lines ??= new Lines(_path);
                var (number, offset) = (_lines.Number + 1, _lines.Next);
                length = _lines.Take(ref buffer);
                if (length > 0)
                {
                    piece = new Piece(new HashedEvent[_lines.Number + 1 - number], number, offset);
                }
            }
            catch (Exception e)
            {
                piece = new Piece([], 0, 0);
                piece.Fail(e);
            }

            _isRead = length == 0;
            if (piece is not null)
            {
                _pieces.Add(piece, _end.Token);
            }

            if (_isRead)
            {
                _pieces.CompleteAdding();
                return false;
            }

            if (buffer.Length > MostAtOnce)
            {
                piece!.Hash(buffer.AsSpan(0, length));
                (buffer, piece) = (new byte[Lines.Usual], null);
            }

            return true;
        }
    }

    // What was read at once: its first line, and where that begins.
    private sealed class Piece(HashedEvent[] events, long number, long offset)
    {
        private readonly TaskCompletionSource _done = new();

        public HashedEvent[] Events => events;

        public long Number => number;

        public int Count { get; private set; }

        public Exception? Error { get; private set; }

        public void Hash(ReadOnlySpan<byte> lines)
        {
            try
            {
                var at = 0;
                foreach (ref var hashed in events.AsSpan())
                {
                    var length = lines[at..].IndexOf((byte)'\n');
                    hashed = HashedEvent.Of(lines.Slice(at, length), offset + at);
                    at += length + 1;
                    Count++;
                }
            }
            catch (Exception e)
            {
                Error = e;
            }

            _done.SetResult();
        }

        public void Fail(Exception error)
        {
            Error = error;
            _done.SetResult();
        }

        public void Wait() => _done.Task.Wait();
    }
}
