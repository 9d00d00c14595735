using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>The addresses of a merchant's schedules.</summary>
internal static class ScheduleEndpoints
{
    public const string Path = "/b/api/v1/reports/schedules/";
    public const string Json = "application/json";
    public const string MergePatch = "application/merge-patch+json";

    private static readonly string[] Reading = ["GET", "HEAD"];

    /// <summary>Not there, or another merchant's.</summary>
    public static Problem NotFound { get; } = Problem.NotFound with { Detail = "There is no such schedule" };

    public static void Map(IEndpointRouteBuilder app)
    {
        var schedules = app.MapGroup("")
            .RequireAuthorization(PermissionRequirement.Policy(Permissions.ManageSchedule))
            .WithMetadata(CountedRequests.Marker);
        schedules.MapMethods(Path, Reading, ListAsync).DescribeList();
        schedules.MapPost(Path, CreateAsync).DescribeCreate();
        schedules.MapMethods(Path + "{id}/", Reading, ShowAsync).DescribeShow();
        schedules.MapPut(Path + "{id}/", ReplaceAsync).DescribeReplace();
        schedules.MapPatch(Path + "{id}/", MergeAsync).DescribeMerge();
        schedules.MapDelete(Path + "{id}/", DeleteAsync).DescribeDelete();
    }

    private static async Task<IResult> ListAsync(ISender sender, CancellationToken cancellation)
    {
        var schedules = await sender.Send(new ListSchedules.Query(), cancellation);
        return Results.Json(
            new ScheduleList(schedules.Count, [.. schedules.Select(ListedSchedule.Of)]), ScheduleJson.Plain.ScheduleList);
    }

    private static async Task<IResult> CreateAsync(
        HttpContext http, ISender sender, PublicUrl url, CancellationToken cancellation)
    {
        var body = await JsonFields.ParseAsync(http.Request, [Json], cancellation);
        var schedule = await sender.Send(new CreateSchedule.Command(body), cancellation);
        http.Response.Headers.Location = url.For(http.Request, $"{Path}{schedule.Schedule.Id}/");
        return Answer(http, schedule, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext http, string id, ISender sender, CancellationToken cancellation)
    {
        var schedule = await sender.Send(new ShowSchedule.Query(Id(id)), cancellation);
        if (!EntityTags.Weakly(http.Request.Headers.IfNoneMatch, schedule.ETag))
        {
            return Answer(http, schedule, StatusCodes.Status200OK);
        }

        http.Response.Headers.ETag = schedule.ETag;
        return Results.StatusCode(StatusCodes.Status304NotModified);
    }

    private static Task<IResult> ReplaceAsync(
        HttpContext http, string id, ISender sender, CancellationToken cancellation) =>
        ChangeAsync(http, id, sender, [Json], isPatch: false, cancellation);

    private static Task<IResult> MergeAsync(
        HttpContext http, string id, ISender sender, CancellationToken cancellation) =>
        ChangeAsync(http, id, sender, [MergePatch, Json], isPatch: true, cancellation);

    private static async Task<IResult> ChangeAsync(
        HttpContext http, string id, ISender sender, string[] types, bool isPatch, CancellationToken cancellation)
    {
        var schedule = Id(id);
        RequireCondition(http.Request);
        var body = await JsonFields.ParseAsync(http.Request, types, cancellation);
        return Answer(
            http,
            await sender.Send(
                new ChangeSchedule.Command(schedule, http.Request.Headers.IfMatch, body, isPatch), cancellation),
            StatusCodes.Status200OK);
    }

    private static async Task<IResult> DeleteAsync(
        HttpContext http, string id, ISender sender, CancellationToken cancellation)
    {
        var schedule = Id(id);
        RequireCondition(http.Request);
        await sender.Send(new DeleteSchedule.Command(schedule, http.Request.Headers.IfMatch), cancellation);
        return Results.NoContent();
    }

    private static IResult Answer(HttpContext http, StoredSchedule schedule, int status)
    {
        http.Response.Headers.ETag = schedule.ETag;
        return Results.Json(ListedSchedule.Of(schedule), ScheduleJson.Plain.ListedSchedule, statusCode: status);
    }

    // Without it, of two who change the same schedule at once one would undo the other's change unknowing.
    private static void RequireCondition(HttpRequest request)
    {
        if (request.Headers.IfMatch.Count == 0)
        {
            throw new ProblemException(Problem.PreconditionRequired with
            {
                Detail = "Send If-Match with the ETag of the schedule, or with * for any",
            });
        }
    }

    // What is no id is nobody's.
    private static Guid Id(string text) =>
        text.All(c => char.IsAsciiHexDigit(c) || c == '-') && Guid.TryParseExact(text, "D", out var id)
        ? id
        : throw new ProblemException(NotFound);
}
