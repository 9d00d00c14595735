using Microsoft.AspNetCore.Http;

namespace Reports.BuildingBlocks;

/// <summary>The address that clients know the service by: the configured one, else that of their own request.</summary>
/// <param name="configured">The configured base, without a slash at its end; none to use the request's.</param>
public sealed class PublicUrl(string? configured)
{
    private readonly string? _configured = configured?.TrimEnd('/');

    /// <summary>Makes a path absolute.</summary>
    /// <param name="request">The request that is being answered.</param>
    /// <param name="path">The path, with a slash at its start.</param>
    /// <returns>The absolute URL; the path alone when a request of HTTP/1.0 names no host.</returns>
    public string For(HttpRequest request, string path)
    {
        ArgumentNullException.ThrowIfNull(request);
        var own = request.Host.HasValue ? $"{request.Scheme}://{request.Host.ToUriComponent()}" : "";
        return (_configured ?? own) + path;
    }
}
