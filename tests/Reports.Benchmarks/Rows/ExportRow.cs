using System.Diagnostics;
using System.Text;
using Npgsql;

namespace Reports.Benchmarks;

/// <summary>The audit's events as lines, against the same columns by COPY.</summary>
internal static class ExportRow
{
    private const string Copy =
        """
        copy (
            select seq_id, id, stream_id, version, type, tenant_id, timestamp, user_name, correlation_id, causation_id,
                headers, data
            from events.mt_events order by seq_id) to stdout
        """;

    public static async Task<IReadOnlyList<Line>> RunAsync(Bench bench)
    {
        var history = await bench.HistoryAsync();
        if (bench.Sealed is not { } database)
        {
            database = await bench.CopyAsync(history.Database);
            await bench.SealAsync(database, history.Events);
        }

        using var service = await bench.ServiceAsync(database, ("Reports:Ledger:Seals", "false"));
        var request = Encoding.ASCII.GetBytes(
            $"GET /b/api/v1/audit/events?format=ndjson HTTP/1.1\r\nHost: {service.Address.Authority}\r\n"
            + $"Api-Key: {history.Auditor}\r\n\r\n");
        var bytes = 0L;
        var comparison = await Comparison.OfRatesAsync(
            async () =>
            {
                var start = Stopwatch.GetTimestamp();
                using var connection = await HttpConnection.OpenAsync(service.Address);
                var status = await connection.SendAsync(request);
                bytes = connection.Received;
                return status == 200
                    ? history.Events / Stopwatch.GetElapsedTime(start).TotalSeconds
                    : throw new InvalidOperationException($"The export was answered with {status}.");
            },
            async () => history.Events / (await CopyTo.NowhereAsync(database.Superuser, Copy)).TotalSeconds,
            bench.Options.Rounds);
        bench.Sealed = null;
        await bench.DropAsync(database);
        return
        [
            Line.AtLeast(
                $"audit export, {Line.Number(history.Events)} events as NDJSON", comparison, 0.5, "events/s") with
            {
                Memory = $"{Line.Number(service.PeakMiB)} MiB",
                Remark = $"{Line.Number(bytes / 1e6)} MB in all; against COPY of the events' columns alone",
            },
        ];
    }
}

/// <summary>What PostgreSQL's own COPY takes.</summary>
internal static class CopyTo
{
    /// <summary>Reads all that a statement gives and throws it away.</summary>
    public static Task<TimeSpan> NowhereAsync(string database, string sql) => StreamAsync(database, sql, Stream.Null);

    /// <summary>Writes all that a statement gives.</summary>
    public static async Task<TimeSpan> StreamAsync(string database, string sql, Stream target)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        var start = Stopwatch.GetTimestamp();
        using var reader = await connection.BeginTextExportAsync(sql);
        await ((StreamReader)reader).BaseStream.CopyToAsync(target, 128 * 1024);
        return Stopwatch.GetElapsedTime(start);
    }
}
