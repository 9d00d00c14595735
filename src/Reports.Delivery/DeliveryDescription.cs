using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>
/// What the OpenAPI document says of list and download beyond what their types tell. The body of the errors that are
/// named here is described by the host.
/// </summary>
internal static class DeliveryDescription
{
    private const string DownloadId = "Download-Id";
    private static readonly int[] ListErrors = [400, 401, 403, 405, 429, 500, 503];
    private static readonly int[] DownloadErrors = [400, 401, 403, 404, 405, 410, 500, 503];

    /// <summary>Describes the list at one of its addresses.</summary>
    public static void DescribeList(this RouteHandlerBuilder endpoint, string path) => endpoint
        .Produces<ReportList>()
        .Describe(
            path,
            ListErrors,
            "listReports",
            "List finished reports",
            "The caller's finished reports, newest first, in pages. With neither `created_after` nor " +
            "`created_before` the list covers the last 30 days, counted from the request; `next` and " +
            "`previous` keep that window. A parameter given twice is an error; parameters with other names are ignored.")
        .AddOpenApiOperationTransformer(DescribeList);

    /// <summary>Describes the download below one of the addresses of the list.</summary>
    public static void DescribeDownload(this RouteHandlerBuilder endpoint, string path) => endpoint
        .Produces(StatusCodes.Status200OK)
        .Describe(
            path,
            DownloadErrors,
            "downloadReport",
            "Download a report",
            "The file itself, never a redirect; `Accept` is not looked at. Every attempt is recorded before the " +
            "first byte is sent, and every answer, a refusal too, carries the attempt's `Download-Id`. A body shorter " +
            "than `Content-Length` is not the report: ask again.")
        .AddOpenApiOperationTransformer(DescribeDownload);

    private static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder endpoint, string path, int[] errors, string id, string summary, string description)
    {
        foreach (var status in errors)
        {
            endpoint.Produces(status);
        }

        return path == ListReports.Path
            ? endpoint.WithTags("Reports").WithName(id).WithSummary(summary).WithDescription(description)
            : endpoint.WithTags("Aliases").WithName(id + path.TrimEnd('/').Replace('/', '_'))
                .WithSummary($"Alias of {id}");
    }

    private static Task DescribeList(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        operation.Parameters = [.. DeliveryParameters.List.Select(document.Share)];

        var page = (OpenApiResponse)operation.Responses!["200"];
        page.Description = "A page of the list.";
        page.Content!["application/json"].Example =
            JsonSerializer.SerializeToNode(DeliveryExample.List, DeliveryJson.Plain.ReportList);
        operation.Responses["200"] = document.Share(nameof(ReportList), page);

        var report = document.Components!.Schemas![nameof(ListedReport)].Properties!;
        Restrict(report["interval"], DeliveryParameters.Words<ReportInterval>());
        Restrict(report["source"], DeliveryParameters.Words<ReportSource>());
        Restrict(report["file_format"], DeliveryParameters.Words<ReportFormat>());
        Restrict(report["status"], ["finished"]);
        Restrict(document.Components.Schemas[nameof(DownloadAction)].Properties!["method"], ["GET"]);
        return Task.CompletedTask;
    }

    private static Task DescribeDownload(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        operation.Parameters = [document.Share(DeliveryParameters.Token)];
        operation.Responses!["200"] = document.Share("ReportFile", ReportFile());

        document.AddComponent<IOpenApiHeader>(DownloadId, Header(
            "Of a download, refused ones too: the attempt's id in the audit, for the client's own log of downloads.",
            DeliveryExample.DownloadId,
            format: "uuid"));
        foreach (var (status, response) in operation.Responses)
        {
            // What fails before the attempt is known, or beyond all plans, carries none.
            if (status is not ("405" or "500"))
            {
                response.Headers![DownloadId] = new OpenApiHeaderReference(DownloadId, document);
            }
        }

        return Task.CompletedTask;
    }

    private static OpenApiResponse ReportFile()
    {
        OpenApiMediaType Bytes() => new()
        {
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
        };
        return new OpenApiResponse
        {
            Description = "The file.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["text/csv"] = Bytes(),
                ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"] = Bytes(),
            },
            Headers = new Dictionary<string, IOpenApiHeader>
            {
                ["Content-Disposition"] = Header(
                    "The file name (RFC 6266 and RFC 8187).", ContentDisposition.Attachment(DeliveryExample.Name)),
                ["Content-Length"] = Header(
                    "The length of the file in bytes.", DeliveryExample.Size, JsonSchemaType.Integer, "int64"),
                ["ETag"] = Header(
                    "The file's SHA-256 digest. The tag is strong: the file never changes.",
                    $"\"{DeliveryExample.Sha256}\""),
                ["Last-Modified"] = Header("When the report was finished.", $"{DeliveryExample.FinishedAt:R}"),
                ["Repr-Digest"] = Header(
                    "The file's SHA-256 digest (RFC 9530).",
                    $"sha-256=:{Convert.ToBase64String(Convert.FromHexString(DeliveryExample.Sha256))}:"),
            },
        };
    }

    private static OpenApiHeader Header(
        string description,
        JsonNode example,
        JsonSchemaType type = JsonSchemaType.String,
        string? format = null) => new()
        {
            Description = description,
            Schema = new OpenApiSchema { Type = type, Format = format },
            Example = example,
        };

    private static IOpenApiParameter Share(this OpenApiDocument document, OpenApiParameter parameter)
    {
        document.AddComponent(parameter.Name!, parameter);
        return new OpenApiParameterReference(parameter.Name!, document);
    }

    private static OpenApiResponseReference Share(this OpenApiDocument document, string id, OpenApiResponse response)
    {
        document.AddComponent(id, response);
        return new OpenApiResponseReference(id, document);
    }

    private static void Restrict(IOpenApiSchema schema, string[] words) => ((OpenApiSchema)schema).Enum = [.. words];
}
