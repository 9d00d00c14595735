namespace Reports.Ledger;

/// <summary>What was given to be verified is no export, or not a whole one: nothing can be said about it.</summary>
/// <param name="message">Why, for the one who gave it.</param>
public sealed class UnusableExportException(string message) : Exception(message);

/// <summary>Reads a file line by line through one buffer, which grows to the longest line.</summary>
internal sealed class Lines : IDisposable
{
    private const int Usual = 1 << 18;
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
                return searched == 0
                    ? false
                    : throw Unusable("its last line is cut off; a second `audit export` into the folder completes it");
            }
        }
    }

    public UnusableExportException Unusable(string why) =>
        new($"{_name}, line {Number}: {why}.");

    public void Dispose() => _file.Dispose();

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
