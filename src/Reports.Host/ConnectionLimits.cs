using System.Globalization;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Reports.Host;

/// <summary>
/// What a connection may take, and how many there may be: section <c>Reports:Connections</c>. Rates are in bytes per
/// second.
/// </summary>
internal sealed record ConnectionLimits(
    long Maximum, TimeSpan HeadersTimeout, TimeSpan KeepAliveTimeout, double MinimumDataRate, TimeSpan GracePeriod)
{
    private const int MaxRequestLineSize = 8 * 1024;
    private const int MaxHeadersSize = 16 * 1024;
    private const int MaxHeaderCount = 100;
    private const int MaxBodySize = 64 * 1024;
    private const int MaxStreams = 20;

    // Kestrel counts no shorter time.
    private static readonly TimeSpan ShortestGrace = TimeSpan.FromSeconds(1.001);

    public static ConnectionLimits From(IConfiguration configuration)
    {
        var section = configuration.GetSection("Reports:Connections");
        var grace = Settings.Positive(section, nameof(GracePeriod), TimeSpan.FromSeconds(10));
        return new ConnectionLimits(
            Count(section.GetSection(nameof(Maximum)), 10_000),
            Settings.Positive(section, nameof(HeadersTimeout), TimeSpan.FromSeconds(10)),
            Settings.Positive(section, nameof(KeepAliveTimeout), TimeSpan.FromSeconds(130)),
            Count(section.GetSection(nameof(MinimumDataRate)), 1024),
            grace < ShortestGrace
                ? throw new SettingException($"{section.Path}:{nameof(GracePeriod)}", "must be above one second")
                : grace);
    }

    public void Configure(KestrelServerOptions kestrel)
    {
        // A line ends in CR LF; what else a proxy takes for its end must not be in question.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = Maximum;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestLineSize = MaxRequestLineSize;
        limits.MaxRequestHeadersTotalSize = MaxHeadersSize;
        limits.MaxRequestHeaderCount = MaxHeaderCount;
        limits.MaxRequestBodySize = MaxBodySize;
        limits.RequestHeadersTimeout = HeadersTimeout;
        limits.KeepAliveTimeout = KeepAliveTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(MinimumDataRate, GracePeriod);
        limits.MinResponseDataRate = new MinDataRate(MinimumDataRate, GracePeriod);
        limits.Http2.MaxStreamsPerConnection = MaxStreams;
        limits.Http2.MaxRequestHeaderFieldSize = MaxHeadersSize;
    }

    private static long Count(IConfigurationSection section, long standard) => section.Value switch
    {
        null => standard,
        var text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 => n,
        _ => throw new SettingException(section.Path, "must be a whole number above zero"),
    };
}
