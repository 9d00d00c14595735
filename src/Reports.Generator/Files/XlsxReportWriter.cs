using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Reports.Generator.Files;

/// <summary>
/// A report as a workbook (ECMA-376), written forward only: rows go straight into the zip archive, and the parts that
/// name the sheets follow at the end. <c>docs/adr/0006-xlsx-writer.md</c> says why it is our own.
/// </summary>
internal sealed class XlsxReportWriter : IReportWriter
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
    private readonly TimeZoneInfo _zone;
    private readonly bool _rightToLeft;
    private readonly int _rowsPerSheet;
    private StreamWriter? _sheet;
    private int _sheets;
    private int _rowsOfSheet;
    private int _row;

    public XlsxReportWriter(Stream stream, TimeZoneInfo zone, bool rightToLeft, int rowsPerSheet = MostRowsOfASheet)
    {
        _zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
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

    private async Task StartSheetAsync(CancellationToken cancellation)
    {
        await EndSheetAsync(cancellation);
        _sheets++;
        (_row, _rowsOfSheet) = (1, 0);
        _sheet = await OpenAsync(XlsxParts.SheetPath(_sheets), cancellation);
        _rows.Append(XlsxParts.SheetStart(_rightToLeft, isFirst: _sheets == 1));
        StartRow();
        for (var column = 0; column < ReportColumns.Names.Count; column++)
        {
            AppendText(column, ReportColumns.Names[column], XlsxParts.HeaderStyle);
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
        var exponent = Currencies.ExponentOf(transaction.Currency);
        StartRow();
        AppendText(0, transaction.Id);
        AppendTime(1, TimeZoneInfo.ConvertTime(transaction.OccurredAt, _zone).DateTime);
        AppendText(2, transaction.Type.Name());
        AppendText(3, transaction.OriginalId ?? "");
        AppendText(4, transaction.OrderReference);
        AppendText(5, transaction.CustomerName);
        AppendText(6, transaction.PaymentMethod);
        AppendText(7, transaction.Currency);
        AppendAmount(8, transaction.Gross, exponent);
        AppendAmount(9, transaction.Fee, exponent);
        AppendAmount(10, transaction.Net, exponent);
        EndRow();
    }

    private void StartRow() => _rows.Append(CultureInfo.InvariantCulture, $"<row r=\"{_row}\">");

    private void EndRow()
    {
        _rows.Append("</row>");
        _row++;
    }

    // The style of a formula's look-alike says "text" too, or editing the cell would turn it into a formula.
    private void AppendText(int column, string text) => AppendText(
        column, text, FormulaText.IsOne(text) ? XlsxParts.QuotedTextStyle : XlsxParts.TextStyle);

    private void AppendText(int column, string text, int style)
    {
        if (text.Length == 0)
        {
            return;
        }

        StartCell(column, style);
        _rows.Append(" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        XlsxText.Append(_rows, text);
        _rows.Append("</t></is></c>");
    }

    private void AppendTime(int column, DateTime local)
    {
        StartCell(column, XlsxParts.TimeStyle);
        _rows.Append(CultureInfo.InvariantCulture, $"><v>{(local - DayZero).TotalDays:R}</v></c>");
    }

    private void AppendAmount(int column, decimal amount, int exponent)
    {
        StartCell(column, XlsxParts.AmountStyle(exponent));
        _rows.Append("><v>").Append(ReportColumns.Amount(amount, exponent)).Append("</v></c>");
    }

    private void StartCell(int column, int style) =>
        _rows.Append(CultureInfo.InvariantCulture, $"<c r=\"{(char)('A' + column)}{_row}\" s=\"{style}\"");
}
