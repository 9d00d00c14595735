using CsvHelper;

namespace Reports.Generator.Files;

/// <summary>A report as comma-separated values: RFC 4180, UTF-8, CRLF.</summary>
internal sealed class CsvReportWriter : IReportWriter, IRowCells
{
    private readonly CsvWriter _csv;
    private readonly ReportTable _table;
    private readonly TimeZoneInfo _zone;
    private readonly CsvQuoting _quotingOfNothing;

    public CsvReportWriter(Stream stream, ReportTable table, TimeZoneInfo zone, bool byteOrderMark)
    {
        _table = table;
        _zone = zone;

        // A row of one empty cell would be an empty line, which readers skip.
        _quotingOfNothing = table.Columns.Count == 1 ? CsvQuoting.Always : CsvQuoting.WhenNeeded;
        _csv = CsvWriter.Create(
            stream,
            new CsvWriterOptions { WriteByteOrderMark = byteOrderMark, NewLine = "\r\n" },
            leaveOpen: true);
        foreach (var label in table.Labels)
        {
            _csv.WriteField(label);
        }

        _csv.EndRecord();
    }

    public ValueTask WriteAsync(Transaction transaction, CancellationToken cancellation)
    {
        foreach (var column in _table.Columns)
        {
            column.Write(this, transaction);
        }

        return _csv.EndRecordAsync(cancellation);
    }

    public ValueTask CompleteAsync(CancellationToken cancellation) => _csv.FlushAsync(cancellation);

    public ValueTask DisposeAsync() => _csv.DisposeAsync();

    void IRowCells.Text(string text)
    {
        if (text.Length == 0)
        {
            WriteNothing();
            return;
        }

        _csv.WriteField(FormulaText.Neutralise(text));
    }

    void IRowCells.Time(DateTimeOffset time) =>
        _csv.WriteField(TimeZoneInfo.ConvertTime(time, _zone), ReportColumns.TimeFormat);

    void IRowCells.Amount(decimal? amount, string currency)
    {
        if (amount is { } value)
        {
            _csv.WriteField(ReportColumns.Amount(value, Currencies.ExponentOf(currency)));
        }
        else
        {
            WriteNothing();
        }
    }

    private void WriteNothing() => _csv.WriteField("", _quotingOfNothing);
}
