using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What download tokens promise (<c>docs/contract.md</c> section 4).</summary>
public sealed class TokenTests(ReportsApp app)
{
    private sealed class SetClock(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }

    [Fact]
    public async Task a_token_opens_until_the_very_instant_that_was_announced()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var builder = app.Builder(
            "--urls=http://127.0.0.1:0", "--Reports:Nodes:Mode=Balanced", "--Reports:Tokens:Lifetime=00:00:01");
        var clock = new SetClock(DateTimeOffset.UtcNow);
        builder.Services.AddSingleton<TimeProvider>(clock);
        await using var node = ReportsHost.Build(builder);
        await node.StartAsync();
        using var client = Client(node, merchant.Key);

        var action = (await TestMerchant.GetJsonAsync(client, TestMerchant.List))
            .GetProperty("results")[0].GetProperty("download_action");
        var url = new Uri(action.GetProperty("url").GetString()!);
        var expiry = action.GetProperty("expires_at").GetDateTimeOffset();
        async Task<int> StatusAsync(DateTimeOffset at)
        {
            clock.Now = at;
            using var answer = await client.GetAsync(url);
            (await merchant.AttemptAsync(answer)).Attempted.Inputs.TokenExpiresAt.ShouldBe(expiry);
            return (int)answer.StatusCode;
        }

        (expiry - clock.Now).ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(61));
        (await StatusAsync(expiry.AddMicroseconds(-1))).ShouldBe(200);
        (await StatusAsync(expiry)).ShouldBe(410);
        (await StatusAsync(expiry.AddSeconds(1))).ShouldBe(410);
    }

    [Fact]
    public async Task a_list_of_two_hundred_writes_nothing_but_the_count_of_the_request()
    {
        await using var own = new ReportsApp();
        await own.InitializeAsync();
        var merchant = await own.MerchantAsync();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 200), async (i, _) => await merchant.FinishedAsync($"r{i}.csv"));
        await merchant.ListAsync();
        var before = await ContentsAsync(own);

        var list = await merchant.ListAsync("?limit=200");

        var tokens = list.GetProperty("results").EnumerateArray().Select(TestMerchant.PathOf).Distinct().Count();
        tokens.ShouldBe(200);
        var after = await ContentsAsync(own);
        after.Keys.ShouldBe(before.Keys, ignoreOrder: true);

        // The node's sign of life is its own.
        before.Where(t => after[t.Key] != t.Value).Select(t => t.Key)
            .Except(["reports.request_quota_uses", "reports.download_nodes"]).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("{0}", 200)]
    [InlineData("{1}", 200)]
    [InlineData("{2}", 200)]
    [InlineData("%7B{0}%7D", 400)]
    [InlineData("({0})", 400)]
    [InlineData("{3}", 400)]
    [InlineData("urn:uuid:{0}", 400)]
    [InlineData("%7B0x6f9619ff,0x8b86,0x4011,%7B0xb4,0x2d,0x00,0xc0,0x4f,0xc9,0x64,0xff%7D%7D", 400)]
    [InlineData("{0}%2e", 400)]
    [InlineData("{0}%20", 400)]
    [InlineData("%20{0}", 400)]
    [InlineData("%20f9619ff-8b86-4011-b42d-00c04fc964f%20", 400)]
    [InlineData("0x9619ff-8b86-4011-b42d-00c04fc964ff", 400)]
    [InlineData("+f9619ff-8b86-4011-b42d-00c04fc964ff", 400)]
    [InlineData("6f9619ff-0x86-4011-b42d-00c04fc964ff", 400)]
    [InlineData("6f9619ff-8b86-4011-b42d-%2B0c04fc964ff", 400)]
    [InlineData("%EF%BC%96f9619ff-8b86-4011-b42d-00c04fc964ff", 400)]
    [InlineData("00000000-0000-0000-0000-000000000000", 404)]
    [InlineData("6f9619ff-8b86-1011-842d-00c04fc964ff", 404)]
    [InlineData("6f9619ff-8b86-4011-b42d-00c04fc964ff", 404)]
    public async Task a_token_is_a_uuid_in_the_one_text_form_in_either_case(string form, int status)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("r.csv");
        var token = (await merchant.DownloadPathAsync("r.csv")).Split('/')[^3];
        var sent = string.Format(
            null, form, token, token.ToUpperInvariant(), token.Replace("-", "%2d", StringComparison.Ordinal),
            token.Replace("-", "", StringComparison.Ordinal));

        var answer = await RawHttp.SendAsync(
            app.Address,
            $"GET {TestMerchant.List}{sent}/download/ HTTP/1.1\r\n"
            + $"Host: x\r\nApi-Key: {merchant.Key}\r\nConnection: close\r\n\r\n");

        answer.Status.ShouldBe(status);
        if (status != 200)
        {
            await answer.ShouldBeAsync(status == 400 ? Problem.InvalidParameters : Problem.NotFound);
        }
    }

    [Fact]
    public async Task what_was_sealed_under_an_earlier_master_key_still_opens()
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("old.csv");
        await merchant.FinishedAsync("new.csv");
        var master = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var node = await app.ListenAsync(
            "--Reports:Keys:Current=2", $"--Reports:Keys:Master:2={master}");
        var (path, id) = (await merchant.DownloadPathAsync("old.csv"), await merchant.EncryptedIdAsync("old.csv"));
        var page = await merchant.ListAsync("?cursor=&limit=1");
        using var client = Client(node, merchant.Key);
        string[] earlier =
        [
            path,
            $"{TestMerchant.List}{id}/download/",
            $"{TestMerchant.List}{id}/",
            new Uri(page.GetProperty("next").GetString()!).PathAndQuery,
            $"{TestMerchant.List}?since={page.GetProperty("watermark").GetString()}",
        ];

        foreach (var sealedEarlier in earlier)
        {
            using var answer = await client.GetAsync(new Uri(sealedEarlier, UriKind.Relative));
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, sealedEarlier);
        }

        var shown = await TestMerchant.GetJsonAsync(client, $"{TestMerchant.List}{id}/");
        var anew = shown.GetProperty("encrypted_id").GetString();
        anew.ShouldNotBe(id);
        foreach (var now in new[] { TestMerchant.PathOf(shown), $"{TestMerchant.List}{anew}/download/" })
        {
            using var answer = await client.GetAsync(new Uri(now, UriKind.Relative));
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            using var onOlder = merchant.Client();
            using var unknown = await onOlder.GetAsync(new Uri(now, UriKind.Relative));
            unknown.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }
    }

    /// <summary>A digest of everything in every table of the service's own schemas.</summary>
    private static async Task<Dictionary<string, string>> ContentsAsync(ReportsApp of)
    {
        async Task<string[]> ReadAsync(string sql)
        {
            await using var command = of.Database.CreateCommand(sql);
            await using var row = await command.ExecuteReaderAsync();
            var values = new List<string>();
            while (await row.ReadAsync())
            {
                values.Add(row.GetString(0));
            }

            return [.. values];
        }

        var tables = await ReadAsync(
            "select schemaname || '.' || tablename from pg_tables where schemaname in ('reports', 'events')");
        var contents = new Dictionary<string, string>();
        foreach (var table in tables)
        {
            var rows = await ReadAsync(
                $"select count(*) || ' ' || coalesce(md5(string_agg(t::text, '' order by t::text)), '') from {table} t");
            contents[table] = rows.Single();
        }

        return contents;
    }

    private static HttpClient Client(WebApplication node, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(node.Urls.First()) };
        client.DefaultRequestHeaders.Add("Api-Key", key);
        return client;
    }
}
