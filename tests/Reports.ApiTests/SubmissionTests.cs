using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Host.Commands;
using Reports.Lifecycle;
using Shouldly;
using Wolverine;
using Wolverine.Runtime;
using Wolverine.Tracking;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Generators that start reports on their own: what they sign becomes one report, anything else a dead letter.</summary>
[Collection(typeof(Followed))]
public sealed class SubmissionTests(FollowedApp followed)
{
    private readonly ReportsApp _app = followed.App;
    [Fact]
    public async Task what_a_registered_generator_submits_is_requested_ordered_and_finished()
    {
        var merchant = await _app.MerchantAsync();
        var generator = await RegisterAsync();
        var submission = Submission(merchant.Id);

        await SendAsync(Signed(generator, submission));

        var report = IdOf(generator, submission);
        await FinishedAsync(report);
        var requested = (await merchant.EventsAsync(report))[0].ShouldBeOfType<ReportRequested>();
        requested.By.ShouldBe(new Actor(ActorKind.Generator, generator.GeneratorId.ToString()));
        (requested.Report.Source, requested.Report.Name).ShouldBe((ReportSource.Auto, "ledger-2026-03-01.csv"));
        (await merchant.ListAsync("?source=auto")).GetProperty("count").GetInt64().ShouldBe(1);
    }

    [Theory]
    [InlineData("forged", "not signed")]
    [InlineData("another generator's secret", "not signed")]
    [InlineData("unknown generator", "not signed")]
    [InlineData("rotated", "not signed")]
    [InlineData("disabled", "disabled")]
    [InlineData("other merchant", "may not start reports for this merchant")]
    [InlineData("no merchant", "There is no merchant")]
    [InlineData("disabled merchant", "is disabled")]
    [InlineData("changed", "not signed")]
    [InlineData("future", "must make a period that is over")]
    [InlineData("year 1", "from the year 2000 to 9000")]
    [InlineData("unknown member", "not a submission")]
    [InlineData("missing member", "not a submission")]
    [InlineData("twice the same member", "not a submission")]
    [InlineData("number as word", "not a submission")]
    [InlineData("no base64url", "not base64url")]
    public async Task what_cannot_be_believed_is_one_dead_letter_and_no_report(string trick, string finding)
    {
        var merchant = await _app.MerchantAsync();
        var generator = await RegisterAsync(trick == "other merchant" ? (await _app.MerchantAsync()).Id : null);
        var submission = Submission(merchant.Id);
        var json = Json(submission);
        var message = trick switch
        {
            "forged" => Signed(generator, submission) with { Signature = new string('0', 64) },
            "another generator's secret" => Signed(
                (await RegisterAsync()) with { GeneratorId = generator.GeneratorId }, submission),
            "unknown generator" => Signed(generator with { GeneratorId = Guid.CreateVersion7() }, submission),
            "no merchant" => Signed(generator, submission with { MerchantId = Guid.CreateVersion7() }),
            "changed" => Signed(generator, submission) with { Payload = Encoded(Json(Submission(merchant.Id))) },
            "future" => Signed(generator, submission with { FirstDay = new(2100, 1, 1) }),
            "year 1" => Signed(generator, submission with { FirstDay = new(1, 1, 1) }),
            "unknown member" => Signed(generator, Encoded(json.Replace("{", "{\"extra\":1,", StringComparison.Ordinal))),
            "missing member" => Signed(generator, Encoded($"{{\"merchant_id\":\"{merchant.Id}\"}}")),
            "twice the same member" => Signed(
                generator, Encoded($"{{\"merchant_id\":\"{merchant.Id}\",{json[1..]}")),
            "number as word" => Signed(
                generator, Encoded(json.Replace("\"csv\"", "0", StringComparison.Ordinal))),
            "no base64url" => Signed(generator, json),
            _ => Signed(generator, submission),
        };
        if (trick == "rotated")
        {
            await _app.Services.SendAsync(null, new RotateGeneratorSecret.Command(generator.GeneratorId), default);
        }
        else if (trick == "disabled")
        {
            await _app.Services.SendAsync(null, new DisableGenerator.Command(generator.GeneratorId), default);
        }
        else if (trick == "disabled merchant")
        {
            await _app.Services.SendAsync(merchant.Id, new DisableMerchant.Command(), default);
        }

        var session = await SendAsync(message, failsQuietly: true);

        session.MovedToErrorQueue.MessagesOf<ReportSubmitted>().Count().ShouldBe(1);
        session.AllExceptions().ShouldContain(
            e => e is SubmissionRefusedException && e.Message.Contains(finding), $"{string.Join(';', session.AllExceptions())}");
        (await CountAsync("select count(*) from reports.report_requests where merchant_id = $1", merchant.Id)).ShouldBe(0);
    }

    [Fact]
    public async Task a_rotated_secret_signs_and_the_one_before_does_not()
    {
        var merchant = await _app.MerchantAsync();
        var first = await RegisterAsync(merchant.Id);
        var second = await _app.Services.SendAsync(null, new RotateGeneratorSecret.Command(first.GeneratorId), default);

        second.Secret.ShouldNotBe(first.Secret);
        await SendAsync(Signed(second, Submission(merchant.Id)));

        (await CountAsync("select count(*) from reports.report_requests where merchant_id = $1", merchant.Id)).ShouldBe(1);
    }

    [Fact]
    public async Task a_submission_that_comes_again_changes_nothing_however_much_later()
    {
        var merchant = await _app.MerchantAsync();
        var generator = await RegisterAsync();
        var submission = Submission(merchant.Id);
        var report = IdOf(generator, submission);
        await SendAsync(Signed(generator, submission));
        await FinishedAsync(report);
        var events = (await merchant.EventsAsync(report)).Count;

        var again = await SendAsync(Signed(generator, submission));

        again.MovedToErrorQueue.MessagesOf<ReportSubmitted>().ShouldBeEmpty();
        (await merchant.EventsAsync(report)).Count.ShouldBe(events);
    }

    [Fact]
    public async Task one_submission_id_for_two_merchants_is_two_reports()
    {
        var (one, other, generator) = (await _app.MerchantAsync(), await _app.MerchantAsync(), await RegisterAsync());
        var (first, id) = (Submission(one.Id), Guid.CreateVersion7());
        var submissions = new[] { first with { SubmissionId = id }, first with { SubmissionId = id, MerchantId = other.Id } };

        foreach (var submission in submissions)
        {
            await SendAsync(Signed(generator, submission));
            await FinishedAsync(IdOf(generator, submission));
        }

        (await one.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);
        (await other.ListAsync()).GetProperty("count").GetInt64().ShouldBe(1);
    }

    [Fact]
    public async Task of_eight_at_once_one_report_is_made()
    {
        var merchant = await _app.MerchantAsync();
        var generator = await RegisterAsync();
        var message = Signed(generator, Submission(merchant.Id));

        var session = await _app.Host.TrackActivity().Timeout(TimeSpan.FromMinutes(2)).DoNotAssertOnExceptionsDetected()
            .ExecuteAndWaitAsync((Func<IMessageContext, Task>)(context =>
                Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
                    Task.Run(() => new MessageBus(_app.Services.GetRequiredService<IWolverineRuntime>()).PublishAsync(message).AsTask())))));

        session.MovedToErrorQueue.MessagesOf<ReportSubmitted>().ShouldBeEmpty();
        session.Executed.MessagesOf<GenerateReport>().Count().ShouldBe(1);
        (await CountAsync("select count(*) from reports.report_requests where merchant_id = $1", merchant.Id)).ShouldBe(1);
    }

    [Fact]
    public async Task a_generator_is_registered_rotated_listed_and_disabled_by_commands()
    {
        var merchant = await _app.MerchantAsync();
        var added = (await CommandAsync(0, "generator", "add", "ledger", "--merchant", $"{merchant.Id}")).Trim().Split(' ');
        var (id, secret) = (added[0], added[1]);
        secret.ShouldMatch("^[0-9a-f]{64}$");
        var rotated = (await CommandAsync(0, "generator", "rotate", id)).Trim().Split(' ');

        (rotated[0], rotated[1] == secret).ShouldBe((id, false));
        (await CommandAsync(0, "generator", "disable", id)).Trim().ShouldBe("disabled");
        (await CommandAsync(1, "generator", "disable", id)).Trim().ShouldBe($"The generator {id} is disabled already.");
        var list = await CommandAsync(0, "generator", "list");
        list.ShouldMatch($"{id} +disabled +{merchant.Id} +2 ");
        list.ShouldNotContain(secret);
        list.ShouldNotContain(rotated[1]);
        (await CommandAsync(1, "generator", "add", "x", "--merchant", $"{Guid.Empty}")).ShouldContain("There is no merchant");
        (await CountAsync(
            $"select count(*) from events.mt_events where data::text like '%{secret}%' and $1::uuid is not null", merchant.Id))
            .ShouldBe(0);
        _app.Log.Lines.ShouldNotContain(line => line.Contains(secret));
    }

    private async Task<RegisterGenerator.Issued> RegisterAsync(Guid? merchant = null) =>
        await _app.Services.SendAsync(null, new RegisterGenerator.Command("ledger", merchant), default);

    private static ReportSubmission Submission(Guid merchant) => new(
        Guid.CreateVersion7(), merchant, ReportInterval.Daily, ReportFormat.Csv, new(2026, 3, 1), FilePrefix: "ledger");

    private static Guid IdOf(RegisterGenerator.Issued generator, ReportSubmission submission) =>
        Uuids.FromName(generator.GeneratorId, $"{submission.MerchantId:D}/{submission.SubmissionId:D}");

    private static string Json(ReportSubmission submission) => JsonSerializer.Serialize(submission, ContractJson.Options);

    private static string Encoded(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private static ReportSubmitted Signed(RegisterGenerator.Issued generator, ReportSubmission submission) =>
        Signed(generator, Encoded(Json(submission)));

    // As docs/generators.md tells programs in other languages to sign.
    private static ReportSubmitted Signed(RegisterGenerator.Issued generator, string payload) => new(
        generator.GeneratorId,
        payload,
        Convert.ToHexStringLower(HMACSHA256.HashData(
            Encoding.UTF8.GetBytes(generator.Secret), Encoding.UTF8.GetBytes(payload))));

    private async Task<ITrackedSession> SendAsync(ReportSubmitted message, bool failsQuietly = false)
    {
        var tracking = _app.Host.TrackActivity().Timeout(TimeSpan.FromMinutes(2));
        tracking = failsQuietly ? tracking.DoNotAssertOnExceptionsDetected() : tracking;
        return await tracking.ExecuteAndWaitAsync((Func<IMessageContext, Task>)(context =>
            context.PublishAsync(message).AsTask()));
    }

    private Task<string> FinishedAsync(Guid report) => Eventually.GetAsync(
        async () =>
        {
            await using var command = _app.Database.CreateCommand(
                "select report_name from reports.report_requests where report_id = $1 and status = 'finished'");
            command.Parameters.AddWithValue(report);
            return (string?)await command.ExecuteScalarAsync();
        },
        $"report {report} to be finished");

    private async Task<long> CountAsync(string sql, Guid merchant)
    {
        await using var command = _app.Database.CreateCommand(sql);
        command.Parameters.AddWithValue(merchant);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<string> CommandAsync(int code, params string[] arguments)
    {
        var (exitCode, output, error) = await CommandProcess.RunAsync(_app, "", arguments);
        exitCode.ShouldBe(code, $"{string.Join(' ', arguments)}: {output} {error}");
        return code == 0 ? output : error;
    }
}
