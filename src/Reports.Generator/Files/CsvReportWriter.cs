using CsvHelper;

namespace Reports.Generator.Files;

/// <summary>A report as comma-separated values: RFC 4180, UTF-8, CRLF.</summary>
internal sealed class CsvReportWriter : IReportWriter
{
    private readonly CsvWriter _csv;
    private readonly TimeZoneInfo _zone;

    public CsvReportWriter(Stream stream, TimeZoneInfo zone, bool byteOrderMark)
    {
        _zone = zone;
        _csv = CsvWriter.Create(
            stream,
            new CsvWriterOptions { WriteByteOrderMark = byteOrderMark, NewLine = "\r\n" },
            leaveOpen: true);
        foreach (var name in ReportColumns.Names)
        {
            _csv.WriteField(name);
        }

        _csv.EndRecord();
    }

    public ValueTask WriteAsync(Transaction transaction, CancellationToken cancellation)
    {
        var exponent = Currencies.ExponentOf(transaction.Currency);
        var occurredAt = TimeZoneInfo.ConvertTime(transaction.OccurredAt, _zone);
        WriteText(transaction.Id);
        _csv.WriteField(occurredAt, ReportColumns.TimeFormat);
        WriteText(transaction.Type.Name());
        WriteText(transaction.OriginalId ?? "");
        WriteText(transaction.OrderReference);
        WriteText(transaction.CustomerName);
        WriteText(transaction.PaymentMethod);
        WriteText(transaction.Currency);
        _csv.WriteField(ReportColumns.Amount(transaction.Gross, exponent));
        _csv.WriteField(ReportColumns.Amount(transaction.Fee, exponent));
        _csv.WriteField(ReportColumns.Amount(transaction.Net, exponent));
        return _csv.EndRecordAsync(cancellation);
    }

    public ValueTask CompleteAsync(CancellationToken cancellation) => _csv.FlushAsync(cancellation);

    public ValueTask DisposeAsync() => _csv.DisposeAsync();

    private void WriteText(string text) => _csv.WriteField(FormulaText.Neutralise(text));
}
