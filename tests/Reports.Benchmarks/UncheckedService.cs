using Microsoft.Extensions.DependencyInjection;
using Reports.Delivery;
using Reports.Host;
using Reports.Host.Commands;

namespace Reports.Benchmarks;

/// <summary>
/// The service without its check of blocks, to show what the check costs. No setting of the service switches it off, so
/// that this is a program of the benchmarks.
/// </summary>
internal static class UncheckedService
{
    public static async Task RunAsync()
    {
        var builder = ReportsHost.Builder(Instance.QuietLog);
        builder.Services.AddSingleton(new VerifiedBlocks((_, _) => true));
        await using var app = ReportsHost.Build(builder);
        await Yardstick.ServeAsync(app);
    }
}
