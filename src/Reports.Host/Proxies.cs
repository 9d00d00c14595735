using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Reports.Host;

/// <summary>
/// The proxies whose word is taken for where a request came from: section <c>Reports:ForwardedHeaders</c>. None unless
/// named, since anybody can write <c>X-Forwarded-For</c>.
/// </summary>
internal sealed record Proxies(IReadOnlyList<IPAddress> Addresses, IReadOnlyList<IPNetwork> Networks, int Limit)
{
    private const string TrustEverybody = "ForwardedHeaders_Enabled";

    public bool AreKnown => Addresses.Count + Networks.Count > 0;

    public static Proxies From(IConfiguration configuration)
    {
        if (string.Equals(configuration[TrustEverybody], "true", StringComparison.OrdinalIgnoreCase))
        {
            throw new SettingException(
                TrustEverybody,
                "would believe anybody: name the proxies in Reports:ForwardedHeaders:KnownProxies instead");
        }

        var section = configuration.GetSection("Reports:ForwardedHeaders");
        return new Proxies(
            [.. Values(section.GetSection("KnownProxies")).Select(Address)],
            [.. Values(section.GetSection("KnownNetworks")).Select(Network)],
            ReadLimit(section.GetSection("ForwardLimit")));
    }

    public void Configure(ForwardedHeadersOptions options)
    {
        options.ForwardedHeaders = AreKnown
            ? ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost
            : ForwardedHeaders.None;
        options.ForwardLimit = Limit;

        // The framework trusts this machine by itself.
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var address in Addresses)
        {
            options.KnownProxies.Add(address);
        }

        foreach (var network in Networks)
        {
            options.KnownIPNetworks.Add(network);
        }
    }

    // A list is written as Name:0, Name:1, … or in one text with commas.
    private static IEnumerable<(string Path, string Text)> Values(IConfigurationSection section) =>
        section.GetChildren().Append(section).Where(value => value.Value is not null).SelectMany(value =>
            value.Value!.Split(',', StringSplitOptions.TrimEntries).Select(text => (value.Path, text)));

    private static IPAddress Address((string Path, string Text) setting) =>
        IPAddress.TryParse(setting.Text, out var address)
            ? address
            : throw new SettingException(setting.Path, "must be an IP address, such as 10.0.0.7");

    private static IPNetwork Network((string Path, string Text) setting) =>
        IPNetwork.TryParse(setting.Text, out var network)
            ? network
            : throw new SettingException(setting.Path, "must be a network, such as 10.0.0.0/24");

    private static int ReadLimit(IConfigurationSection section) => section.Value switch
    {
        null => 1,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 => n,
        _ => throw new SettingException(section.Path, "must be a whole number above zero"),
    };
}
