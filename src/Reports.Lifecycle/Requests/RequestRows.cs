using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle.Requests;

/// <summary>Which requests of a merchant are meant.</summary>
/// <param name="Merchant">Whose.</param>
/// <param name="From">Created at this instant or later.</param>
/// <param name="Until">Created before this instant.</param>
/// <param name="Statuses">In one of these states, sorted and with commas between them; in any when null.</param>
/// <param name="Interval">Of this kind of period; of any when null.</param>
/// <param name="Source">Of this cause; of any when null.</param>
/// <param name="Schedule">Of this schedule; of any and of none when null.</param>
internal sealed record RequestFilter(
    Guid Merchant,
    DateTimeOffset From,
    DateTimeOffset Until,
    string? Statuses,
    string? Interval,
    string? Source,
    Guid? Schedule);

/// <summary>How far a generator says that it is.</summary>
internal sealed record RequestProgress(long Records, long? Expected, DateTime HeardAt);

/// <summary>How a try has failed.</summary>
internal sealed record RequestFailure(string Code, string Message, bool IsRetryable, int Attempt);

/// <summary>A report as the read model of all requests has it.</summary>
internal sealed record RequestRow(
    Guid Id,
    string Name,
    string Status,
    string Interval,
    string Source,
    string Format,
    ReportLayout Layout,
    DateTime PeriodStart,
    DateTime PeriodEnd,
    string TimeZone,
    Guid? ScheduleId,
    DateTime CreatedAt,
    int Attempt)
{
    public DateTime? StartedAt { get; init; }

    public DateTime? EndedAt { get; init; }

    public DateTime? RetryAt { get; init; }

    public DateTime? ExpiresAt { get; init; }

    public RequestFailure? Failure { get; init; }

    public RequestProgress? Progress { get; init; }

    /// <summary>Whether its end is still to come.</summary>
    public bool IsRunning => Status is "requested" or "generating";

    /// <summary>The row that a request is about to become.</summary>
    public static RequestRow Of(ReportRequested requested)
    {
        var report = requested.Report;
        return new RequestRow(
            requested.ReportId, report.Name, "requested", report.Interval.Word(), report.Source.Word(),
            report.Format.Word(), report.Layout, report.Period.Start.UtcDateTime, report.Period.End.UtcDateTime,
            report.Period.TimeZone, requested.ScheduleId, report.RequestedAt.UtcDateTime, Attempt: 1);
    }
}

/// <summary>A page of rows.</summary>
/// <param name="Count">How many match in all.</param>
/// <param name="Rows">The rows of the page, newest first.</param>
/// <param name="HasMore">Whether there are more in the direction of the walk.</param>
internal sealed record RequestPage(long Count, IReadOnlyList<RequestRow> Rows, bool HasMore);

/// <summary>Reads the requests. Every statement names the merchant.</summary>
internal sealed class RequestRows(NpgsqlDataSource database)
{
    private const string IsMeant =
        """
        merchant_id = $1 and created_at >= $2 and created_at < $3
        and ($4::text[] is null or status = any($4)) and ($5::text is null or interval = $5)
        and ($6::text is null or source = $6) and ($7::uuid is null or schedule_id = $7)
        """;

    private const string Row =
        """
        r.report_id, r.report_name, r.status, r.interval, r.source, r.file_format, r.layout::text, r.period_start,
        r.period_end, r.time_zone, r.schedule_id, r.created_at, r.attempt, r.started_at, r.ended_at, r.retry_at,
        r.expires_at, r.failure_code, r.failure_message, r.failure_retryable, r.failure_attempt, w.heard_at, w.records,
        w.expected_records
        """;

    private const string Watch =
        "left join reports.generation_watch w on w.report_id = r.report_id and w.attempt = r.attempt";

    /// <summary>The rows at a place of a walk; the first ones without a place.</summary>
    public async Task<RequestPage> PageAsync(
        RequestFilter filter, int limit, RequestCursor? place, CancellationToken cancellation)
    {
        // One row more tells whether the walk goes on.
        await using var command = database.CreateCommand(Sql(place));
        AddTo(command.Parameters, filter, limit + 1);
        if (place is not null)
        {
            command.Parameters.Add(Instant(place.CreatedAt));
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = place.Id });
        }

        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<RequestRow>();
        var count = 0L;
        while (await row.ReadAsync(cancellation))
        {
            count = row.GetInt64(0);
            if (!row.IsDBNull(1))
            {
                rows.Add(Read(row));
            }
        }

        var page = rows.Take(limit);
        return new RequestPage(count, [.. place is { IsBackward: true } ? page.Reverse() : page], rows.Count > limit);
    }

    public async Task<RequestRow?> FindAsync(Guid merchant, Guid report, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"select 1::bigint, {Row} from reports.report_requests r {Watch} where r.merchant_id = $1 and r.report_id = $2");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = report });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? Read(row) : null;
    }

    // Count and rows in one statement, so that both see the same requests.
    private static string Sql(RequestCursor? place)
    {
        var (beyond, order) = place switch
        {
            null => ("", "desc"),
            { IsBackward: true } => ("and (created_at, report_id) > ($9, $10)", "asc"),
            _ => ("and (created_at, report_id) < ($9, $10)", "desc"),
        };
        return
            $"""
            with counted as (select count(*) as n from reports.report_requests where {IsMeant}),
            page as (
                select * from reports.report_requests where {IsMeant} {beyond}
                order by created_at {order}, report_id {order} limit $8)
            select counted.n, {Row} from counted left join page r on true {Watch}
            order by r.created_at {order}, r.report_id {order}
            """;
    }

    private static void AddTo(NpgsqlParameterCollection parameters, RequestFilter filter, int limit)
    {
        object Optional(object? value) => value ?? DBNull.Value;
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = filter.Merchant });
        parameters.Add(Instant(filter.From.UtcDateTime));
        parameters.Add(Instant(filter.Until.UtcDateTime));
        parameters.AddWithValue(NpgsqlDbType.Array | NpgsqlDbType.Text, Optional(filter.Statuses?.Split(',')));
        parameters.AddWithValue(NpgsqlDbType.Text, Optional(filter.Interval));
        parameters.AddWithValue(NpgsqlDbType.Text, Optional(filter.Source));
        parameters.AddWithValue(NpgsqlDbType.Uuid, Optional(filter.Schedule));
        parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
    }

    private static RequestRow Read(NpgsqlDataReader row)
    {
        DateTime? Time(int column) => row.IsDBNull(column) ? null : row.GetDateTime(column);
        return new RequestRow(
            row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
            JsonSerializer.Deserialize<ReportLayout>(row.GetString(7), ContractJson.Options)!, row.GetDateTime(8),
            row.GetDateTime(9), row.GetString(10), row.IsDBNull(11) ? null : row.GetGuid(11), row.GetDateTime(12),
            row.GetInt32(13))
        {
            StartedAt = Time(14),
            EndedAt = Time(15),
            RetryAt = Time(16),
            ExpiresAt = Time(17),
            Failure = row.IsDBNull(18)
                ? null
                : new RequestFailure(row.GetString(18), row.GetString(19), row.GetBoolean(20), row.GetInt32(21)),
            Progress = Time(22) is { } heard
                ? new RequestProgress(
                    row.IsDBNull(23) ? 0 : row.GetInt64(23), row.IsDBNull(24) ? null : row.GetInt64(24), heard)
                : null,
        };
    }

    private static NpgsqlParameter<DateTime> Instant(DateTime value) =>
        new() { TypedValue = DateTime.SpecifyKind(value, DateTimeKind.Utc), NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
