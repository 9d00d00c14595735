using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Host.Commands;
using Reports.Host.Roads;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Wolverine;
using Wolverine.Persistence.Durability;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>What operators do with messages that no handler could make use of.</summary>
public sealed class DeadLetterTests(ReportsApp app)
{
    private const string Completed = "reports.generation-completed.v1";
    private static readonly DateTimeOffset Start = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task the_list_needs_no_limit_and_an_id_that_is_none_is_named()
    {
        var (code, output, error) = await RunAsync("list");
        code.ShouldBe(0, error + output);

        foreach (var limit in new[] { "0", "10001" })
        {
            (await RunAsync("list", "--limit", limit)).Error.ShouldContain("--limit must be from 1 to 10000.");
        }

        (code, _, error) = await RunAsync("discard", "abc");
        code.ShouldBe(1);
        error.ShouldContain("'abc' is not the id of a dead letter.");
    }

    [Fact]
    public async Task a_message_that_died_before_its_report_was_there_is_replayed_and_handled()
    {
        var merchant = await app.MerchantAsync();
        var requested = RequestReport.Decide(
            Guid.CreateVersion7(), TestMerchant.NextNumber(), merchant.Id, "UTC",
            new RequestReport.Command(ReportInterval.Daily, ReportSource.Manual, ReportFormat.Csv, new DateOnly(2026, 10, 1)),
            Actor.Operator, Start);
        var order = app.Services.GetRequiredService<GenerationOrders>()
            .For(requested.ReportId, merchant.Id, requested.Report, 1, DateTimeOffset.UtcNow);
        var file = "id\r\n1\r\n"u8.ToArray();
        await using (var writer = app.Services.GetRequiredService<ReportFiles>()
            .Create(StorageKey.Below(order.StoragePrefix, "report.csv")))
        {
            await writer.Stream.WriteAsync(file);
            await writer.CommitAsync(default);
        }

        var answer = new GenerationCompleted(
            order.ReportId, 1, order.Grant, "test/1", "report.csv", file.Length,
            Convert.ToHexStringLower(SHA256.HashData(file)), 1, []);
        var id = await DieAsync(Completed, JsonSerializer.Serialize(answer, ContractJson.Options));
        await merchant.AppendAsync(requested.ReportId, requested);

        var (code, output, _) = await RunAsync("replay", id.ToString());

        code.ShouldBe(0);
        output.ShouldStartWith("1 replayed");
        await Eventually.GetAsync(
            async () => (await merchant.EventsAsync(requested.ReportId)).Any(e => e is Contracts.Events.ReportFinished) ? "" : null,
            "the report to be finished");
        (await CountAsync(id)).ShouldBe(0);
    }

    [Fact]
    public async Task a_replay_of_what_came_again_by_itself_only_takes_it_off_the_list()
    {
        var type = UniqueType();
        var (again, other) = (await DieAsync(type, "{}"), await DieAsync(type, "{}"));
        await using (var command = app.Database.CreateCommand(
            """
            insert into wolverine.wolverine_incoming_envelopes (body, id, status, owner_id, attempts, message_type, received_at, keep_until)
            select body, id, 'Handled', 0, 1, message_type, received_at, now() + interval '1 hour'
            from wolverine.wolverine_dead_letters where id = $1
            """))
        {
            command.Parameters.AddWithValue(again);
            await command.ExecuteNonQueryAsync();
        }

        var (code, output, _) = await RunAsync("replay", "--all", "--type", type);

        code.ShouldBe(0);
        output.ShouldStartWith("1 replayed");
        output.ShouldContain("1 had come again by themselves");
        await Eventually.GetAsync(
            async () => await CountAsync(other) == 1 ? "" : null, "the unknown type to be dead again");
        (await CountAsync(again)).ShouldBe(0);
        (await RunAsync("show", other.ToString())).Output.ShouldContain("replays    1");
    }

    [Fact]
    public async Task dead_letters_are_listed_the_newest_first_with_what_is_left_out()
    {
        var type = UniqueType();
        var ids = new List<Guid>();
        for (var i = 0; i < 3; i++)
        {
            ids.Add(await DieAsync(type, "{}", new InvalidOperationException("It has\u001b[31m no\n sense. " + new string('x', 200))));
        }

        var (code, output, _) = await RunAsync("list", "--type", type, "--limit", "2");

        code.ShouldBe(0);
        var lines = output.TrimEnd().Split('\n');
        lines.Length.ShouldBe(4);
        lines[1].ShouldStartWith(ids[2].ToString());
        lines[2].ShouldStartWith(ids[1].ToString());
        lines[1].ShouldContain("InvalidOperationException");
        lines[1].ShouldContain("It has [31m no  sense. xxx");
        lines[1].ShouldEndWith("…");
        lines[3].ShouldBe("1 more; see --limit.");
    }

    [Fact]
    public async Task a_dead_letter_is_shown_whole_but_for_its_secrets()
    {
        var id = await DieAsync(
            UniqueType(), """{"report_id":"r-1","Grant":"s3cret","items":[{"signature":"s3cret"}],"data":{"upload_url":"http://s3cret"}}""");

        var (code, output, _) = await RunAsync("show", id.ToString());

        code.ShouldBe(0);
        output.ShouldContain("r-1");
        output.ShouldContain("header     job: 42");
        output.ShouldContain("InvalidOperationException");
        output.ShouldNotContain("s3cret");
        output.Split("(redacted)").Length.ShouldBe(4);
    }

    [Theory]
    [InlineData("""{"grant":"s3cret" """)]
    [InlineData("""{"grant" : "s3cr\"et""")]
    [InlineData("""{"grant":"s3cret","grant":"s3cret"}""")]
    public void a_body_that_is_no_json_shows_no_secret_either(string body)
    {
        DeadLetterCommands.Body(Encoding.UTF8.GetBytes(body)).ShouldNotContain("s3cr");
    }

    [Fact]
    public async Task a_dead_letter_is_discarded_once_and_an_unknown_one_is_an_error()
    {
        var id = await DieAsync(UniqueType(), "{}");

        (await RunAsync("discard", id.ToString(), Guid.Empty.ToString())).Code.ShouldBe(1);
        (await CountAsync(id)).ShouldBe(1);
        (await RunAsync("discard", id.ToString())).ShouldBe((0, "1 discarded.\n", ""));
        (await RunAsync("discard", id.ToString()))
            .ShouldBe((1, "", $"There is no dead letter {id}: nothing was done.\n"));
        (await RunAsync("show", id.ToString())).Code.ShouldBe(1);
        (await RunAsync("replay", id.ToString())).Code.ShouldBe(1);
        (await RunAsync("replay")).Code.ShouldBe(1);
        (await RunAsync("replay", id.ToString(), "--all")).Code.ShouldBe(1);

        // Shown, replayed or discarded by a person: that is on record, and what was not done too.
        (await ActsAsync(id)).ShouldBe(
        [
            ("dead-letters discard", false), ("dead-letters discard", true), ("dead-letters discard", false),
            ("dead-letters show", false), ("dead-letters replay", false),
        ]);
    }

    private async Task<List<(string Command, bool IsDone)>> ActsAsync(Guid about)
    {
        await using var command = app.Database.CreateCommand(
            """
            select data ->> 'command', (data ->> 'is_done')::boolean from events.mt_events
            where type = 'operator.acted.v1' and tenant_id = 'platform' and position($1 in data ->> 'subject') > 0
            order by seq_id
            """);
        command.Parameters.AddWithValue(about.ToString());
        await using var row = await command.ExecuteReaderAsync();
        var acts = new List<(string, bool)>();
        while (await row.ReadAsync())
        {
            acts.Add((row.GetString(0), row.GetBoolean(1)));
        }

        return acts;
    }

    [Fact]
    public void the_health_is_degraded_while_dead_letters_grow_and_when_they_are_many()
    {
        var trend = new DeadLetterTrend();
        HealthStatus After(long count, int minutes)
        {
            trend.Note(count, Start.AddMinutes(minutes));
            return new DeadLetterCheck(trend, new RoadSettings(GeneratorRoad.Local, null, 10))
                .CheckHealthAsync(new HealthCheckContext()).Result.Status;
        }

        After(3, 0).ShouldBe(HealthStatus.Healthy);
        After(3, 1).ShouldBe(HealthStatus.Healthy);
        After(4, 2).ShouldBe(HealthStatus.Degraded);
        After(4, 16).ShouldBe(HealthStatus.Degraded);
        After(4, 17).ShouldBe(HealthStatus.Healthy);
        After(2, 18).ShouldBe(HealthStatus.Healthy);
        After(11, 19).ShouldBe(HealthStatus.Degraded);
        After(11, 90).ShouldBe(HealthStatus.Degraded);
        After(0, 91).ShouldBe(HealthStatus.Healthy);
    }

    [Fact]
    public async Task degraded_is_still_ready()
    {
        var trend = app.Services.GetRequiredService<DeadLetterTrend>();
        using var client = app.Host.Server.CreateClient();

        // The service notes how many there are as well.
        await Eventually.IsTrueAsync(
            async () =>
            {
                trend.Note(0, DateTimeOffset.UtcNow);
                trend.Note(1_000_000, DateTimeOffset.UtcNow);
                using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                var health = await TestMerchant.JsonAsync(answer);
                return (int)answer.StatusCode == 200
                    && health.GetProperty("checks").GetProperty("messages").GetString() == "degraded";
            },
            "the service to be degraded, and ready");
    }

    private static string UniqueType() =>
        string.Create(CultureInfo.InvariantCulture, $"reports.test-{Guid.CreateVersion7():n}.v1");

    private async Task<Guid> DieAsync(string type, string body, Exception? exception = null)
    {
        var envelope = new Envelope
        {
            Id = Guid.CreateVersion7(),
            MessageType = type,
            Data = Encoding.UTF8.GetBytes(body),
            ContentType = "application/json",
            Destination = new Uri($"local://{IngressTable.Queue}/"),
            Status = EnvelopeStatus.Incoming,
        };
        envelope.Headers["job"] = "42";
        await app.Services.GetRequiredService<IMessageStore>().Inbox
            .MoveToDeadLetterStorageAsync(envelope, exception ?? new InvalidOperationException("It died."));
        return envelope.Id;
    }

    private async Task<long> CountAsync(Guid id)
    {
        await using var command = app.Database.CreateCommand(
            "select count(*) from wolverine.wolverine_dead_letters where id = $1");
        command.Parameters.AddWithValue(id);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) =>
        CommandProcess.RunAsync(app, "", ["dead-letters", .. arguments]);
}
