using System.IO.Compression;
using System.Security.Cryptography;
using System.Xml;
using Reports.Contracts;
using Reports.Storage;

namespace Reports.Lifecycle;

/// <summary>What a file really is.</summary>
internal sealed record FileFacts(long Size, string Sha256, BlockDigests Blocks, long Records);

/// <summary>Reads a file from storage and says what it is.</summary>
internal static class FileInspection
{
    private const int SmallestBlock = 256 * 1024;
    private const int MostBlocks = 4096;
    private const long MostTimesUnpacked = 250;
    private const long SmallestUnpacked = 64L << 20;
    private const long LargestUnpacked = 64L << 30;

    /// <exception cref="InvalidDataException">The file is not what its format says.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static async Task<FileFacts> InspectAsync(
        ReportFiles files, StorageKey key, ReportFormat format, CancellationToken cancellation)
    {
        using var file = files.Open(key);
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var records = new CsvRecordCounter();
        var block = new byte[BlockSize(file.Length)];
        var digests = new List<byte>();
        long offset = 0;
        while (await file.ReadAsync(block, offset, cancellation) is > 0 and var read)
        {
            var bytes = block.AsSpan(0, read);
            whole.AppendData(bytes);
            digests.AddRange(SHA256.HashData(bytes));
            records.Add(bytes);
            offset += read;
        }

        var rows = format switch
        {
            ReportFormat.Csv => records.DataRecords,
            ReportFormat.Xlsx => await CountRowsAsync(files, key, cancellation),
        };
        return new FileFacts(
            offset, Convert.ToHexStringLower(whole.GetHashAndReset()), new(block.Length, [.. digests]), rows);
    }

    /// <summary>So large that a file has at most a few thousand blocks: their digests stand in one event.</summary>
    internal static int BlockSize(long length)
    {
        var size = SmallestBlock;
        while (length / size >= MostBlocks)
        {
            size *= 2;
        }

        return size;
    }

    private static async Task<long> CountRowsAsync(ReportFiles files, StorageKey key, CancellationToken cancellation)
    {
        await using var stream = files.OpenStream(key);
        using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
        var left = Math.Min(LargestUnpacked, SmallestUnpacked + (stream.Length * MostTimesUnpacked));
        long rows = 0;
        foreach (var sheet in zip.Entries.Where(e => e.FullName.StartsWith("xl/worksheets/", StringComparison.Ordinal)))
        {
            // What an entry says of its length is its author's word; the reader below stops there.
            left -= sheet.Length;
            if (left < 0)
            {
                throw new InvalidDataException("The workbook unpacks to far more than a report of its size.");
            }

            await using var content = await sheet.OpenAsync(cancellation);
            rows += await CountRowsAsync(content, cancellation);
        }

        return rows;
    }

    // Each sheet repeats the header, which is no record.
    private static async Task<long> CountRowsAsync(Stream sheet, CancellationToken cancellation)
    {
        try
        {
            var settings = new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit };
            using var xml = XmlReader.Create(sheet, settings);
            long rows = 0;
            while (await xml.ReadAsync())
            {
                cancellation.ThrowIfCancellationRequested();
                rows += xml is { NodeType: XmlNodeType.Element, LocalName: "row" } ? 1 : 0;
            }

            return Math.Max(0, rows - 1);
        }
        catch (XmlException e)
        {
            throw new InvalidDataException("A sheet of the workbook is not XML.", e);
        }
    }
}

/// <summary>
/// Counts the records of a CSV file (RFC 4180) that comes in pieces: line ends inside quotes do not count.
/// </summary>
internal struct CsvRecordCounter
{
    private long _records;
    private bool _isQuoted;
    private bool _isInRecord;

    /// <summary>The records after the header.</summary>
    public readonly long DataRecords => Math.Max(0, _records + (_isInRecord ? 1 : 0) - 1);

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var next = _isQuoted ? bytes.IndexOf((byte)'"') : bytes.IndexOfAny((byte)'"', (byte)'\n');
            _isInRecord |= next != 0;
            if (next < 0)
            {
                return;
            }

            if (bytes[next] == '"')
            {
                _isQuoted = !_isQuoted;
                _isInRecord = true;
            }
            else
            {
                _records++;
                _isInRecord = false;
            }

            bytes = bytes[(next + 1)..];
        }
    }
}
