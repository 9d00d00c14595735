using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Reports.Host.Commands;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// Everybody asks for everything in every way, and is answered and recorded as <see cref="AccessModel"/> says.
/// </summary>
public sealed class AccessMatrixTests(ReportsApp app)
{
    private static readonly string[] Methods = ["GET", "HEAD"];
    private static readonly string[] DownloadMethods = ["GET", "HEAD", "Range"];

    private static readonly string[] Lists =
    [
        "/b/api/v1/reports/files/", "/b/api/v1/reports/files", "/b/api/v1/reports/", "/b/api/v1/reports",
        "/api/v1/reports/files/", "/api/v1/reports/files", "/api/v1/reports/", "/api/v1/reports",
    ];

    private static readonly string[] Downloads =
    [
        "/b/api/v1/reports/files/{0}/download/", "/b/api/v1/reports/files/{0}/download",
        "/api/v1/reports/files/{0}/download/", "/api/v1/reports/files/{0}/download",
    ];

    private static readonly string[] Shows = ["/b/api/v1/reports/files/{0}/", "/b/api/v1/reports/files/{0}"];

    /// <summary>One request: who, how, where, what, and what is expected of it.</summary>
    private sealed record Cell(Principal Caller, string Method, string Path, Target? Target, Problem? Expected)
    {
        public bool IsDownload => Path.Contains("/download", StringComparison.Ordinal);

        public override string ToString() => $"{Caller.Name}: {Method} {Target?.Name ?? "the list"} at {Path}";
    }

    /// <summary>What came back.</summary>
    private sealed record Reply(Cell Cell, int Status, byte[] Body, string Fixed, Guid? Attempt, string RequestId);

    /// <summary>What stands in the two events of an attempt.</summary>
    private sealed record Recorded(
        string Tenant, string Types, string By, string Locator, string Sha256, string? Report, string? Caller,
        string Outcome, int Status, string? Code, string RequestId);

    [Fact]
    public async Task everybody_gets_of_everything_what_the_contract_says_and_every_attempt_is_recorded()
    {
        var (merchant, other) = (await app.MerchantAsync(), await app.MerchantAsync());
        var principals = await PrincipalsAsync(merchant, other);
        var targets = await TargetsAsync(merchant, other, principals[0].Number);
        var before = await LastSequenceAsync();

        // On real connections: in process, nothing takes the body off the answer to a HEAD.
        using var client = new HttpClient { BaseAddress = app.Address };
        var replies = new ConcurrentBag<Reply>();
        await Parallel.ForEachAsync(
            Cells(principals, targets),
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (cell, _) => replies.Add(await SendAsync(client, cell)));

        foreach (var reply in replies)
        {
            Given(reply);
        }

        NobodyTellsTheUnknownFromTheForeign(replies);
        await RecordedAsync([.. replies.Where(r => r.Cell.IsDownload)], merchant, other, before);
    }

    private static IEnumerable<Cell> Cells(Principal[] principals, Target[] targets)
    {
        // Every caller with every target in every way; the spellings of the path take turns.
        var turn = 0;
        foreach (var caller in principals)
        {
            foreach (var (path, method) in from path in Lists from method in Methods select (path, method))
            {
                yield return new Cell(caller, method, path, null, AccessModel.List(caller));
            }

            foreach (var target in targets)
            {
                foreach (var method in DownloadMethods)
                {
                    var path = string.Format(null, Downloads[turn++ % Downloads.Length], target.Locator(caller));
                    yield return new Cell(caller, method, path, target, AccessModel.Download(caller, target));
                }
            }

            foreach (var target in targets.Where(t => t.IsEncryptedId || t.IsMalformed))
            {
                foreach (var method in Methods)
                {
                    var path = string.Format(null, Shows[turn++ / 2 % Shows.Length], target.Locator(caller));
                    yield return new Cell(caller, method, path, target, AccessModel.Show(caller, target));
                }
            }
        }
    }

    private static async Task<Reply> SendAsync(HttpClient client, Cell cell)
    {
        using var request = new HttpRequestMessage(
            cell.Method == "HEAD" ? HttpMethod.Head : HttpMethod.Get, new Uri(cell.Path, UriKind.Relative));
        foreach (var (name, value) in cell.Caller.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (cell.Method == "Range")
        {
            request.Headers.Range = new RangeHeaderValue(0, 3);
        }

        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        await Conforms(cell, response);
        var headers = response.Headers.NonValidated;
        var requestId = headers["X-Request-Id"].ToString();
        Guid? attempt = headers.TryGetValues("Download-Id", out var id) ? Guid.Parse(id.ToString()) : null;
        return new Reply(cell, (int)response.StatusCode, body, Fixed(response, body, requestId), attempt, requestId);
    }

    private static async Task Conforms(Cell cell, HttpResponseMessage response)
    {
        string[] limits =
            ["RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
        foreach (var name in limits)
        {
            response.Headers.Contains(name).ShouldBeTrue($"{cell}: {name}");
        }

        ((int)response.StatusCode).ShouldBe(AccessModel.Status(cell.Expected, cell.Method), cell.ToString());
        response.Headers.Contains("Download-Id").ShouldBe(cell.IsDownload, cell.ToString());
        response.Headers.Contains("WWW-Authenticate").ShouldBe(cell.Expected?.Status == 401, cell.ToString());
        response.Headers.Contains("Location").ShouldBeFalse();
        if (cell.Expected is not { } expected)
        {
            response.Content.Headers.ContentType!.MediaType.ShouldBe(cell.IsDownload ? "text/csv" : "application/json");
        }
        else if (cell.Method == "HEAD")
        {
            response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        }
        else
        {
            var problem = await Problems.ReadAsync(response, expected);
            if (expected.Detail is { } detail)
            {
                problem.GetProperty("detail").GetString().ShouldBe(detail);
            }
        }
    }

    /// <summary>The whole answer but for what differs from one request to the next, whatever it is about.</summary>
    private static string Fixed(HttpResponseMessage response, byte[] body, string requestId) => string.Join(
        '\n',
        response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .Where(h => h.Key is not ("Date" or "Download-Id" or "Audit-Checkpoint") && !h.Key.Contains("RateLimit"))
            .Select(h => $"{h.Key}: {h.Value}").Order()
            .Append(Encoding.UTF8.GetString(body))).Replace(requestId, "", StringComparison.Ordinal);

    private static void Given(Reply reply)
    {
        var cell = reply.Cell;
        if (cell.Method == "HEAD")
        {
            reply.Body.ShouldBeEmpty(cell.ToString());
        }
        else if (cell is { Expected: null, IsDownload: true })
        {
            var content = cell.Target!.Report!.Content;
            reply.Body.ShouldBe(cell.Method == "Range" ? content[..4] : content, cell.ToString());
        }
    }

    private static void NobodyTellsTheUnknownFromTheForeign(IEnumerable<Reply> replies)
    {
        foreach (var same in replies.Where(r => r.Status is 401 or 404)
            .GroupBy(r => (r.Status, Caller: r.Status == 404 ? r.Cell.Caller.Name : "", IsHead: r.Cell.Method == "HEAD")))
        {
            same.Select(r => r.Fixed).Distinct().ShouldHaveSingleItem(same.Key.ToString());
        }
    }

    private async Task RecordedAsync(Reply[] replies, TestMerchant merchant, TestMerchant other, long before)
    {
        var attempts = replies.Select(r => r.Attempt!.Value).ToArray();
        attempts.Distinct().Count().ShouldBe(replies.Length);
        var recorded = await Eventually.GetAsync(
            async () => await ReadAsync(attempts) is { } read && read.Count == replies.Length ? read : null,
            "every attempt to be closed");
        foreach (var reply in replies)
        {
            var (caller, target, problem) = (reply.Cell.Caller, reply.Cell.Target!, reply.Cell.Expected);
            var isNobody = caller.Standing == Standing.Nobody;
            var record = recorded[reply.Attempt!.Value];
            record.ShouldBe(
                new Recorded(
                    Tenants.Name(isNobody ? null : caller.Merchant),
                    "download.attempted.v1 " + (problem is null ? "download.completed.v1" : "download.failed.v1"),
                    isNobody ? Actor.Anonymous.Id : record.By,
                    target.IsMalformed ? "malformed" : target.IsEncryptedId ? "encrypted_id" : "token",
                    Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(target.Locator(caller)))),
                    isNobody || problem?.Status is 400 or 404 || target.Owner != caller.Merchant ? null
                        : caller.Standing == Standing.Known ? record.Report : target.Report!.Id.ToString(),
                    isNobody ? null : string.Create(null, $"{caller.Number}"),
                    AccessModel.Outcome(problem, reply.Cell.Method),
                    reply.Status,
                    problem?.Code,
                    reply.RequestId),
                reply.Cell.ToString());
        }

        var actors = replies.Where(r => r.Cell.Caller.Standing != Standing.Nobody)
            .Select(r => (r.Cell.Caller.Name, recorded[r.Attempt!.Value].By)).Distinct().ToArray();
        actors.Length.ShouldBe(replies.Select(r => r.Cell.Caller).Distinct().Count(c => c.Standing != Standing.Nobody));

        // Nothing else is written, whatever was asked for: the record does not tell the foreign from the unknown either.
        var ours = replies.Count(r => r.Cell.Caller is { Standing: not Standing.Nobody, Merchant: { } });
        (await CountSinceAsync(before, merchant.Id, other.Id)).ShouldBe(2L * ours);
    }

    private async Task<Principal[]> PrincipalsAsync(TestMerchant merchant, TestMerchant other)
    {
        const string View = Permissions.ViewReport;
        var expiry = DateTimeOffset.UtcNow.AddSeconds(10);
        var expired = (await app.Services.SendAsync(
            merchant.Id, new IssueApiKey.Command(ExpiresAt: expiry), default)).Key;
        var (second, revoked, replaced) =
            (await app.KeyAsync(merchant.Id), await app.KeyAsync(merchant.Id), await app.KeyAsync(merchant.Id));
        await SendAsync(null, new RevokeApiKey.Command(IdOf(revoked)));
        var successor = (await app.Services.SendAsync(
            null, new RotateApiKey.Command(IdOf(replaced), TimeSpan.Zero), default)).Key;
        var ofMerchant = await app.KeyAsync(merchant.Id, isAuditor: true);
        var ofAll = await app.KeyAsync(null, isAuditor: true);
        var (viewer, alias) = (await merchant.UserAsync([View]), await merchant.UserAsync(["report.view_report"]));
        var (powerless, superuser) =
            (await merchant.UserAsync(["report.can_view_audit"]), await merchant.UserAsync([], isSuperuser: true));
        var disabled = await merchant.UserAsync([View]);
        await SendAsync(null, new DisableUser.Command(disabled.Name));
        var closed = await app.MerchantAsync();
        await SendAsync(closed.Id, new DisableMerchant.Command());

        var numbers = await NumbersAsync();
        Principal Key(string name, Standing standing, Guid? of, string key) =>
            new(name, standing, of, numbers[IdOf(key)], ("Api-Key", key));
        Principal User(string name, Standing standing, (string Name, string Password) user) =>
            new(name, standing, merchant.Id, numbers[user.Name], ("Authorization", Basic(user)));
        Principal[] principals =
        [
            Key("the merchant's key", Standing.Reader, merchant.Id, merchant.Key),
            Key("another key of the merchant", Standing.Reader, merchant.Id, second),
            Key("the key that replaced one", Standing.Reader, merchant.Id, successor),
            Key("another merchant's key", Standing.Reader, other.Id, other.Key),
            Key("an auditor of the merchant", Standing.Known, merchant.Id, ofMerchant),
            Key("an auditor of all", Standing.Known, null, ofAll),
            User("a user", Standing.Reader, viewer),
            User("a user by the other spelling", Standing.Reader, alias),
            User("a superuser", Standing.Reader, superuser),
            User("a user without the permission", Standing.Known, powerless),
            User("a disabled user", Standing.Nobody, disabled),
            Key("a revoked key", Standing.Nobody, merchant.Id, revoked),
            Key("an expired key", Standing.Nobody, merchant.Id, expired),
            Key("a replaced key", Standing.Nobody, merchant.Id, replaced),
            Key("the key of a disabled merchant", Standing.Nobody, closed.Id, closed.Key),
            new("nobody", Standing.Nobody, null, 0),
            new("key and user at once", Standing.Nobody, merchant.Id, numbers[IdOf(merchant.Key)],
                ("Api-Key", merchant.Key), ("Authorization", Basic(viewer))),
            new("two keys at once", Standing.Nobody, merchant.Id, numbers[IdOf(merchant.Key)],
                ("Api-Key", merchant.Key), ("Authorization", $"Api-Key {second}")),
        ];
        await Eventually.IsPastAsync(expiry);
        return principals;
    }

    private async Task<Target[]> TargetsAsync(TestMerchant merchant, TestMerchant other, int firstPrincipal)
    {
        var (kept, theirs) = (await merchant.FinishedAsync("kept.csv"), await other.FinishedAsync("theirs.csv"));
        var over = await merchant.FinishedAsync("over.csv", expiresAt: DateTimeOffset.UtcNow.AddSeconds(-1));
        var ended = await merchant.FinishedAsync("ended.csv");
        await merchant.ExpireAsync(ended.Id);
        var unfinished = await UnfinishedAsync(merchant);
        var tokens = app.Services.GetRequiredService<DownloadTokens>();
        var ids = app.Services.GetRequiredService<EncryptedIds>();
        var hour = DownloadTokens.Expiry(DateTimeOffset.UtcNow, TimeSpan.FromHours(1));
        var past = DownloadTokens.Expiry(DateTimeOffset.UtcNow, TimeSpan.Zero).AddMinutes(-1);

        Target Token(string name, long number, DateTimeOffset? until = null, int? holder = null) => new(
            $"the token of {name}", caller => tokens.Seal([number], holder ?? caller.Number, until ?? hour)[0].ToString())
        {
            Holder = holder,
        };
        Target Id(string name, Guid owner, Guid report)
        {
            var id = ids.Seal(owner, [report])[0];
            return new Target($"the id of {name}", _ => id) { IsEncryptedId = true };
        }

        Target Fixed(string name, string locator) => new(name, _ => locator);
        return
        [
            Token("a report", kept.Number) with { Owner = merchant.Id, Report = kept },
            Token("a report, of another principal", kept.Number, holder: firstPrincipal)
                with { Owner = merchant.Id, Report = kept },
            Token("a report, expired", kept.Number, past) with { Owner = merchant.Id, Report = kept, IsTokenOver = true },
            Token("another merchant's report", theirs.Number) with { Owner = other.Id, Report = theirs },
            Token("another merchant's report, expired", theirs.Number, past)
                with { Owner = other.Id, Report = theirs, IsTokenOver = true },
            Token("a report that never was", TestMerchant.NextNumber()),
            Token("an unfinished report", unfinished.Number),
            Token("a report past its retention", over.Number)
                with { Owner = merchant.Id, Report = over, Retention = Retention.Over },
            Token("a report whose retention ended", ended.Number)
                with { Owner = merchant.Id, Report = ended, Retention = Retention.Ended },
            Fixed("a UUID that is no token", Guid.CreateVersion7().ToString()),
            Fixed("what is neither a UUID nor an id", "nonsense") with { IsMalformed = true },
            Id("a report", merchant.Id, kept.Id) with { Owner = merchant.Id, Report = kept },
            Id("another merchant's report", other.Id, theirs.Id) with { Owner = other.Id, Report = theirs },
            Id("a report that never was", merchant.Id, Guid.CreateVersion7()),
            Id("an unfinished report", merchant.Id, unfinished.Id),
            Id("a report past its retention", merchant.Id, over.Id)
                with { Owner = merchant.Id, Report = over, Retention = Retention.Over },
            Id("a report whose retention ended", merchant.Id, ended.Id)
                with { Owner = merchant.Id, Report = ended, Retention = Retention.Ended },
            Fixed("what looks like an id", new string('A', 44)) with { IsEncryptedId = true },
        ];
    }

    private static async Task<(Guid Id, long Number)> UnfinishedAsync(TestMerchant merchant)
    {
        var (id, number, now) = (Guid.CreateVersion7(), TestMerchant.NextNumber(), DateTimeOffset.UtcNow);
        await merchant.AppendAsync(id, new ReportRequested(
            id,
            merchant.Id,
            new ReportDescription(
                number, "unfinished.csv", ReportInterval.Daily, ReportSource.Auto, ReportFormat.Csv, new(),
                new ReportPeriod(now.AddDays(-1), now, "UTC"), now),
            Actor.Operator));
        return (id, number);
    }

    private async Task<Dictionary<string, int>> NumbersAsync()
    {
        await using var command = app.Database.CreateCommand(
            """
            select s.lookup, c.principal_number
            from reports.access_secrets s join reports.access_credentials c using (credential_id)
            """);
        await using var row = await command.ExecuteReaderAsync();
        var numbers = new Dictionary<string, int>();
        while (await row.ReadAsync())
        {
            numbers.Add(row.GetString(0), row.GetInt32(1));
        }

        return numbers;
    }

    private async Task<Dictionary<Guid, Recorded>> ReadAsync(Guid[] attempts)
    {
        await using var command = app.Database.CreateCommand(
            """
            select a.stream_id, a.tenant_id, a.type || ' ' || e.type, a.data -> 'by' ->> 'id', a.data ->> 'locator',
                   a.data ->> 'locator_sha256', a.data ->> 'report_id', a.data -> 'inputs' ->> 'caller_principal',
                   e.data ->> 'outcome', (e.data ->> 'status')::int, e.data ->> 'code', a.data ->> 'request_id'
            from events.mt_events a join events.mt_events e
                on e.stream_id = a.stream_id and e.tenant_id = a.tenant_id and e.version = 2
            where a.stream_id = any($1) and a.version = 1
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = attempts });
        await using var row = await command.ExecuteReaderAsync();
        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        var recorded = new Dictionary<Guid, Recorded>();
        while (await row.ReadAsync())
        {
            recorded.Add(row.GetGuid(0), new Recorded(
                row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), Text(6), Text(7),
                row.GetString(8), row.GetInt32(9), Text(10), row.GetString(11)));
        }

        return recorded;
    }

    private async Task<long> LastSequenceAsync()
    {
        await using var command = app.Database.CreateCommand("select max(seq_id) from events.mt_events");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    // Refusals of every endpoint are summed up in events of their own, by a clock of their own.
    private async Task<long> CountSinceAsync(long before, params Guid[] merchants)
    {
        await using var command = app.Database.CreateCommand(
            "select count(*) from events.mt_events where seq_id > $1 and tenant_id = any($2) and type <> 'access.refused.v1'");
        command.Parameters.AddWithValue(before);
        command.Parameters.AddWithValue(merchants.Select(m => m.ToString()).ToArray());
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private Task SendAsync(Guid? tenant, MediatR.IRequest command) => app.Services.SendAsync(tenant, command, default);

    private static string IdOf(string key) => key.Split('_')[2];

    private static string Basic((string Name, string Password) user) =>
        $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user.Name}:{user.Password}"))}";
}
