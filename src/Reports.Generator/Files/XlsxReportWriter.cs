using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Reports.Generator.Files;

/// <summary>
/// A report as a workbook (ECMA-376), written forward only: rows go straight into the zip archive, and the parts that
/// name the sheets follow at the end. <c>docs/adr/0006-xlsx-writer.md</c> says why it is our own.
/// </summary>
internal sealed class XlsxReportWriter : IReportWriter, IRowCells
{
    /// <summary>The rows of a sheet in a spreadsheet, less the header.</summary>
    public const int MostRowsOfASheet = 1_048_575;

    private const int BufferedChars = 64 * 1024;

    // The clock must not show in the bytes; a zip archive knows no earlier time.
    private static readonly DateTimeOffset EntryTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTime DayZero = new(1899, 12, 30, 0, 0, 0, DateTimeKind.Unspecified);

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly StringBuilder _rows = new(BufferedChars + 4096);
    private readonly ZipArchive _zip;
    private readonly ReportTable _table;
    private readonly TimeZoneInfo _zone;
    private readonly bool _rightToLeft;
    private readonly int _rowsPerSheet;
    private StreamWriter? _sheet;
    private int _sheets;
    private int _rowsOfSheet;
    private int _row;
    private int _column;

    public XlsxReportWriter(
        Stream stream, ReportTable table, TimeZoneInfo zone, bool rightToLeft, int rowsPerSheet = MostRowsOfASheet)
    {
        _zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        _table = table;
        _zone = zone;
        _rightToLeft = rightToLeft;
        _rowsPerSheet = rowsPerSheet;
    }

    public async ValueTask WriteAsync(Transaction transaction, CancellationToken cancellation)
    {
        if (_sheet is null || _rowsOfSheet == _rowsPerSheet)
        {
            await StartSheetAsync(cancellation);
        }

        AppendRow(transaction);
        _rowsOfSheet++;
        if (_rows.Length >= BufferedChars)
        {
            await FlushRowsAsync(cancellation);
        }
    }

    public async ValueTask CompleteAsync(CancellationToken cancellation)
    {
        if (_sheet is null)
        {
            await StartSheetAsync(cancellation);
        }

        await EndSheetAsync(cancellation);
        foreach (var (name, content) in XlsxParts.Around(_sheets))
        {
            await using var part = await OpenAsync(name, cancellation);
            await part.WriteAsync(content.AsMemory(), cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_sheet is not null)
        {
            await _sheet.DisposeAsync();
        }

        await _zip.DisposeAsync();
    }

    // The style of a formula's look-alike says "text" too, or editing the cell would turn it into a formula.
    void IRowCells.Text(string text)
    {
        if (text.Length == 0)
        {
            SkipCell();
            return;
        }

        AppendText(text, FormulaText.IsOne(text) ? XlsxParts.QuotedTextStyle : XlsxParts.TextStyle);
    }

    void IRowCells.Time(DateTimeOffset time)
    {
        var local = TimeZoneInfo.ConvertTime(time, _zone).DateTime;
        StartCell(XlsxParts.TimeStyle);
        _rows.Append(CultureInfo.InvariantCulture, $"><v>{(local - DayZero).TotalDays:R}</v></c>");
    }

    void IRowCells.Amount(decimal? amount, string currency)
    {
        if (amount is not { } value)
        {
            SkipCell();
            return;
        }

        var exponent = Currencies.ExponentOf(currency);
        StartCell(XlsxParts.AmountStyle(exponent));
        _rows.Append("><v>").Append(ReportColumns.Amount(value, exponent)).Append("</v></c>");
    }

    private async Task StartSheetAsync(CancellationToken cancellation)
    {
        await EndSheetAsync(cancellation);
        _sheets++;
        (_row, _rowsOfSheet) = (1, 0);
        _sheet = await OpenAsync(XlsxParts.SheetPath(_sheets), cancellation);
        _rows.Append(XlsxParts.SheetStart(_rightToLeft, isFirst: _sheets == 1, _table.Columns));
        StartRow();
        foreach (var label in _table.Labels)
        {
            AppendText(label, XlsxParts.HeaderStyle);
        }

        EndRow();
    }

    private async Task EndSheetAsync(CancellationToken cancellation)
    {
        if (_sheet is null)
        {
            return;
        }

        _rows.Append(XlsxParts.SheetEnd);
        await FlushRowsAsync(cancellation);
        await _sheet.DisposeAsync();
        _sheet = null;
    }

    private async Task FlushRowsAsync(CancellationToken cancellation)
    {
        await _sheet!.WriteAsync(_rows, cancellation);
        _rows.Clear();
    }

    private async Task<StreamWriter> OpenAsync(string path, CancellationToken cancellation)
    {
        var entry = _zip.CreateEntry(path, CompressionLevel.Optimal);
        entry.LastWriteTime = EntryTime;
        return new StreamWriter(await entry.OpenAsync(cancellation), Utf8, BufferedChars);
    }

    private void AppendRow(Transaction transaction)
    {
        StartRow();
        foreach (var column in _table.Columns)
        {
            column.Write(this, transaction);
        }

        EndRow();
    }

    private void StartRow()
    {
        _rows.Append(CultureInfo.InvariantCulture, $"<row r=\"{_row}\">");
        _column = 0;
    }

    private void EndRow()
    {
        _rows.Append("</row>");
        _row++;
    }

    private void AppendText(string text, int style)
    {
        StartCell(style);
        _rows.Append(" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        XlsxText.Append(_rows, text);
        _rows.Append("</t></is></c>");
    }

    private void StartCell(int style) =>
        _rows.Append(CultureInfo.InvariantCulture, $"<c r=\"{(char)('A' + _column++)}{_row}\" s=\"{style}\"");

    private void SkipCell() => _column++;
}
