using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>
/// What the OpenAPI document says of requests beyond what their types tell. The body of the errors that are named here
/// is described by the host.
/// </summary>
internal static class RequestDescription
{
    private static readonly int[] PostErrors = [400, 401, 403, 405, 409, 415, 422, 429, 500, 503];
    private static readonly int[] ListErrors = [400, 401, 403, 405, 429, 500, 503];
    private static readonly int[] ShowErrors = [400, 401, 403, 404, 405, 429, 500, 503];
    private static readonly int[] DeleteErrors = [400, 401, 403, 404, 405, 409, 429, 500, 503];

    public static void DescribePost(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ShownRequest>(StatusCodes.Status202Accepted)
        .Describe(
            PostErrors,
            "requestReport",
            "Request a report",
            "Asks for a report over a period that is over and has 366 days at the most. It is made after the answer: " +
            "look at `Location` every `Retry-After` seconds until its `status` is an end. While the same report is on " +
            "its way it is not asked for again: `409`, whose `Location` names the one that is. `429` is answered also " +
            "when too many of the merchant's requested reports are on their way; its `detail` tells.")
        .AddOpenApiOperationTransformer(DescribePost);

    public static void DescribeList(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<RequestList>()
        .Describe(
            ListErrors,
            "listRequests",
            "List requests",
            "Every report of the merchant from its request on, scheduled ones too, in whatever state, newest first. A " +
            "parameter given twice is an error; parameters with other names are ignored.")
        .AddOpenApiOperationTransformer(DescribeList);

    public static void DescribeShow(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ShownRequest>()
        .Describe(
            ShowErrors,
            "showRequest",
            "Show a request",
            "One report in whatever state. While it is on its way, `Retry-After` says when to look again; when it is " +
            "finished, `links.report` leads to its download.")
        .AddOpenApiOperationTransformer(DescribeShow);

    public static void DescribeDelete(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status204NoContent)
        .Describe(
            DeleteErrors,
            "cancelRequest",
            "Cancel a request",
            "Nobody wants the report any more. Cancelling twice is cancelling once; a report that has ended in another " +
            "way is a `409`. A body is not looked at.")
        .AddOpenApiOperationTransformer(DescribeDelete);

    private static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder endpoint, int[] errors, string id, string summary, string description)
    {
        foreach (var status in errors)
        {
            endpoint.Produces(status);
        }

        return endpoint.WithTags("Requests").WithName(id).WithSummary(summary).WithDescription(description);
    }

    private static Task DescribePost(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters = [RequestParameters.IdempotencyKey];
        operation.RequestBody = RequestParameters.Body;
        var accepted = Answer(operation, "202", "The request as it stands.", Json(RequestExample.Accepted));
        accepted.Headers = new Dictionary<string, IOpenApiHeader>
        {
            ["Location"] = Header("The absolute URL of the request.", RequestExample.Address, "uri"),
            ["Retry-After"] = RetryAfter,
            [PostRequest.ReplayField] = Header(
                "`true` when this is what was answered to the same `Idempotency-Key` before; else missing.", "true"),
        };
        Restrict(context.Document!);
        return Task.CompletedTask;
    }

    private static Task DescribeList(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters = [.. RequestParameters.List];
        var page = Answer(
            operation, "200", "A page of the list.",
            JsonSerializer.SerializeToNode(RequestExample.List, RequestsJson.Plain.RequestList));
        page.Headers = new Dictionary<string, IOpenApiHeader>
        {
            ["Link"] = Header(
                "`next` and `previous` of the body, as `rel=\"next\"` and `rel=\"prev\"` (RFC 8288); missing on a sole page.",
                $"<{RequestExample.List.Next}>; rel=\"next\""),
        };
        return Task.CompletedTask;
    }

    private static Task DescribeShow(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters = [RequestParameters.EncryptedId];
        Answer(operation, "200", "The request as it stands.", Json(RequestExample.Generating)).Headers =
            new Dictionary<string, IOpenApiHeader> { ["Retry-After"] = RetryAfter };
        return Task.CompletedTask;
    }

    private static Task DescribeDelete(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.Parameters = [RequestParameters.EncryptedId];
        ((OpenApiResponse)operation.Responses!["204"]).Description = "It is cancelled.";
        return Task.CompletedTask;
    }

    private static OpenApiResponse Answer(
        OpenApiOperation operation, string status, string description, JsonNode? example)
    {
        var answer = (OpenApiResponse)operation.Responses![status];
        answer.Description = description;
        answer.Content!["application/json"].Example = example;
        return answer;
    }

    private static void Restrict(OpenApiDocument document)
    {
        var request = document.Components!.Schemas![nameof(ShownRequest)].Properties!;
        Restrict(request["status"], ListRequests.Statuses);
        Restrict(request["interval"], RequestParameters.Words<ReportInterval>());
        Restrict(request["source"], RequestParameters.Words<ReportSource>());
        Restrict(request["file_format"], RequestParameters.Words<ReportFormat>());
    }

    private static void Restrict(IOpenApiSchema schema, string[] words) => ((OpenApiSchema)schema).Enum = [.. words];

    private static JsonNode? Json(ShownRequest request) =>
        JsonSerializer.SerializeToNode(request, RequestsJson.Plain.ShownRequest);

    private static OpenApiHeader RetryAfter => new()
    {
        Description = "After how many seconds to look at it again; missing when it has ended.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
        Example = RequestPresenter.FirstLook,
    };

    private static OpenApiHeader Header(string description, JsonNode example, string? format = null) => new()
    {
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = format },
        Example = example,
    };
}
