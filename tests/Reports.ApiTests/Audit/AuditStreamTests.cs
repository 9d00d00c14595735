using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Reports.Access;
using Reports.ApiTests.Generator;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Audit;

/// <summary>An instance with many events.</summary>
public sealed class AuditStreamApp : IAsyncLifetime
{
    public const int Many = 200_000;

    public ReportsApp App { get; } = new();

    internal TestMerchant Merchant { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await App.InitializeAsync();
        Merchant = await App.MerchantAsync();
        await FillAsync();
        await Eventually.IsTrueAsync(
            async () =>
                await AuditClient.NumberAsync(App, "select coalesce(max(size), 0) from ledger.checkpoints") > Many,
            "all of them to be sealed",
            TimeSpan.FromMinutes(3));
    }

    public ValueTask DisposeAsync() => App.DisposeAsync();

    // As downloads leave them: attempts of half a kilobyte, each in a stream of its own.
    private async Task FillAsync()
    {
        await using var command = App.Database.CreateCommand(
            $"""
            set session_replication_role = 'origin';
            create temp table filling as
                select gen_random_uuid() as stream, gen_random_uuid() as report from generate_series(1, {Many});
            insert into events.mt_streams (tenant_id, id, type, version)
                select '{Merchant.Id}', stream, 'download_stream', 1 from filling;
            insert into events.mt_events
                (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, user_name, headers)
                select nextval('events.mt_events_sequence'), gen_random_uuid(), stream, 1,
                    jsonb_build_object('attempt_id', stream, 'report_id', report, 'method', 'GET', 'locator', 'token',
                        'locator_sha256', repeat('0', 64), 'request_id', replace(stream::text, '-', ''),
                        'by', jsonb_build_object('kind', 'api_key', 'id', '{Merchant.Id}'), 'attempted_at', now()),
                    'download.attempted.v1', now(), '{Merchant.Id}', 'x', '{Merchant.Id}',
                    jsonb_build_object('request_id', replace(stream::text, '-', ''))
                from filling;
            drop table filling;
            analyze events.mt_events, events.mt_streams, ledger.row_hashes;
            """);
        command.CommandTimeout = 300;
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>Streams of events: long ones, cut ones, and those whose caller loses the right to them.</summary>
[Collection(typeof(MeasuredAlone))]
public sealed class AuditStreamTests(AuditStreamApp fixture) : IClassFixture<AuditStreamApp>
{
    private const long MostLiveBytes = 16 * 1024 * 1024;
    private readonly ReportsApp _app = fixture.App;

    [Fact]
    public async Task memory_does_not_grow_with_the_events_of_a_stream()
    {
        using var auditor = await AuditClient.AuditorAsync(_app);
        var clock = Stopwatch.StartNew();
        var before = LogCapture.LiveBytes;
        var (most, lines, bytes) = (before, 0, 0L);
        using var response = await StreamAsync(auditor, "");
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[64 * 1024];
        for (int read, piece = 0; (read = await body.ReadAsync(buffer)) > 0; piece++)
        {
            bytes += read;
            lines += buffer.AsSpan(0, read).Count((byte)'\n');
            most = piece % 200 == 0 ? Math.Max(most, LogCapture.LiveBytes) : most;
        }

        lines.ShouldBeGreaterThan(AuditStreamApp.Many);
        bytes.ShouldBeGreaterThan(4 * MostLiveBytes, "the stream must be too long to hide");
        TestContext.Current.SendDiagnosticMessage(
            "{0:n0} events/s; {1:n0} bytes; {2:n1} MiB live at most",
            lines / clock.Elapsed.TotalSeconds, bytes, (most - before) / 1024.0 / 1024.0);
        (most - before).ShouldBeLessThan(MostLiveBytes);
    }

    [Fact]
    public async Task a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing_while_events_are_appended()
    {
        using var auditor = await AuditClient.AuditorAsync(_app);
        var start = await AuditClient.SealedAsync(_app);
        var (last, seen, cuts) = (start, new List<long>(), new Random(5));
        var merchants = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _app.MerchantAsync()));
        var writing = Task.WhenAll(merchants.Select(async merchant =>
        {
            for (var i = 0; i < 60; i++)
            {
                await merchant.FinishedAsync($"r-{i}.csv");
            }
        }));
        while (!writing.IsCompleted)
        {
            await TakeAsync(cuts.Next(1, 60));
        }

        await writing;
        var end = await AuditClient.SealedAsync(_app);
        await TakeAsync(int.MaxValue);
        while (last < end)
        {
            await TakeAsync(int.MaxValue);
        }

        seen.RemoveAll(sequence => sequence > end);
        seen.ShouldBe(await SequencesAsync(start, end));

        // Whatever was cut on the way is asked for again from the last whole line on.
        async Task TakeAsync(int most)
        {
            using var response = await StreamAsync(auditor, $"?after={last}");
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
            while (most-- > 0 && await lines.ReadLineAsync() is { } line)
            {
                last = JsonDocument.Parse(line).RootElement.GetProperty("sequence").GetInt64();
                seen.Add(last);
            }
        }
    }

    [Fact]
    public async Task a_stream_ends_within_a_second_of_its_callers_right()
    {
        var key = await _app.KeyAsync(null, isAuditor: true);
        using var auditor = AuditClient.WithKey(_app, key);
        using var response = await StreamAsync(auditor, "");
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[1024];
        (await body.ReadAsync(buffer)).ShouldBeGreaterThan(0);

        // Whoever reads slowly: what is on its way fits into no buffer.
        await _app.Services.SendAsync(null, new RevokeApiKey.Command(key.Split('_')[2]), default);
        await Task.Delay(TimeSpan.FromSeconds(1));
        await Should.ThrowAsync<IOException>(async () =>
        {
            while (await body.ReadAsync(buffer) > 0)
            {
                // To the end, which never comes.
            }
        });
        await auditor.GetAsync("events", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task nothing_is_answered_that_cannot_be_recorded()
    {
        using var auditor = await AuditClient.AuditorAsync(_app);
        await RefusingAsync("audit.read.v1", async () =>
        {
            var list = $"list?merchant={fixture.Merchant.Id}";
            foreach (var path in (string[])["events", "events?format=ndjson", "events?limit=0", list])
            {
                using var refused = await auditor.Http.GetAsync(new Uri(AuditClient.Path + path, UriKind.Relative));
                await Problems.UnavailableAsync(refused);
                refused.Headers.RetryAfter.ShouldNotBeNull();
            }
        });

        await auditor.GetAsync("events");
    }

    [Fact]
    public async Task a_download_that_could_not_be_recorded_when_it_was_asked_for_is_told_as_it_was_answered()
    {
        using var auditor = await AuditClient.AuditorAsync(_app);
        var merchant = await _app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = new Uri(await merchant.DownloadPathAsync("r.csv"), UriKind.Relative);
        var id = "";
        await RefusingAsync("download.attempted.v1", async () =>
        {
            using var refused = await merchant.RealClient().GetAsync(path);
            await Problems.UnavailableAsync(refused);
            id = refused.Headers.GetValues("Download-Id").Single();
        });

        var told = await Eventually.GetAsync(
            async () =>
            {
                using var answer = await auditor.Http.GetAsync(
                    new Uri($"{AuditClient.Path}downloads/{id}", UriKind.Relative));
                return answer.IsSuccessStatusCode ? (object)await TestMerchant.JsonAsync(answer) : null;
            },
            "the attempt to be on record");
        var decision = ((JsonElement)told).GetProperty("decision");
        decision.GetProperty("ruling").GetString().ShouldBe("store_refused");
        decision.GetProperty("recorded").GetProperty("status").GetInt32().ShouldBe(503);
        decision.GetProperty("agrees").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task a_page_holds_what_is_asked_for_of_very_many_events()
    {
        using var auditor = await AuditClient.AuditorAsync(_app);
        var merchant = $"merchant={fixture.Merchant.Id}";
        var report = await TextAsync("select data ->> 'report_id' from events.mt_events where seq_id = 150000");
        foreach (var (query, count) in new[]
        {
            ($"{merchant}&after=150000", 100), ($"report={report}", 1), ($"principal=user:{Guid.CreateVersion7()}", 0),
            ($"{merchant}&type=report.expired.v1", 0), ("type=user.disabled.v1,report.expired.v1&merchant=platform", 0),
            ("from=2999-01-01T00:00:00Z", 0), ("to=2001-01-01T00:00:00Z", 0), ($"outcome=failure&{merchant}", 0),
        })
        {
            // A page may end early, before there is anything on it.
            var page = await auditor.GetAsync($"events?{query}");
            while (page.GetProperty("results").GetArrayLength() == 0 && page.GetProperty("next").GetString() is { } next)
            {
                page = await auditor.GetAsync(new Uri(next).PathAndQuery);
            }

            page.GetProperty("results").GetArrayLength().ShouldBe(count, query);
        }
    }

    private static async Task<HttpResponseMessage> StreamAsync(AuditClient auditor, string query)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri($"{AuditClient.Path}events{query}", UriKind.Relative));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));
        var response = await auditor.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return response;
    }

    private async Task<List<long>> SequencesAsync(long after, long through)
    {
        await using var command = _app.Database.CreateCommand(
            $"select seq_id from events.mt_events where seq_id > {after} and seq_id <= {through} order by seq_id");
        await using var row = await command.ExecuteReaderAsync();
        var sequences = new List<long>();
        while (await row.ReadAsync())
        {
            sequences.Add(row.GetInt64(0));
        }

        return sequences;
    }

    private async Task<string> TextAsync(string sql)
    {
        await using var command = _app.Database.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task RefusingAsync(string type, Func<Task> meanwhile)
    {
        await ExecuteAsync(
            $"""
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
            create trigger refuse before insert on events.mt_events for each row
                when (new.type = '{type}') execute function refuse();
            """);
        try
        {
            await meanwhile();
        }
        finally
        {
            await ExecuteAsync("drop function refuse() cascade");
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _app.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
