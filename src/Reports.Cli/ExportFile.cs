namespace Reports.Cli;

/// <summary>
/// A file of lines that grows. Whoever is killed leaves the beginning of a line behind at worst; it is cut off when the
/// file is opened again.
/// </summary>
internal sealed class ExportFile : IDisposable
{
    private const int BlockLength = 1 << 16;
    private const int BufferLength = 1 << 18;

    private readonly FileStream _file;

    public ExportFile(string path)
    {
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, BufferLength);
        Cut(EndOfLineBefore(_file.Length));
    }

    public bool IsEmpty => _file.Length == 0;

    /// <summary>The last line, without its end.</summary>
    public byte[] LastLine()
    {
        if (IsEmpty)
        {
            return [];
        }

        var end = _file.Length - 1;
        var start = EndOfLineBefore(end);
        var line = new byte[end - start];
        _file.Position = start;
        _file.ReadExactly(line);
        _file.Position = _file.Length;
        return line;
    }

    /// <summary>Takes the last line away.</summary>
    public void CutLastLine() => Cut(EndOfLineBefore(_file.Length - 1));

    public void Clear() => Cut(0);

    public void Append(ReadOnlySpan<byte> line)
    {
        _file.Write(line);
        _file.WriteByte((byte)'\n');
    }

    public void Flush() => _file.Flush();

    public void Dispose() => _file.Dispose();

    private void Cut(long length)
    {
        _file.Flush();
        _file.SetLength(length);
        _file.Position = length;
    }

    // Behind the last line feed before a place.
    private long EndOfLineBefore(long place)
    {
        var block = new byte[BlockLength];
        while (place > 0)
        {
            var start = Math.Max(0, place - BlockLength);
            _file.Position = start;
            var content = block.AsSpan(0, (int)(place - start));
            _file.ReadExactly(content);
            if (content.LastIndexOf((byte)'\n') is >= 0 and var at)
            {
                return start + at + 1;
            }

            place = start;
        }

        return 0;
    }
}
