using System.Security.Cryptography;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Generator.Files;
using Reports.Storage;

namespace Reports.Generator;

/// <summary>
/// Writes settlement reports from the transaction database. The same request over the same transactions gives the same
/// bytes.
/// </summary>
/// <param name="database">Where the transactions are.</param>
/// <param name="files">Where the reports go.</param>
/// <param name="clock">Times the signs of life.</param>
public sealed class ReferenceGenerator(TransactionDatabase database, ReportFiles files, TimeProvider clock)
{
    /// <summary>The name and version that the answers carry.</summary>
    public static string Name { get; } = "reports-generator/"
        + typeof(ReferenceGenerator).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>Writes one report's file below the granted prefix.</summary>
    /// <param name="message">What is asked for.</param>
    /// <param name="progress">
    /// Hears of the work, if anybody wants to: how many rows are written and, when it is known, how many there will be.
    /// It is called before the first row, then after every third of the time that the order calls a sign of life late
    /// (<see cref="GenerateReport.HeartbeatSeconds"/>; 10 s without), while a slow query has not answered yet too, and
    /// never after the end. What it throws ends the work.
    /// </param>
    /// <param name="cancellation">Stops the work; nothing is left behind then.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="GenerationRefusedException">The request can never be met.</exception>
    /// <exception cref="IOException">The file cannot be written; another try may succeed.</exception>
    /// <exception cref="Npgsql.NpgsqlException">The transactions cannot be read; another try may succeed.</exception>
    public async Task<GenerationCompleted> GenerateAsync(
        GenerateReport message,
        Func<long, long?, CancellationToken, ValueTask>? progress,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.Period.End <= message.Period.Start)
        {
            throw new GenerationRefusedException("invalid_period", "The period ends before it starts.");
        }

        var zone = ZoneOf(message.Period);
        var table = ReportTable.Of(message.Layout);
        var fileName = FileName(message.Format);
        await using var file = files.Create(Key(message.StoragePrefix, fileName));
        await using var digest = new DigestStream(file.Stream);
        var totals = new Totals();
        await using var heartbeat = progress is null
            ? null
            : await Heartbeat.StartAsync(message, database, totals, progress, clock, cancellation);
        await using (var writer = Writer(message, digest, table, zone))
        {
            var (start, end) = (message.Period.Start, message.Period.End);
            var rows = database.ReadAsync(message.MerchantId, start, end, table.HasBreakdown, cancellation);
            await foreach (var transaction in rows)
            {
                totals.Add(transaction);
                await writer.WriteAsync(transaction, cancellation);
            }

            await writer.CompleteAsync(cancellation);
        }

        await file.CommitAsync(cancellation);
        return new GenerationCompleted(
            message.ReportId,
            message.Attempt,
            message.Grant,
            Name,
            fileName,
            digest.Length,
            digest.Sha256(),
            totals.Records,
            totals.ByCurrency());
    }

    // A name of its own for each run: an order that comes twice must not touch the file that an earlier run has
    // claimed.
    private static string FileName(ReportFormat format)
    {
        var run = RandomNumberGenerator.GetHexString(12, lowercase: true);
        return format switch
        {
            ReportFormat.Csv => $"report-{run}.csv",
            ReportFormat.Xlsx => $"report-{run}.xlsx",
        };
    }

    private static IReportWriter Writer(
        GenerateReport message, Stream stream, ReportTable table, TimeZoneInfo zone) =>
        message.Format switch
        {
            ReportFormat.Csv => new CsvReportWriter(stream, table, zone, message.Layout.ByteOrderMark),
            ReportFormat.Xlsx => new XlsxReportWriter(stream, table, zone, message.Layout.RightToLeft),
        };

    private static TimeZoneInfo ZoneOf(ReportPeriod period) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(period.TimeZone, out var zone)
            ? zone
            : throw new GenerationRefusedException(
                "unknown_time_zone", $"The time zone '{period.TimeZone}' is not known.");

    private static StorageKey Key(string prefix, string fileName)
    {
        try
        {
            return StorageKey.Below(prefix, fileName);
        }
        catch (FormatException)
        {
            throw new GenerationRefusedException("invalid_storage_prefix", "The storage prefix is not one.");
        }
    }
}
