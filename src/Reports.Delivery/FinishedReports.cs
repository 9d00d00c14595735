using Npgsql;
using NpgsqlTypes;

namespace Reports.Delivery;

/// <summary>Which reports of a merchant are meant: from an instant on, up to another, of a kind.</summary>
internal sealed record ReportFilter(
    Guid Merchant, DateTimeOffset From, DateTimeOffset Until, string? Interval, string? Source);

/// <summary>A row of the list.</summary>
internal sealed record FinishedReport(
    Guid Id,
    long Number,
    string Name,
    string Interval,
    string Source,
    string Format,
    long Records,
    DateTime CreatedAt,
    DateTime GeneratedAt,
    DateTime FinishedAt,
    DateTime PeriodStart,
    DateTime PeriodEnd,
    string TimeZone,
    long FileSize,
    byte[] Sha256,
    DateTime ExpiresAt);

/// <summary>What a download needs to know of a report.</summary>
internal sealed record StoredReport(
    Guid Id,
    string Name,
    string Format,
    long FileSize,
    byte[] Sha256,
    DateTime FinishedAt,
    DateTime ExpiresAt,
    string StorageKey,
    int BlockSize,
    byte[] BlockDigests);

/// <summary>Reads the finished reports. Every statement names the merchant.</summary>
internal sealed class FinishedReports(NpgsqlDataSource database)
{
    // Count and rows in one statement, so that both see the same reports. Whole UTC days are summed from their buckets;
    // only the two days at the edges are counted row by row.
    private const string Page =
        """
        with counted as (
            select coalesce((
                select sum(n) from reports.finished_report_days
                where merchant_id = $1 and day >= $6 and day < $7
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5)), 0)
            + (
                select count(*) from reports.finished_reports
                where merchant_id = $1 and created_at >= $2 and created_at < $8
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5))
            + (
                select count(*) from reports.finished_reports
                where merchant_id = $1 and created_at >= $9 and created_at < $3
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5)) as n),
        page as (
            select report_id, number, report_name, interval, source, file_format, records_amount, created_at,
                   generated_at, finished_at, period_start, period_end, time_zone, file_size, sha256, expires_at
            from reports.finished_reports
            where merchant_id = $1 and created_at >= $2 and created_at < $3
              and ($4::text is null or interval = $4) and ($5::text is null or source = $5)
            order by created_at desc, report_id desc
            limit $10 offset $11)
        select counted.n::bigint, page.* from counted left join page on true
        order by page.created_at desc, page.report_id desc
        """;

    private const string ForDownload =
        """
        select report_id, report_name, file_format, file_size, sha256, finished_at, expires_at, storage_key,
               block_size, block_digests
        from reports.finished_reports where merchant_id = $1
        """;

    public async Task<(long Count, List<FinishedReport> Rows)> PageAsync(
        ReportFilter filter, int limit, long offset, CancellationToken cancellation)
    {
        var (from, until) = (filter.From.UtcDateTime, filter.Until.UtcDateTime);
        var firstDay = from.TimeOfDay == TimeSpan.Zero ? from : from.Date.AddDays(1);
        var lastDay = until.Date;
        var hasWholeDays = firstDay < lastDay;

        await using var command = database.CreateCommand(Page);
        var parameters = command.Parameters;
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = filter.Merchant });
        parameters.Add(Instant(from));
        parameters.Add(Instant(until));
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Interval ?? DBNull.Value);
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Source ?? DBNull.Value);
        parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = DateOnly.FromDateTime(firstDay) });
        parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = DateOnly.FromDateTime(lastDay) });
        parameters.Add(Instant(hasWholeDays ? firstDay : until));
        parameters.Add(Instant(hasWholeDays ? lastDay : until));
        parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = offset });

        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<FinishedReport>(Math.Min(limit, 200));
        long count = 0;
        while (await row.ReadAsync(cancellation))
        {
            count = row.GetInt64(0);
            if (!row.IsDBNull(1))
            {
                rows.Add(ReadRow(row));
            }
        }

        return (count, rows);
    }

    public Task<StoredReport?> FindAsync(Guid merchant, long number, CancellationToken cancellation) =>
        FindAsync("number = $2", merchant, new NpgsqlParameter<long> { TypedValue = number }, cancellation);

    public Task<StoredReport?> FindAsync(Guid merchant, Guid report, CancellationToken cancellation) =>
        FindAsync("report_id = $2", merchant, new NpgsqlParameter<Guid> { TypedValue = report }, cancellation);

    private async Task<StoredReport?> FindAsync(
        string condition, Guid merchant, NpgsqlParameter key, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"{ForDownload} and {condition}");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(key);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? new StoredReport(
                row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4),
                row.GetDateTime(5), row.GetDateTime(6), row.GetString(7), row.GetInt32(8), row.GetFieldValue<byte[]>(9))
            : null;
    }

    private static NpgsqlParameter<DateTime> Instant(DateTime value) =>
        new() { TypedValue = DateTime.SpecifyKind(value, DateTimeKind.Utc), NpgsqlDbType = NpgsqlDbType.TimestampTz };

    private static FinishedReport ReadRow(NpgsqlDataReader row) => new(
        row.GetGuid(1), row.GetInt64(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
        row.GetInt64(7), row.GetDateTime(8), row.GetDateTime(9), row.GetDateTime(10), row.GetDateTime(11),
        row.GetDateTime(12), row.GetString(13), row.GetInt64(14), row.GetFieldValue<byte[]>(15), row.GetDateTime(16));
}
