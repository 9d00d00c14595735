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
    private static readonly int[] ReportErrors = [400, 401, 403, 404, 405, 410, 429, 500, 503];
    private static readonly int[] DownloadErrors = [400, 401, 403, 404, 405, 410, 412, 416, 429, 500, 503];

    /// <summary>Describes the list at one of its addresses.</summary>
    public static void DescribeList(this RouteHandlerBuilder endpoint, string path) => endpoint
        .Produces<ReportList>()
        .Describe(
            path,
            ListErrors,
            "listReports",
            "List finished reports",
            "The caller's finished reports in pages, newest first, or with `since` as they were finished. With none of `created_after`, `created_before` and " +
            "`since` the list covers the last 30 days, counted from the request; `next` and `previous` keep that " +
            "window. They stand in the header `Link` too. A parameter given twice is an error; parameters with other " +
            "names are ignored.")
        .AddOpenApiOperationTransformer(DescribeList);

    /// <summary>Describes the address of one report.</summary>
    public static void DescribeReport(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ListedReport>()
        .Describe(
            ListReports.Path,
            ReportErrors,
            "showReport",
            "Show a finished report",
            "One of the caller's finished reports, as the list shows it, with a fresh `download_action`.")
        .AddOpenApiOperationTransformer(DescribeReport);

    /// <summary>Describes the download below one of the addresses of the list.</summary>
    public static void DescribeDownload(this RouteHandlerBuilder endpoint, string path) => endpoint
        .Produces(StatusCodes.Status200OK)
        .Produces(StatusCodes.Status206PartialContent)
        .Produces(StatusCodes.Status304NotModified)
        .Describe(
            path,
            DownloadErrors,
            "downloadReport",
            "Download a report",
            "The file itself, never a redirect; `Accept` is not looked at. Every attempt is recorded before the " +
            "first byte is sent, and every answer, a refusal too, carries the attempt's `Download-Id`. A body shorter " +
            "than `Content-Length` was cut: ask for the rest with `Range: bytes=<n>-` and `If-Range: <ETag>`, then " +
            "compare the whole with `Repr-Digest`. `HEAD` knows no range, and is answered when no download is left. " +
            "A download counts against the hour's quota of its principal (an API key with those that replace it, or a " +
            "user) when its answer holds the first byte of the file; the rest of a report that was counted is free, and " +
            "so are `HEAD`, 304, 412 and 416, which still need a download to be left. `403` tells by its `detail` " +
            "whether a permission is missing or the URL was given to another principal, who must list for itself.")
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
        page.Headers = new Dictionary<string, IOpenApiHeader>
        {
            ["Link"] = Header(
                "`next` and `previous` of the body, as `rel=\"next\"` and `rel=\"prev\"` (RFC 8288); missing on a sole page.",
                $"<{DeliveryExample.List.Next}>; rel=\"next\""),
        };
        operation.Responses["200"] = document.Share(nameof(ReportList), page.WithCheckpoint(document));

        var report = document.Components!.Schemas![nameof(ListedReport)].Properties!;
        Restrict(report["interval"], DeliveryParameters.Words<ReportInterval>());
        Restrict(report["source"], DeliveryParameters.Words<ReportSource>());
        Restrict(report["file_format"], DeliveryParameters.Words<ReportFormat>());
        Restrict(report["status"], ["finished"]);
        Restrict(document.Components.Schemas[nameof(DownloadAction)].Properties!["method"], ["GET"]);
        return Task.CompletedTask;
    }

    private static Task DescribeReport(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        operation.Parameters = [document.Share(DeliveryParameters.EncryptedId)];
        var report = (OpenApiResponse)operation.Responses!["200"];
        report.Description = "The report.";
        report.Content!["application/json"].Example =
            JsonSerializer.SerializeToNode(DeliveryExample.Report, DeliveryJson.Plain.ListedReport);
        operation.Responses["200"] = document.Share(nameof(ListedReport), report.WithCheckpoint(document));
        return Task.CompletedTask;
    }

    private static Task DescribeDownload(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        operation.Parameters =
            [document.Share(DeliveryParameters.Token), .. DeliveryParameters.Conditions.Select(document.Share)];
        operation.Responses!["200"] = document.Share("ReportFile", ReportFile().WithCheckpoint(document));
        operation.Responses["206"] = document.Share("ReportFilePart", ReportFilePart().WithCheckpoint(document));
        operation.Responses["304"] = document.Share("ReportFileUnchanged", ReportFileUnchanged().WithCheckpoint(document));

        document.AddComponent<IOpenApiHeader>(DownloadId, Header(
            "Of a download, refused ones too: the attempt's id in the audit, for the client's own log of downloads.",
            DeliveryExample.DownloadId,
            format: "uuid"));
        foreach (var (status, response) in operation.Responses)
        {
            // What fails beyond all plans carries none.
            if (status != "500")
            {
                response.Headers![DownloadId] = new OpenApiHeaderReference(DownloadId, document);
            }
        }

        return Task.CompletedTask;
    }

    private static OpenApiResponse WithCheckpoint(this OpenApiResponse response, OpenApiDocument document)
    {
        const string Name = "Audit-Checkpoint";
        document.AddComponent<IOpenApiHeader>(Name, Header(
            "The newest signed head of the audit's ledger, as a byte sequence (RFC 9651) of the note that "
            + "`/b/api/v1/audit/checkpoint` gives. Keep it: with it you can prove later that the record was cut short or "
            + "is another. Missing before anything is sealed.",
            DeliveryExample.Checkpoint));
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        response.Headers[Name] = new OpenApiHeaderReference(Name, document);
        return response;
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
                ["Accept-Ranges"] = Header("Ranges of bytes can be asked for.", "bytes"),
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

    private static OpenApiResponse ReportFilePart()
    {
        var part = ReportFile();
        part.Description = "The range of the file that was asked for. `Repr-Digest` and `ETag` are those of the whole file.";
        part.Headers!["Content-Length"] = Header(
            "The length of the range in bytes.", DeliveryExample.Size - 100_000, JsonSchemaType.Integer, "int64");
        part.Headers["Content-Range"] = Header(
            "Which bytes these are, and the length of the whole file.",
            $"bytes 100000-{DeliveryExample.Size - 1}/{DeliveryExample.Size}");
        return part;
    }

    private static OpenApiResponse ReportFileUnchanged()
    {
        var headers = ReportFile().Headers!;
        return new OpenApiResponse
        {
            Description = "The caller holds the file already, by what `If-None-Match` or `If-Modified-Since` say.",
            Headers = new Dictionary<string, IOpenApiHeader>
            {
                ["ETag"] = headers["ETag"],
                ["Last-Modified"] = headers["Last-Modified"],
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
