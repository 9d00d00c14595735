using System.Runtime.CompilerServices;
using CsvHelper;

namespace Reports.Generator.Import;

/// <summary>
/// An import file, read row by row. It goes on after a bad row, to find more, and gives up after
/// <see cref="MostErrors"/> of them.
/// </summary>
internal sealed class ImportFile : IAsyncDisposable
{
    public const int MostErrors = 20;

    // Far above what the columns allow, and what keeps a quote that is never closed from filling the memory.
    private const int MostBytesOfARow = 64 * 1024;

    private readonly CsvReader _csv;
    private readonly List<ImportError> _errors = [];

    public ImportFile(Stream stream) => _csv = CsvReader.Create(
        stream,
        new CsvReaderOptions
        {
            Separator = ',',
            MaxRecordSize = MostBytesOfARow,
            TrackLineNumbers = true,
            MalformedData = CsvMalformedDataHandling.Skip,
            OnMalformedRecord = record => Add(record.LineNumber, null, record.RawRecord, Wellformed(record.Reason)),
        },
        leaveOpen: true);

    public IReadOnlyList<ImportError> Errors => _errors;

    public long RowsRead { get; private set; }

    /// <summary>The good rows, each with its line.</summary>
    public async IAsyncEnumerable<(long Line, Transaction Transaction)> RowsAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (!await ReadHeaderAsync(cancellation))
        {
            yield break;
        }

        var row = new ImportRow(_csv, Add);
        while (_errors.Count < MostErrors && await NextAsync(cancellation))
        {
            RowsRead++;
            if (_csv.FieldCount != ImportColumns.Names.Count)
            {
                Add(_csv.LineNumber, null, null, $"{ImportColumns.Names.Count} fields, found {_csv.FieldCount}");
            }
            else if (row.Parse() is { } transaction)
            {
                yield return (_csv.LineNumber, transaction);
            }
        }
    }

    public void Add(long line, string? column, string? value, string expected)
    {
        if (_errors.Count < MostErrors)
        {
            _errors.Add(new ImportError(line, column, Short(value), expected));
        }
    }

    public ValueTask DisposeAsync() => _csv.DisposeAsync();

    private static string? Short(string? value) => value is { Length: > 80 } ? $"{value[..80]}…" : value;

    private static string Wellformed(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.UnterminatedQuote => "a closing quote for every opening one",
        CsvMalformedReason.TextAfterClosingQuote => "a comma or the end of the line after a closing quote",
        _ => "a field with a quote in it to be quoted, and the quote doubled",
    };

    private async Task<bool> ReadHeaderAsync(CancellationToken cancellation)
    {
        try
        {
            await _csv.ReadHeaderAsync(cancellation);
        }
        catch (CsvFormatException)
        {
            Add(line: 1, null, null, $"the header {ImportColumns.Header}");
            return false;
        }

        ImportColumns.Check(_csv.Headers ?? [], Add);
        return _errors.Count == 0;
    }

    private async ValueTask<bool> NextAsync(CancellationToken cancellation)
    {
        try
        {
            return await _csv.ReadAsync(cancellation);
        }
        catch (CsvFormatException tooLong)
        {
            Add(tooLong.LineNumber, null, null, $"a row of at most {MostBytesOfARow} bytes; is a quote not closed?");
            return false;
        }
    }
}
