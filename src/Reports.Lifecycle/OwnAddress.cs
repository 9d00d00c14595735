using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Reports.Lifecycle;

/// <summary>
/// The address that this process listens on, for generators on the same machine. One that others can reach too is no
/// use: nobody knows by which of its names.
/// </summary>
/// <param name="services">Where the server is, in a process that has one.</param>
internal sealed class OwnAddress(IServiceProvider services)
{
    public string? Find() => services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses
        .FirstOrDefault(address => Uri.TryCreate(address, UriKind.Absolute, out var url) && url.IsLoopback && url.Port > 0);
}
