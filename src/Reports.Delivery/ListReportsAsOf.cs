using System.Text.Json.Nodes;
using FluentValidation;
using Microsoft.AspNetCore.Http;
using Npgsql;
using NpgsqlTypes;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>
/// What a merchant's list answered at an instant, made from the events again and from no read model: a report was
/// listed from its <c>ReportFinished</c> to its <c>ReportExpired</c>, by the database's clock
/// (<c>docs/adr/0020-replay.md</c>).
/// </summary>
internal sealed class ListReportsAsOf(ReportPresenter presenter, IValidator<ListReports.Query> validator)
{
    // Of a finished report only what the list shows is taken out of the event, once.
    private const string AsOf =
        """
        with expired as (
            select x.data ->> 'report_id' as report_id
            from events.mt_events x join ledger.row_hashes h using (seq_id)
            where x.tenant_id = $1 and x.type = 'report.expired.v1' and h.recorded_at <= $8),
        listed as (
            select f.data -> 'report' as report, f.data ->> 'report_id' as report_id,
                   (f.data ->> 'records')::bigint as records, (f.data ->> 'generated_at')::timestamptz as generated_at,
                   (f.data ->> 'finished_at')::timestamptz as finished_at,
                   (f.data ->> 'file_size')::bigint as file_size,
                   decode(f.data ->> 'sha256', 'hex') as sha256, (f.data ->> 'expires_at')::timestamptz as expires_at
            from events.mt_events f join ledger.row_hashes h using (seq_id)
            where f.tenant_id = $1 and f.type = 'report.finished.v1' and h.recorded_at <= $8),
        meant as materialized (
            select report_id::uuid, (report ->> 'number')::bigint as number, report ->> 'name' as name,
                   report ->> 'interval' as interval, report ->> 'source' as source, report ->> 'format' as format,
                   records, (report ->> 'requested_at')::timestamptz as created_at, generated_at, finished_at,
                   (report -> 'period' ->> 'start')::timestamptz as period_start,
                   (report -> 'period' ->> 'end')::timestamptz as period_end,
                   report -> 'period' ->> 'time_zone' as zone,
                   file_size, sha256, expires_at
            from listed
            where (report ->> 'requested_at')::timestamptz >= $2 and (report ->> 'requested_at')::timestamptz < $3
              and ($4::text is null or report ->> 'interval' = $4) and ($5::text is null or report ->> 'source' = $5)
              and report_id not in (select report_id from expired where report_id is not null)),
        page as (select * from meant order by created_at desc, report_id desc limit $6 offset $7)
        select (select count(*) from meant), pg_current_snapshot()::text, page.*
        from (select 1) one left join page on true
        order by page.created_at desc, page.report_id desc
        """;

    /// <summary>The list as its body was then, without what leads to downloads and without its watermark.</summary>
    /// <param name="http">The request; the list's own parameters are among its parameters.</param>
    /// <param name="database">Where the events are.</param>
    /// <param name="merchant">Whose list.</param>
    /// <param name="asOf">The instant.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ProblemException">A parameter is wrong, or there was no such merchant then.</exception>
    public async Task<JsonObject> AnswerAsync(
        HttpContext http, NpgsqlDataSource database, Guid merchant, DateTimeOffset asOf, CancellationToken cancellation)
    {
        var parameters = http.Request.Query;
        foreach (var walk in (string[])["cursor", "since"])
        {
            if (parameters.ContainsKey(walk))
            {
                throw Parameters.Invalid(walk, "belongs to the list of now; go on by offset");
            }
        }

        var query = new ListReports.Query(
            Parameters.Once(parameters, "created_after"),
            Parameters.Once(parameters, "created_before"),
            Parameters.Once(parameters, "tz"),
            Parameters.Once(parameters, "interval"),
            Parameters.Once(parameters, "source"),
            Parameters.Once(parameters, "limit"),
            Parameters.Once(parameters, "offset"));
        Shapes.Require(await validator.ValidateAsync(query, cancellation));
        var zone = await ZoneAsync(database, merchant, asOf, cancellation)
            ?? throw new ProblemException(Problem.NotFound with { Detail = "There was no such merchant" });
        var filter = ListReports.Decide(query, merchant, zone, asOf);
        var (limit, kept) = ListReports.Kept(query, filter);
        var offset = Parameters.Number(query.Offset) ?? 0;
        var page = await PageAsync(database, filter, limit, offset, asOf, cancellation);
        return presenter.ListAsOf(http.Request, merchant, ListWalks.Page(page, offset, limit, kept, watermark: ""));
    }

    private static async Task<ReportPage> PageAsync(
        NpgsqlDataSource database,
        ReportFilter filter,
        int limit,
        long offset,
        DateTimeOffset asOf,
        CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(AsOf);
        var parameters = command.Parameters;
        parameters.AddWithValue(NpgsqlDbType.Varchar, Tenants.Name(filter.Merchant));
        parameters.AddWithValue(NpgsqlDbType.TimestampTz, filter.From.UtcDateTime);
        parameters.AddWithValue(NpgsqlDbType.TimestampTz, filter.Until.UtcDateTime);
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Interval ?? DBNull.Value);
        parameters.AddWithValue(NpgsqlDbType.Text, (object?)filter.Source ?? DBNull.Value);
        parameters.AddWithValue(NpgsqlDbType.Integer, limit);
        parameters.AddWithValue(NpgsqlDbType.Bigint, offset);
        parameters.AddWithValue(NpgsqlDbType.TimestampTz, asOf.UtcDateTime);
        var page = (await FinishedReports.ReadPageAsync(command, limit, cancellation))!;
        return page with { HasMore = offset < page.Count - page.Rows.Count && page.Rows.Count > 0 };
    }

    // The zone in which dates were days for the merchant; none when there was no such merchant yet.
    private static async Task<string?> ZoneAsync(
        NpgsqlDataSource database, Guid merchant, DateTimeOffset asOf, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select e.data ->> 'time_zone' from events.mt_events e join ledger.row_hashes h using (seq_id)
            where e.tenant_id = $1 and e.stream_id = $2 and h.recorded_at <= $3
              and e.type in ('merchant.registered.v1', 'merchant.changed.v1')
            order by e.version desc limit 1
            """);
        command.Parameters.AddWithValue(NpgsqlDbType.Varchar, Tenants.Name(merchant));
        command.Parameters.AddWithValue(merchant);
        command.Parameters.AddWithValue(NpgsqlDbType.TimestampTz, asOf.UtcDateTime);
        return await command.ExecuteScalarAsync(cancellation) as string;
    }
}
