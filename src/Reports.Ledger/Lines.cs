namespace Reports.Ledger;

/// <summary>What was given to be verified is no export, or not a whole one: nothing can be said about it.</summary>
/// <param name="message">Why, for the one who gave it.</param>
public sealed class UnusableExportException(string message) : Exception(message);

/// <summary>Reads a file line by line through one buffer, which grows to the longest line.</summary>
internal sealed class Lines : IDisposable
{
    /// <summary>How long a buffer is where no line is longer.</summary>
    public const int Usual = 1 << 18;

    private const int Longest = 1 << 26; // a jsonb value is shorter than that by far

    private readonly FileStream _file;
    private readonly string _name;
    private byte[] _buffer = new byte[Usual];
    private int _start;
    private int _end;
    private int _length = -1;

    public Lines(string path)
    {
        _name = Path.GetFileName(path);
        try
        {
            _file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UnusableExportException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>The line, without its end.</summary>
    public ReadOnlySpan<byte> Current => _buffer.AsSpan(_start, _length);

    /// <summary>Which line it is, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Where in the file it begins.</summary>
    public long Offset { get; private set; }

    /// <summary>Where in the file the next one begins.</summary>
    public long Next { get; private set; }

    public long FileLength => _file.Length;

    /// <exception cref="UnusableExportException">The last line has no end, or one is too long.</exception>
    public bool Read()
    {
        _start += _length + 1;
        for (var searched = 0; ;)
        {
            var at = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                _length = searched + at;
                (Number, Offset) = (Number + 1, Next);
                Next += _length + 1;
                return true;
            }

            searched = _end - _start;
            if (!Fill())
            {
                _length = -1;
                return searched == 0 ? false : throw CutOff();
            }
        }
    }

    /// <summary>
    /// Reads on, and hands over its buffer with all whole lines that it holds; the one that is given takes its place.
    /// Whoever reads in this way reads in no other.
    /// </summary>
    /// <param name="buffer">The buffer; the lines are at its beginning.</param>
    /// <returns>The length of the lines with their ends; 0 when there are none any more.</returns>
    /// <exception cref="UnusableExportException">The last line has no end, or one is too long.</exception>
    public int Take(ref byte[] buffer)
    {
        var length = 0;
        while (length == 0)
        {
            var searched = _end;
            if (!Fill())
            {
                return searched == 0 ? 0 : throw CutOff();
            }

            var at = _buffer.AsSpan(searched, _end - searched).LastIndexOf((byte)'\n');
            length = at < 0 ? 0 : searched + at + 1;
        }

        var rest = _buffer.AsSpan(length, _end - length);
        if (buffer.Length < rest.Length)
        {
            buffer = new byte[_buffer.Length];
        }

        rest.CopyTo(buffer);
        (buffer, _buffer, _end) = (_buffer, buffer, rest.Length);
        (Number, Offset) = (Number + buffer.AsSpan(0, length).Count((byte)'\n'), Next);
        Next += length;
        return length;
    }

    public UnusableExportException Unusable(string why) => Unusable(Number, why);

    /// <param name="number">Which line it is, from 1.</param>
    /// <param name="why">What is wrong with it.</param>
    public UnusableExportException Unusable(long number, string why) => new($"{_name}, line {number}: {why}.");

    public void Dispose() => _file.Dispose();

    private UnusableExportException CutOff() =>
        Unusable("its last line is cut off; a second `audit export` into the folder completes it");

    private bool Fill()
    {
        var length = _end - _start;
        if (length == _buffer.Length)
        {
            if (length >= Longest)
            {
                throw Unusable("the next line is too long");
            }

            Array.Resize(ref _buffer, 2 * length);
        }

        if (_start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, length);
            (_start, _end) = (0, length);
        }

        var read = _file.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }
}
