using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Reports.Host;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>Whose word is taken for where a request came from.</summary>
public sealed class ProxyTests(ReportsApp app)
{
    private const string Section = "Reports:ForwardedHeaders";

    [Theory]
    [InlineData]
    [InlineData($"--{Section}:KnownProxies=192.0.2.1")]
    [InlineData($"--{Section}:KnownNetworks:0=192.0.2.0/24", $"--{Section}:ForwardLimit=5")]
    public async Task headers_of_anybody_else_change_nothing(params string[] settings)
    {
        await using var node = await app.ListenAsync(settings);
        var address = new Uri(node.Urls.First());

        var (origin, url) = await AskAsync(address, "203.0.113.7");

        origin.ShouldBe("127.0.0.1");
        url.ShouldStartWith(address.ToString());
    }

    [Theory]
    [InlineData($"--{Section}:KnownProxies=192.0.2.1, 127.0.0.1")]
    [InlineData($"--{Section}:KnownProxies:0=127.0.0.1")]
    [InlineData($"--{Section}:KnownNetworks=127.0.0.0/8")]
    public async Task headers_of_a_known_proxy_are_believed(string setting)
    {
        await using var node = await app.ListenAsync(setting);

        var (origin, url) = await AskAsync(new Uri(node.Urls.First()), "203.0.113.7");

        origin.ShouldBe("203.0.113.7");
        url.ShouldStartWith("https://reports.example.com/");
    }

    [Fact]
    public async Task only_as_many_hops_are_believed_as_there_are_known_proxies_and_the_limit_allows()
    {
        await using var one = await app.ListenAsync($"--{Section}:KnownProxies=127.0.0.1,192.0.2.1");
        await using var two = await app.ListenAsync(
            $"--{Section}:KnownProxies=127.0.0.1,192.0.2.1", $"--{Section}:ForwardLimit=2");
        await using var unknown = await app.ListenAsync(
            $"--{Section}:KnownProxies=127.0.0.1", $"--{Section}:ForwardLimit=2");

        (await AskAsync(new Uri(one.Urls.First()), "203.0.113.8, 192.0.2.1")).Origin.ShouldBe("192.0.2.1");
        (await AskAsync(new Uri(two.Urls.First()), "203.0.113.9, 192.0.2.1")).Origin.ShouldBe("203.0.113.9");
        (await AskAsync(new Uri(unknown.Urls.First()), "203.0.113.10, 192.0.2.1")).Origin.ShouldBe("192.0.2.1");
    }

    [Theory]
    [InlineData($"{Section}:KnownProxies:0", "proxy.example.com", "must be an IP address, such as 10.0.0.7.")]
    [InlineData($"{Section}:KnownProxies", "127.0.0.1,", "must be an IP address, such as 10.0.0.7.")]
    [InlineData($"{Section}:KnownNetworks:1", "10.0.0.0/33", "must be a network, such as 10.0.0.0/24.")]
    [InlineData($"{Section}:ForwardLimit", "0", "must be a whole number above zero.")]
    [InlineData($"{Section}:ForwardLimit", "many", "must be a whole number above zero.")]
    [InlineData("ForwardedHeaders_Enabled", "true", "would believe anybody: name the proxies in Reports:ForwardedHeaders:KnownProxies instead.")]
    public void an_unusable_setting_is_named_in_one_sentence(string name, string value, string finding) =>
        Should.Throw<SettingException>(() => Proxies.From(Configuration(name, value))).Message
            .ShouldBe($"The setting {name} ({name.Replace(":", "__").ToUpperInvariant()} in the environment) {finding}");

    [Theory]
    [InlineData("Maximum", "0")]
    [InlineData("Maximum", "-1")]
    [InlineData("HeadersTimeout", "ten")]
    [InlineData("KeepAliveTimeout", "00:00:00")]
    [InlineData("MinimumDataRate", "fast")]
    [InlineData("GracePeriod", "00:00:01")]
    public void an_unusable_limit_is_named_too(string name, string value) =>
        Should.Throw<SettingException>(() => ConnectionLimits.From(Configuration($"Reports:Connections:{name}", value)))
            .Message.ShouldStartWith($"The setting Reports:Connections:{name} (REPORTS__CONNECTIONS__");

    private static IConfiguration Configuration(string name, string value) =>
        new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create<string, string?>(name, value)]).Build();

    // The address recorded for a download, and the URL that the list gives for it.
    private async Task<(string Origin, string Url)> AskAsync(Uri address, string forwardedFor)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync();
        using var client = new HttpClient { BaseAddress = address };
        client.DefaultRequestHeaders.Add("Api-Key", merchant.Key);
        client.DefaultRequestHeaders.Add("User-Agent", merchant.Id.ToString());
        client.DefaultRequestHeaders.Add("X-Forwarded-For", forwardedFor);
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        client.DefaultRequestHeaders.Add("X-Forwarded-Host", "reports.example.com");
        var listed = await TestMerchant.GetJsonAsync(client, TestMerchant.List);
        var report = listed.GetProperty("results")[0];
        using var download = await client.GetAsync(new Uri(TestMerchant.PathOf(report), UriKind.Relative));
        var (attempted, _) = await merchant.AttemptAsync(download);
        await using var command = app.Database.CreateCommand(
            "select address from reports.origins where origin = $1");
        command.Parameters.AddWithValue(attempted.Origin!);
        return ((string)(await command.ExecuteScalarAsync())!, Url(report));
    }

    private static string Url(JsonElement report) =>
        report.GetProperty("download_action").GetProperty("url").GetString()!;
}
