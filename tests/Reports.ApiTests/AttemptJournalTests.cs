using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What concurrent attempts share is the commit, and nothing else.</summary>
public sealed class AttemptJournalTests(ReportsApp app)
{
    private const int Many = 100;

    private AttemptJournal Journal => app.Services.GetRequiredService<AttemptJournal>();

    [Fact]
    public async Task what_comes_while_a_commit_is_under_way_is_the_next_commit()
    {
        var attempts = Enumerable.Range(0, Many).Select(_ => Attempt()).ToList();

        var (began, ended) = (new List<Task<bool>>(), new List<Task<bool>>());
        await using (await LockStreamsAsync())
        {
            began.AddRange(attempts.Select(a => Journal.StartAsync(a, a.Attempted)));
        }

        (await Task.WhenAll(began)).ShouldAllBe(isNew => isNew);
        await using (await LockStreamsAsync())
        {
            ended.AddRange(attempts.Select(a => Journal.EndAsync(a, End(a))));
        }

        (await Task.WhenAll(ended)).ShouldAllBe(wasOpen => wasOpen);
        var ids = attempts.ConvertAll(a => a.Id).ToArray();
        const string commits =
            "select distinct xmin::text from events.mt_events where stream_id = any($1) and version = ";
        (await ColumnAsync(commits + 1, ids)).Count.ShouldBeLessThan(Many / 10);
        (await ColumnAsync(commits + 2, ids)).Count.ShouldBeLessThan(Many / 10);
    }

    [Fact]
    public async Task an_attempt_begins_once_and_ends_once()
    {
        var (attempt, unknown) = (Attempt(), Attempt());

        (await Journal.EndAsync(unknown, End(unknown))).ShouldBeFalse();
        (await Journal.StartAsync(attempt, attempt.Attempted)).ShouldBeTrue();
        (await Journal.StartAsync(attempt, attempt.Attempted)).ShouldBeFalse();
        (await Journal.EndAsync(attempt, End(attempt))).ShouldBeTrue();
        (await Journal.EndAsync(attempt, End(attempt))).ShouldBeFalse();

        var types = await ColumnAsync(
            "select type from events.mt_events where stream_id = any($1) order by seq_id", attempt.Id, unknown.Id);
        types.ShouldBe(["download.attempted.v1", "download.failed.v1"]);
    }

    [Fact]
    public async Task an_attempt_that_the_database_refuses_takes_no_other_with_it()
    {
        var (good, bad) = (Enumerable.Range(0, 20).Select(_ => Attempt()).ToList(), Attempt("\0"));

        var commits = new List<Task<bool>>();
        var refused = Task.FromResult(true);
        await using (await LockStreamsAsync())
        {
            commits.AddRange(good.Take(10).Select(a => Journal.StartAsync(a, a.Attempted)));
            refused = Journal.StartAsync(bad, bad.Attempted);
            commits.AddRange(good.Skip(10).Select(a => Journal.StartAsync(a, a.Attempted)));
        }

        (await Task.WhenAll(commits)).ShouldAllBe(isNew => isNew);
        await Should.ThrowAsync<PostgresException>(refused);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task an_attempt_that_the_database_refuses_does_not_spoil_the_session_for_the_next(int before)
    {
        await using var database = new ServingDatabase(app.Services.GetRequiredService<DeliveryOptions>());
        await using var journal = new AttemptJournal(database, TimeProvider.System);
        async Task<bool> StartAsync(DownloadAttempt attempt) => await journal.StartAsync(attempt, attempt.Attempted);

        for (var i = 0; i < before; i++)
        {
            (await StartAsync(Attempt())).ShouldBeTrue();
        }

        await Should.ThrowAsync<PostgresException>(StartAsync(Attempt("\0")));

        (await StartAsync(Attempt())).ShouldBeTrue();
    }

    [Fact]
    public async Task what_the_journal_writes_is_what_the_event_store_would_write()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var path = await merchant.DownloadPathAsync("r.csv");
        using var client = merchant.RealClient();
        client.DefaultRequestHeaders.UserAgent.ParseAdd($"new-here/{Guid.CreateVersion7():N}");

        // The first comes from an origin whose row must be written too: the event store writes it.
        var (byStore, byJournal) = (await DownloadAsync(), await DownloadAsync());

        byJournal.ShouldBe(byStore);

        async Task<List<string>> DownloadAsync()
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
            await answer.Content.ReadAsByteArrayAsync();
            var attempt = Guid.Parse(answer.Headers.GetValues("Download-Id").Single());
            await merchant.EndOfAsync(attempt);
            return await ColumnAsync(
                """
                select concat(
                    to_jsonb(e) - '{seq_id,id,stream_id,timestamp,data,headers,correlation_id,causation_id}'::text[],
                    length(e.correlation_id), ' ', length(e.causation_id), e.headers ->> 'origin',
                    (select string_agg(k, ',' order by k) from jsonb_object_keys(e.headers) k),
                    (select string_agg(k, ',' order by k) from jsonb_object_keys(e.data) k))
                from events.mt_events e where e.stream_id = any($1)
                union all
                select concat(to_jsonb(s) - '{id,timestamp,created}'::text[], s.created is null, s.timestamp is null)
                from events.mt_streams s where s.id = any($1)
                """,
                attempt);
        }
    }

    // Until it is disposed of, nobody commits a stream.
    private async Task<IAsyncDisposable> LockStreamsAsync()
    {
        var connection = await app.Database.OpenConnectionAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "begin; lock table events.mt_streams in exclusive mode";
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private async Task<List<string>> ColumnAsync(string sql, params Guid[] streams)
    {
        await using var command = app.Database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = streams });
        await using var row = await command.ExecuteReaderAsync();
        var values = new List<string>();
        while (await row.ReadAsync())
        {
            values.Add(row.GetString(0));
        }

        return values;
    }

    private static DownloadAttempt Attempt(string method = "GET")
    {
        var id = Guid.CreateVersion7();
        var inputs = new DownloadInputs(4, null, null, null, DateTimeOffset.UtcNow);
        return new DownloadAttempt(
            new DownloadAttempted(
                id, Guid.Empty, method, LocatorKind.Token, new string('0', 64), null, inputs, null, "request",
                Actor.Anonymous, DateTimeOffset.UtcNow),
            null,
            Origin.Node,
            Stopwatch.GetTimestamp());
    }

    private static ReportDownloadFailed End(DownloadAttempt attempt) => new(
        attempt.Id, null, DownloadFailure.Refused, 404, "not_found", 0, 1, Actor.Anonymous, DateTimeOffset.UtcNow);
}
