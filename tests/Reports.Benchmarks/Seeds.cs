using System.Security.Cryptography;
using Marten;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Lifecycle;
using Reports.Storage;

namespace Reports.Benchmarks;

/// <summary>Merchants, reports and files to measure with.</summary>
internal static class Seeds
{
    private const int BlockSize = 256 * 1024;

    // From here on it is faster to make the indexes anew.
    private const long ManyRows = 2_000_000;

    // Above those of every row that SQL makes.
    private static long _number = 1_000_000_000;

    /// <summary>
    /// Rows of the list by SQL, of the last 25 days and in their order: what as many events would have left there.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="merchants">Whose they are, in turn.</param>
    /// <param name="first">The number of the first.</param>
    /// <param name="count">How many.</param>
    public static async Task RowsAsync(BenchDatabase database, IReadOnlyList<Guid> merchants, long first, long count)
    {
        var (drops, makes) = count < ManyRows ? ("", "") : await database.IndexesAsync("reports.finished_reports");
        await database.ExecuteAsync(
            $"""
            set synchronous_commit = off;
            set maintenance_work_mem = '1GB';
            {drops}
            insert into reports.finished_reports (
                report_id, merchant_id, number, report_name, interval, source, file_format, records_amount, created_at,
                generated_at, finished_at, period_start, period_end, time_zone, file_size, sha256, expires_at,
                storage_key, block_size, block_digests)
            select (lpad(to_hex((extract(epoch from t.at) * 1000)::bigint), 12, '0') || '7'
                || substr(t.random, 1, 3) || '8' || substr(t.random, 4, 15))::uuid,
                m.ids[1 + n % cardinality(m.ids)], {first} + n,
                'settlement-' || to_char(t.at, 'YYYY-MM-DD') || '.csv', 'daily', 'auto', 'csv', n % 5000, t.at,
                t.at + interval '9 seconds', t.at + interval '10 seconds', t.at - interval '1 day', t.at, 'Asia/Kuwait',
                183220, sha256(int8send(n)), t.at + interval '1 year', 'bench/none', {BlockSize}, '\x00'
            from generate_series(0, {count - 1}) n,
                (select array[{string.Join(',', merchants.Select(m => $"'{m}'::uuid"))}] as ids) m,
                lateral (
                    select now() - interval '25 days' + n * interval '25 days' / {count} as at,
                    md5(({first} + n)::text) as random) t;
            {makes}
            insert into reports.finished_report_days as d (merchant_id, day, interval, source, n)
            select merchant_id, (created_at at time zone 'UTC')::date, interval, source, count(*)
            from reports.finished_reports where number >= {first} and number < {first + count}
            group by 1, 2, 3, 4
            on conflict (merchant_id, day, interval, source) do update set n = d.n + excluded.n;
            """);
        await database.ExecuteAsync("vacuum (analyze, freeze) reports.finished_reports");
        await database.ExecuteAsync("vacuum (analyze, freeze) reports.finished_report_days");
        await database.ExecuteAsync("checkpoint");
    }

    /// <summary>A finished report with its file.</summary>
    /// <param name="host">The service.</param>
    /// <param name="merchant">Whose it is.</param>
    /// <param name="size">The length of the file in bytes.</param>
    /// <param name="isSparse">Whether the file is nothing but a hole.</param>
    /// <returns>The report.</returns>
    public static async Task<Guid> ReportAsync(
        WebApplication host, Guid merchant, long size, bool isSparse = false)
    {
        var number = Interlocked.Increment(ref _number);
        var (report, created) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow().AddMinutes(-5));
        var key = StorageKey.Parse($"{merchant:N}/{report:N}/1/report.csv");
        var (sha256, digests) = await WriteAsync(host.Services.GetRequiredService<ReportFiles>(), key, size, isSparse);
        var description = new ReportDescription(
            number, $"bench-{number}.csv", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, new(),
            new ReportPeriod(created.AddDays(-1), created, "UTC"), created);
        await using var session =
            host.Services.GetRequiredService<IDocumentStore>().LightweightSession(merchant.ToString());
        session.Events.StartStream<Report>(
            report,
            new ReportRequested(report, merchant, description, Actor.Operator),
            new ReportGenerated(report, 1, key.Value, size, sha256, 1, [], Actor.Service, created.AddSeconds(9)),
            new ReportFinished(
                report, merchant, description, key.Value, size, sha256, new BlockDigests(BlockSize, digests), 1,
                created.AddSeconds(9), created.AddSeconds(10), created.AddYears(20), Actor.Service));
        await session.SaveChangesAsync();
        return report;
    }

    /// <summary>The events of a report from its request to its end, without a file.</summary>
    public static object[] Lifecycle(Guid merchant)
    {
        var (report, now) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());
        var number = Interlocked.Increment(ref _number);
        var key = $"{merchant:N}/{report:N}/1/report.csv";
        var sha256 = new string('0', 64);
        var description = new ReportDescription(
            number, $"bench-{number}.csv", ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new(),
            new ReportPeriod(now.AddDays(-1), now, "UTC"), now);
        return
        [
            new ReportRequested(report, merchant, description, Actor.Operator),
            new GenerationStarted(report, 1, Actor.Service, now),
            new ReportGenerated(report, 1, key, 27, sha256, 2, [], Actor.Service, now),
            new ReportFinished(
                report, merchant, description, key, 27, sha256, new BlockDigests(BlockSize, new byte[32]), 2, now, now,
                now.AddYears(20), Actor.Service),
        ];
    }

    /// <summary>The stream of an event of <see cref="Lifecycle"/>.</summary>
    public static Guid StreamOf(object happened) => happened switch
    {
        ReportRequested requested => requested.ReportId,
        GenerationStarted started => started.ReportId,
        ReportGenerated generated => generated.ReportId,
        ReportFinished finished => finished.ReportId,
        _ => throw new ArgumentOutOfRangeException(nameof(happened)),
    };

    private static async Task<(string Sha256, byte[] Digests)> WriteAsync(
        ReportFiles files, StorageKey key, long size, bool isSparse)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var digests = new MemoryStream();
        await using var writer = files.Create(key);
        var block = new byte[BlockSize];
        for (long at = 0; at < size; at += BlockSize)
        {
            var part = block.AsMemory(0, (int)Math.Min(BlockSize, size - at));
            if (!isSparse)
            {
                Random.Shared.NextBytes(part.Span);
                await writer.Stream.WriteAsync(part);
            }

            whole.AppendData(part.Span);
            digests.Write(SHA256.HashData(part.Span));
        }

        if (isSparse)
        {
            writer.Stream.SetLength(size);
        }

        await writer.CommitAsync(default);
        return (Convert.ToHexStringLower(whole.GetHashAndReset()), digests.ToArray());
    }
}
