using Microsoft.AspNetCore.Routing;

namespace Reports.Lifecycle.Schedules;

/// <summary>The addresses of a merchant's schedules.</summary>
internal static class ScheduleEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
    }
}
