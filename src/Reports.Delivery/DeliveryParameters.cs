using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Delivery;

/// <summary>
/// The parameters of list and download as the OpenAPI document has them. The endpoints read them from the request by
/// themselves, so that a wrong one is answered by a problem that names it.
/// </summary>
internal static class DeliveryParameters
{
    public static IEnumerable<OpenApiParameter> List =>
    [
        Query(
            "created_after",
            "Created at this instant or later. A date stands for its first instant in the merchant's time zone.",
            Moment,
            "2026-11-01"),
        Query(
            "created_before",
            "Created at this instant or earlier. A date stands for its last instant in the merchant's time zone.",
            Moment,
            "2026-11-23T00:00:00Z"),
        Query(
            "tz",
            "The IANA name of the time zone in which dates are days, instead of the merchant's.",
            new OpenApiSchema { Type = JsonSchemaType.String },
            "Asia/Kuwait"),
        Query("interval", "This kind of period. The word may be in any case.", OneOf<ReportInterval>(), "daily"),
        Query("source", "This cause. The word may be in any case.", OneOf<ReportSource>(), "auto"),
        Query(
            "limit",
            $"How many reports a page holds at most. A number above {ListReports.MaximumLimit} counts as that.",
            Number(minimum: 1, ListReports.MaximumLimit, ListReports.DefaultLimit),
            ListReports.DefaultLimit),
        Query("offset", "How many reports to skip.", Number(minimum: 0, maximum: null, standard: 0), 0),
        Query(
            "cursor",
            "Pages by place instead of by offset: a report that is finished or expires on the way moves no other. Empty " +
            "(`cursor=`) starts a walk; the rest comes in `next` and `previous`. Not together with `offset`, and only " +
            "with the filters that the walk began with.",
            Opaque,
            example: "",
            isAlternative: true),
        Query(
            "since",
            "The `watermark` of an earlier answer: every report that was finished after it, in the order in which they " +
            "were finished, none missed and none twice. Without a window of its own it covers all times. Keep the " +
            "watermark of the last page that you have dealt with, and begin with that of a first, full list; none ends. " +
            "Not together with `cursor`.",
            Opaque,
            DeliveryExample.Watermark,
            isAlternative: true),
        Query(
            "watermark",
            "Comes in `next` and `previous` of a walk by offset, so that every page of a walk gives the watermark of its " +
            "first; it is sealed anew each time, so its text differs.",
            Opaque,
            DeliveryExample.Watermark,
            isAlternative: true),
    ];

    public static OpenApiParameter EncryptedId => new()
    {
        Name = "encrypted_id",
        In = ParameterLocation.Path,
        Required = true,
        Description = "The report's `encrypted_id`, as the list gives it.",
        Schema = IdSchema,
        Example = DeliveryExample.EncryptedId,
    };

    public static OpenApiParameter Token => new()
    {
        Name = "token",
        In = ParameterLocation.Path,
        Required = true,
        Description = "The download token, as in `download_action.url`; or else the report's `encrypted_id`.",
        Schema = new OpenApiSchema
        {
            AnyOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" },
                IdSchema,
            ],
        },
        Example = DeliveryExample.Token,
    };

    /// <summary>The conditional and range fields of a download. Each stands for itself, so they are alternatives.</summary>
    public static IEnumerable<OpenApiParameter> Conditions =>
    [
        Field("Range", "One range of bytes. Several ranges, other units and what is malformed are ignored.", "bytes=100000-"),
        Field(
            "If-Range", "With `Range`: the range only if this is still the file's `ETag`, else the whole file.", Tag),
        Field("If-None-Match", "`304` if this is the file's `ETag`.", Tag),
        Field("If-Match", "`412` unless this is the file's `ETag`.", Tag),
        Field("If-Modified-Since", "`304` if the file is not newer. Ignored beside `If-None-Match`.", Date),
        Field("If-Unmodified-Since", "`412` if the file is newer. Ignored beside `If-Match`.", Date),
    ];

    private static string Tag => $"\"{DeliveryExample.Sha256}\"";

    private static string Date => $"{DeliveryExample.FinishedAt:R}";

    private static OpenApiParameter Field(string name, string description, JsonNode example)
    {
        var field = Query(name, description, Opaque, example, isAlternative: true);
        field.In = ParameterLocation.Header;
        return field;
    }

    public static string[] Words<TEnum>()
        where TEnum : struct, Enum => [.. Enum.GetValues<TEnum>().Select(value => value.Word())];

    private static OpenApiSchema IdSchema => new()
    {
        Type = JsonSchemaType.String,
        Pattern = $"^[A-Za-z0-9_-]{{{EncryptedIds.Length}}}$",
    };

    private static OpenApiSchema Opaque => new() { Type = JsonSchemaType.String };

    private static OpenApiSchema Moment => new()
    {
        AnyOf =
        [
            new OpenApiSchema { Type = JsonSchemaType.String, Format = "date" },
            new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
        ],
    };

    private static OpenApiSchema OneOf<TEnum>()
        where TEnum : struct, Enum => new() { Type = JsonSchemaType.String, Enum = [.. Words<TEnum>()] };

    private static OpenApiSchema Number(int minimum, int? maximum, int standard) => new()
    {
        Type = JsonSchemaType.Integer,
        Format = "int32",
        Minimum = $"{minimum}",
        Maximum = maximum is { } most ? $"{most}" : null,
        Default = standard,
    };

    private static OpenApiParameter Query(
        string name, string description, OpenApiSchema schema, JsonNode example, bool isAlternative = false) => new()
        {
            Name = name,
            In = ParameterLocation.Query,
            Description = description,
            Schema = schema,

            // What cannot be combined with the other parameters stands apart from them.
            Example = isAlternative ? null : example,
            Examples = isAlternative
                ? new Dictionary<string, IOpenApiExample> { ["alternative"] = new OpenApiExample { Value = example } }
                : null,
        };
}
