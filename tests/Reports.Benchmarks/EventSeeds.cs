using Microsoft.AspNetCore.Builder;

namespace Reports.Benchmarks;

/// <summary>A database with many events.</summary>
/// <param name="Database">The database; to be copied by whoever changes it.</param>
/// <param name="Events">How many events there are.</param>
/// <param name="Finished">How many of them finish a report.</param>
/// <param name="Merchant">A merchant with reports.</param>
/// <param name="Auditor">An auditor's key.</param>
internal sealed record EventHistory(
    BenchDatabase Database, long Events, long Finished, Caller Merchant, string Auditor);

/// <summary>Multiplies the events of reports and downloads that the service wrote itself.</summary>
internal static class EventSeeds
{
    private const int Merchants = 100;

    public static async Task<EventHistory> CreateAsync(Bench bench, int reports)
    {
        var store = await bench.MerchantsAsync(Merchants);
        var merchant = store.Callers[0];
        string auditor;
        Guid report;
        await using (var host = bench.Host(store.Database))
        {
            auditor = await Bench.KeyAsync(host, null, isAuditor: true);
            report = await Seeds.ReportAsync(host, merchant.Id, 10_000);
            await DownloadAsync(bench, store.Database, host, merchant, report);
        }

        bench.Say($"{reports * 5:#,0} events …");
        var merchants = string.Join(',', store.Callers.Select(m => $"'{m.Id}'"));
        Task CopiesAsync(string kind, string stream) =>
            CopyAsync(store.Database, kind, reports, merchants, merchant.Id, stream);
        await CopiesAsync("report", $"id = '{report}'");
        await CopiesAsync(
            "download",
            "id = (select stream_id from events.mt_events where type = 'download.attempted.v1' limit 1)");
        await store.Database.ExecuteAsync("vacuum (analyze, freeze) events.mt_events");
        await store.Database.ExecuteAsync("vacuum (analyze, freeze) ledger.row_hashes");
        await store.Database.ExecuteAsync("checkpoint");
        return new EventHistory(
            store.Database,
            await store.Database.ScalarAsync<long>("select count(*) from events.mt_events"),
            await CountAsync(store.Database, "report.finished.v1"),
            merchant,
            auditor);
    }

    // Each copy is another stream, of the merchants in turn, with a report number and a day of its own.
    private static async Task CopyAsync(
        BenchDatabase database, string kind, int count, string merchants, Guid merchant, string stream) =>
        await database.ExecuteAsync($$"""
        set synchronous_commit = off;
        create temporary table template as
            select s.id, s.type, (select count(*) from events.mt_events e where e.stream_id = s.id) as version
            from events.mt_streams s where {{stream}} limit 1;
        create temporary table copies as
            select gen_random_uuid() as id, (array[{{merchants}}])[1 + n % {{Merchants}}] as merchant, n,
                now() - interval '25 days' + n * interval '25 days' / {{count}} as at
            from generate_series(0, {{count - 1}}) n;
        insert into events.mt_streams (tenant_id, id, type, version)
        select c.merchant, c.id, t.type, t.version from copies c, template t;
        insert into events.mt_events (
            seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id,
            causation_id, headers, user_name, is_archived)
        select nextval('events.mt_events_sequence'), gen_random_uuid(), c.id, e.version,
            case when '{{kind}}' = 'report' then jsonb_set(made.data, '{report}', coalesce(
                made.data -> 'report', '{}') || jsonb_build_object('requested_at', to_char(
                    c.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'number', 2000000000 + c.n))
                else made.data end,
            e.type, c.at, c.merchant, e.mt_dotnet_type, e.correlation_id, e.causation_id, e.headers, e.user_name, false
        from copies c, template t, events.mt_events e,
            lateral (
                select replace(
                    replace(e.data::text, t.id::text, c.id::text), '{{merchant}}', c.merchant)::jsonb as data) made
        where e.stream_id = t.id
        order by c.n, e.version;
        """);

    private static async Task DownloadAsync(
        Bench bench, BenchDatabase database, WebApplication host, Caller merchant, Guid report)
    {
        using var service = await bench.ServiceAsync(database, ("Reports:Ledger:Seals", "false"));
        using var connection = await HttpConnection.OpenAsync(service.Address);
        var status = await connection.SendAsync(
            Bench.Get(service.Address, Bench.DownloadPath(host, merchant.Id, report), merchant.Key));
        if (status != 200)
        {
            throw new InvalidOperationException($"The download was answered with {status}.");
        }

        // Its end is recorded a moment after its last byte.
        await Until.TrueAsync(async () => await CountAsync(database, "download.completed.v1") > 0);
    }

    private static Task<long> CountAsync(BenchDatabase database, string type) =>
        database.ScalarAsync<long>($"select count(*) from events.mt_events where type = '{type}'");
}
