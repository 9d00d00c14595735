using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>The addresses of the requests.</summary>
internal static class RequestEndpoints
{
    public const string Path = "/b/api/v1/reports/requests/";

    private static readonly string[] Reading = ["GET", "HEAD"];

    public static void AddRequests(this IServiceCollection services)
    {
        services.AddSingleton<RequestRows>();
        services.AddSingleton<RequestCursors>();
        services.AddSingleton<RunningRequests>();
        services.AddScoped<RequestPresenter>();
        services.AddHostedService<IdempotencyPurge>();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        var requests = app.MapGroup("")
            .RequireAuthorization(PermissionRequirement.Policy(Permissions.RequestReport))
            .WithMetadata(CountedRequests.Marker);
        requests.MapPost(Path, PostRequest.Endpoint).DescribePost();
        requests.MapMethods(Path, Reading, ListRequests.Endpoint).DescribeList();
        requests.MapMethods(Path + "{encrypted_id}/", Reading, ShowRequest.Endpoint).DescribeShow();
        requests.MapDelete(Path + "{encrypted_id}/", DeleteRequest.Endpoint).DescribeDelete();
    }
}
