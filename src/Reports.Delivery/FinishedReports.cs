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

/// <summary>A page of rows, and what the statement that read them saw.</summary>
/// <param name="Count">How many match in all.</param>
/// <param name="Rows">The rows of the page.</param>
/// <param name="HasMore">Whether there are more in the direction of the walk.</param>
/// <param name="Snapshot">What was to be seen.</param>
/// <param name="LastXid">Which transaction finished the last row; for pages in finishing order.</param>
internal sealed record ReportPage(
    long Count, IReadOnlyList<FinishedReport> Rows, bool HasMore, Snapshot Snapshot, ulong LastXid = 0);

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
    byte[] BlockDigests,
    bool IsExpired,
    bool IsHeld = false);

/// <summary>Reads the finished reports. Every statement names the merchant.</summary>
internal sealed class FinishedReports(ServingDatabase database)
{
    private readonly SharedDigests _digests = new();

    private const string Row =
        """
        report_id, number, report_name, interval, source, file_format, records_amount, created_at, generated_at,
        finished_at, period_start, period_end, time_zone, file_size, sha256, expires_at
        """;

    private const string IsMeant =
        """
        merchant_id = $1 and created_at >= $2 and created_at < $3
        and ($4::text is null or interval = $4) and ($5::text is null or source = $5)
        """;

    // Whole UTC days are summed from their buckets; only the two days at the edges are counted row by row. Both stand
    // alone, so that they are made once, and not for each row.
    private const string Seen =
        """
        (select (coalesce((
                select sum(n) from reports.finished_report_days
                where merchant_id = $1 and day >= $7 and day < $8
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5)), 0)
            + (
                select count(*) from reports.finished_reports
                where merchant_id = $1 and created_at >= $2 and created_at < $9
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5))
            + (
                select count(*) from reports.finished_reports
                where merchant_id = $1 and created_at >= $10 and created_at < $3
                  and ($4::text is null or interval = $4) and ($5::text is null or source = $5)))::bigint),
        (select pg_current_snapshot()::text)
        """;

    private const string NewestFirst = "order by created_at desc, report_id desc";
    private const string OldestFirst = "order by created_at, report_id";

    private static readonly CountedPage ByOffset = new(
        $"select {Row} from reports.finished_reports where {IsMeant} {NewestFirst} limit $6 offset $11", NewestFirst);

    private static readonly CountedPage FirstByCursor = new(
        $"select {Row} from reports.finished_reports where {IsMeant} {NewestFirst} limit $6", NewestFirst);

    private static readonly CountedPage NextByCursor = ByCursor("<", NewestFirst);

    private static readonly CountedPage PreviousByCursor = ByCursor(">", OldestFirst);

    // Only up to the oldest transaction that is still under way: it may yet finish a report before those after it.
    private const string InFinishingOrder =
        $"""
        with hits as materialized (
            select report_id, number, finished_xid from reports.finished_reports
            where {IsMeant} and (finished_xid, number) > ($7, $8)
              and finished_xid < pg_snapshot_xmin(pg_current_snapshot())
              and ($9::text is null or not pg_visible_in_snapshot(finished_xid, $9::text::pg_snapshot))),
        page as (
            select {Row}, finished_xid from reports.finished_reports join (
                select report_id from hits order by finished_xid, number limit $6 offset $10) h using (report_id))
        select (select count(*) from hits), pg_current_snapshot()::text, page.* from (select 1) one left join page on true
        order by page.finished_xid, page.number
        """;

    private const string ForDownload =
        """
        report_id, report_name, file_format, file_size, sha256, finished_at, expires_at, storage_key, block_size,
        block_digests
        """;

    /// <summary>The rows after so many others.</summary>
    public async Task<ReportPage> PageAsync(
        ReportFilter filter, int limit, long offset, CancellationToken cancellation)
    {
        await using var command = Counting(filter, limit);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = offset });
        var page = await ReadPageAsync(ByOffset, command, limit, cancellation);
        return page with { HasMore = offset < page.Count - page.Rows.Count && page.Rows.Count > 0 };
    }

    /// <summary>The rows at a place of a walk; the first ones without a place.</summary>
    public async Task<ReportPage> PageAsync(
        ReportFilter filter, int limit, Cursor? place, CancellationToken cancellation)
    {
        // One row more tells whether the walk goes on.
        var statement = place switch
        {
            null => FirstByCursor,
            { IsBackward: true } => PreviousByCursor,
            _ => NextByCursor,
        };
        await using var command = Counting(filter, limit + 1);
        if (place is not null)
        {
            command.Parameters.Add(Instant(place.CreatedAt));
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = place.Id });
            command.Parameters.AddWithValue(NpgsqlDbType.Text, place.Began);
        }

        var page = await ReadPageAsync(statement, command, limit, cancellation);
        return place is { IsBackward: true } ? page with { Rows = [.. page.Rows.Reverse()] } : page;
    }

    /// <summary>The rows that were finished after a watermark, in that order.</summary>
    public async Task<ReportPage> PageAsync(
        ReportFilter filter, int limit, long offset, Watermark since, CancellationToken cancellation)
    {
        await using var command = Command(InFinishingOrder, filter, limit);
        command.Parameters.AddWithValue(NpgsqlDbType.Xid8, since.Xid);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = since.Number });
        command.Parameters.AddWithValue(NpgsqlDbType.Text, (object?)since.Seen ?? DBNull.Value);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = offset });
        var page = (await ReadPageAsync(command, limit, cancellation))!;
        return page with { HasMore = offset < page.Count - page.Rows.Count && page.Rows.Count > 0 };
    }

    public async Task<FinishedReport?> GetAsync(Guid merchant, Guid report, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(
            $"select 0, '', {Row} from reports.finished_reports where merchant_id = $1 and report_id = $2");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = report });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? ReadRow(row) : null;
    }

    public Task<StoredReport?> FindAsync(Guid merchant, long number, CancellationToken cancellation) =>
        FindAsync("number = $2", merchant, new NpgsqlParameter<long> { TypedValue = number }, cancellation);

    public Task<StoredReport?> FindAsync(Guid merchant, Guid report, CancellationToken cancellation) =>
        FindAsync("report_id = $2", merchant, new NpgsqlParameter<Guid> { TypedValue = report }, cancellation);

    private async Task<StoredReport?> FindAsync(
        string condition, Guid merchant, NpgsqlParameter key, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(
            $"""
            select {ForDownload}, false, is_held from reports.finished_reports where merchant_id = $1 and {condition}
            union all
            select {ForDownload}, true, false from reports.expired_reports where merchant_id = $1 and {condition}
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(key);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
        {
            return null;
        }

        var id = row.GetGuid(0);
        return new StoredReport(
            id, row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4), row.GetDateTime(5),
            row.GetDateTime(6), row.GetString(7), row.GetInt32(8),
            _digests.Share(id, row.GetFieldValue<byte[]>(9)), row.GetBoolean(10), row.GetBoolean(11));
    }

    // What has expired since the walk began is shown from where it is kept now.
    private static CountedPage ByCursor(string beyond, string order) => new(
        $"""
        (select {Row} from reports.finished_reports where {IsMeant} and (created_at, report_id) {beyond} ($11, $12)
         {order} limit $6)
        union all
        (select {Row} from reports.expired_reports
         where {IsMeant} and (created_at, report_id) {beyond} ($11, $12)
           and expired_xid >= pg_snapshot_xmin($13::pg_snapshot)
           and not pg_visible_in_snapshot(expired_xid, $13::pg_snapshot)
         {order} limit $6)
        {order} limit $6
        """,
        order);

    private NpgsqlCommand Counting(ReportFilter filter, int limit)
    {
        var (from, until) = (filter.From.UtcDateTime, filter.Until.UtcDateTime);
        var firstDay = from.TimeOfDay == TimeSpan.Zero ? from : from.Date.AddDays(1);
        var lastDay = until.Date;
        var hasWholeDays = firstDay < lastDay;

        var command = Command("", filter, limit);
        var parameters = command.Parameters;
        parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = DateOnly.FromDateTime(firstDay) });
        parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = DateOnly.FromDateTime(lastDay) });
        parameters.Add(Instant(hasWholeDays ? firstDay : until));
        parameters.Add(Instant(hasWholeDays ? lastDay : until));
        return command;
    }

    private NpgsqlCommand Command(string sql, ReportFilter filter, int limit)
    {
        var command = database.Source.CreateCommand(sql);
        var parameters = command.Parameters;
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = filter.Merchant });
        parameters.Add(Instant(filter.From.UtcDateTime));
        parameters.Add(Instant(filter.Until.UtcDateTime));
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Interval ?? DBNull.Value);
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Source ?? DBNull.Value);
        parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        return command;
    }

    private static async Task<ReportPage> ReadPageAsync(
        CountedPage statement, NpgsqlCommand command, int limit, CancellationToken cancellation)
    {
        command.CommandText = statement.Sql;
        if (await ReadPageAsync(command, limit, cancellation) is { } page)
        {
            return page;
        }

        // Rows and count are of one statement here too: by now there may be some.
        command.CommandText = statement.EvenOfNothing;
        return (await ReadPageAsync(command, limit, cancellation))!;
    }

    /// <summary>Reads a page: how many there are in all, what the statement saw, and rows.</summary>
    /// <returns>Nothing when the statement gave no row to tell it.</returns>
    internal static async Task<ReportPage?> ReadPageAsync(
        NpgsqlCommand command, int limit, CancellationToken cancellation)
    {
        const int Xid = 18;
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var hasXid = row.FieldCount > Xid;
        var rows = new List<FinishedReport>(Math.Min(limit, ListReports.MaximumLimit));
        var (count, snapshot, hasMore, lastXid) = (0L, "", false, 0UL);
        while (await row.ReadAsync(cancellation))
        {
            (count, snapshot) = snapshot.Length == 0 ? (row.GetInt64(0), row.GetString(1)) : (count, snapshot);
            if (rows.Count == limit)
            {
                hasMore = true;
            }
            else if (!row.IsDBNull(2))
            {
                rows.Add(ReadRow(row));
                lastXid = hasXid ? row.GetFieldValue<ulong>(Xid) : 0;
            }
        }

        return snapshot.Length == 0 ? null : new ReportPage(count, rows, hasMore, Snapshot.Parse(snapshot), lastXid);
    }

    private static NpgsqlParameter<DateTime> Instant(DateTime value) =>
        new() { TypedValue = DateTime.SpecifyKind(value, DateTimeKind.Utc), NpgsqlDbType = NpgsqlDbType.TimestampTz };

    private static FinishedReport ReadRow(NpgsqlDataReader row) => new(
        row.GetGuid(2), row.GetInt64(3), row.GetString(4), row.GetString(5), row.GetString(6), row.GetString(7),
        row.GetInt64(8), row.GetDateTime(9), row.GetDateTime(10), row.GetDateTime(11), row.GetDateTime(12),
        row.GetDateTime(13), row.GetString(14), row.GetInt64(15), row.GetFieldValue<byte[]>(16), row.GetDateTime(17));

    /// <summary>A page with the count of all that match and what it saw, so that all three are of one snapshot.</summary>
    private sealed class CountedPage(string page, string order)
    {
        /// <summary>Without a row when the page is empty. Nothing is joined or sorted after the page.</summary>
        public string Sql { get; } = $"select {Seen}, page.* from ({page}) page {order}";

        /// <summary>With a row that tells the count in any case.</summary>
        public string EvenOfNothing { get; } =
            $"select {Seen}, page.* from (select 1) one left join ({page}) page on true {order}";
    }
}
