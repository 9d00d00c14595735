using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;
using Reports.Contracts;

namespace Reports.Lifecycle.Schedules;

/// <summary>
/// What the OpenAPI document says of schedules beyond what their types tell. The body of the errors that are named here
/// is described by the host.
/// </summary>
internal static class ScheduleDescription
{
    private const string Input = "ScheduleInput";
    private const string Patch = "SchedulePatch";

    private static readonly int[] Errors = [401, 403, 405, 429, 500, 503];

    private static readonly string[] Intervals =
        [.. Words<ReportInterval>().Where(word => word != ReportInterval.Custom.Word())];

    private static readonly string[] Statuses = [ScheduleStatus.Active.Word(), ScheduleStatus.Paused.Word()];

    private static readonly ListedSchedule Example = ListedSchedule.Of(new StoredSchedule(
        new Schedule(
            new("019ab3e4-5c00-7d21-9f3e-2b8c6d1a4e70"),
            default,
            new ScheduleDefinition(
                new ScheduleRule(ReportInterval.Weekly, new(6, 0), "Asia/Kuwait", Weekday.Sunday),
                ReportFormat.Csv,
                new ReportLayout(ByteOrderMark: true),
                Periods.StandardPrefix),
            ScheduleStatus.Active,
            new(2026, 11, 1, 9, 30, 0, TimeSpan.Zero),
            new(2026, 11, 1, 9, 30, 0, TimeSpan.Zero),
            new(2026, 11, 1, 9, 30, 0, TimeSpan.Zero)),
        Version: 1,
        LastEnd: new(2026, 11, 22, 3, 0, 0, TimeSpan.Zero)));

    private static readonly JsonObject InputExample = new()
    {
        ["interval"] = Example.Interval,
        ["weekday"] = Example.Weekday,
        ["cut_off"] = Example.CutOff,
        ["time_zone"] = Example.TimeZone,
        ["byte_order_mark"] = true,
    };

    public static void DescribeList(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ScheduleList>()
        .Describe(
            [],
            "listSchedules",
            "List schedules",
            "All schedules of the caller's merchant, the newest first; deleted ones are gone. There are never so many that "
            + "they need pages.")
        .AddOpenApiOperationTransformer((operation, context, _) =>
        {
            Close(context.Document!);
            Succeed(operation, "200", "The schedules.", JsonSerializer.SerializeToNode(
                new ScheduleList(1, [Example]), ScheduleJson.Plain.ScheduleList));
            return Task.CompletedTask;
        });

    public static void DescribeCreate(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ListedSchedule>(StatusCodes.Status201Created)
        .Describe(
            [400, 409, 415],
            "createSchedule",
            "Create a schedule",
            "From now on a report is asked for at each cut-off: of the period that ends there, from the cut-off before it. "
            + "The first is the first after now. What is missed while the service is down is made up for, each period once. "
            + "A merchant can have 100 schedules; one more is answered 409.")
        .AddOpenApiOperationTransformer((operation, context, _) =>
        {
            Receive(operation, context.Document!, Input, [ScheduleEndpoints.Json], InputExample);
            var created = Succeed(operation, "201", "The schedule.", Node(Example));
            created.Headers!["Location"] = Header("The address of the schedule.", $"https://reports.example.com{Address}");
            created.Headers["ETag"] = Tag;
            return Task.CompletedTask;
        });

    public static void DescribeShow(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ListedSchedule>()
        .Produces(StatusCodes.Status304NotModified)
        .Describe([404], "showSchedule", "Show a schedule", "One of the schedules of the caller's merchant.")
        .AddOpenApiOperationTransformer((operation, context, _) =>
        {
            operation.Parameters = [Id, Field("If-None-Match", "`304` if this is the schedule's `ETag`.", isNeeded: false)];
            Close(context.Document!);
            Succeed(operation, "200", "The schedule.", Node(Example)).Headers!["ETag"] = Tag;
            operation.Responses!["304"] = new OpenApiResponse
            {
                Description = "The schedule is still what `If-None-Match` says.",
                Headers = new Dictionary<string, IOpenApiHeader> { ["ETag"] = Tag },
            };
            return Task.CompletedTask;
        });

    public static void DescribeReplace(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ListedSchedule>()
        .Describe(
            [400, 404, 412, 415, 428],
            "replaceSchedule",
            "Change a schedule",
            "The whole of it: members that are left out have their defaults again, but `status` stays. What `GET` shows can "
            + "be sent back: members that only the service sets are ignored. A change counts from now on: what is over "
            + "already is still asked for as it was.")
        .AddOpenApiOperationTransformer((operation, context, _) =>
        {
            Receive(operation, context.Document!, Input, [ScheduleEndpoints.Json], InputExample);
            return DescribeChange(operation);
        });

    public static void DescribeMerge(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<ListedSchedule>()
        .Describe(
            [400, 404, 412, 415, 428],
            "patchSchedule",
            "Change members of a schedule",
            "A JSON merge patch (RFC 7396): members that are left out stay, null takes a member back to its default. "
            + "`{\"status\": \"paused\"}` pauses a schedule and `{\"status\": \"active\"}` resumes it; no report is made of "
            + "periods that ended in between.")
        .AddOpenApiOperationTransformer((operation, context, _) =>
        {
            Receive(
                operation,
                context.Document!,
                Patch,
                [ScheduleEndpoints.MergePatch, ScheduleEndpoints.Json],
                new JsonObject { ["status"] = ScheduleStatus.Paused.Word() });
            return DescribeChange(operation);
        });

    public static void DescribeDelete(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status204NoContent)
        .Describe(
            [404, 412, 428],
            "deleteSchedule",
            "Delete a schedule",
            "It asks for no report any more. The reports that it asked for stay.")
        .AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters = [Id, IfMatch];
            operation.Responses!["204"] = new OpenApiResponse { Description = "The schedule is gone." };
            return Task.CompletedTask;
        });

    private static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder endpoint, int[] errors, string id, string summary, string description)
    {
        foreach (var status in errors.Concat(Errors).Order())
        {
            endpoint.Produces(status);
        }

        return endpoint.WithTags("Schedules").WithName(id).WithSummary(summary)
            .WithDescription(description + " A user needs the permission `report.can_manage_schedule`.");
    }

    private static Task DescribeChange(OpenApiOperation operation)
    {
        operation.Parameters = [Id, IfMatch];
        Succeed(operation, "200", "The schedule as it is now.", Node(Example)).Headers!["ETag"] = Tag;
        return Task.CompletedTask;
    }

    private static string Address => $"{ScheduleEndpoints.Path}{Example.Id}/";

    private static OpenApiParameter Id => new()
    {
        Name = "id",
        In = ParameterLocation.Path,
        Required = true,
        Description = "The schedule's `id`.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" },
        Example = Example.Id.ToString(),
    };

    private static OpenApiParameter IfMatch => Field(
        "If-Match",
        "The schedule's `ETag`, or `*`: `412` unless it is still that one, `428` when the header is missing.",
        isNeeded: true);

    private static OpenApiHeader Tag => Header("The version of the schedule. The tag is strong.", "\"1\"");

    private static OpenApiParameter Field(string name, string description, bool isNeeded) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Required = isNeeded,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = "\"1\"",
    };

    private static OpenApiHeader Header(string description, string example) => new()
    {
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = example,
    };

    private static OpenApiResponse Succeed(
        OpenApiOperation operation, string status, string description, JsonNode? example)
    {
        var response = (OpenApiResponse)operation.Responses![status];
        response.Description = description;
        response.Content![ScheduleEndpoints.Json].Example = example;
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        return response;
    }

    private static void Receive(
        OpenApiOperation operation, OpenApiDocument document, string schema, string[] types, JsonNode example)
    {
        Close(document);
        document.AddComponent<IOpenApiSchema>(schema, new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = schema == Input
                ? "A schedule as it is to be. Members that only the service sets are ignored in a change."
                : "What is to be different about a schedule.",
            Properties = Sent(document, isPatch: schema == Patch),
            Required = schema == Input ? new HashSet<string> { "interval" } : null,
            AdditionalPropertiesAllowed = schema != Input,
        });
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = types.ToDictionary(type => type, _ => new OpenApiMediaType
            {
                Schema = new OpenApiSchemaReference(schema, document),
                Example = example.DeepClone(),
            }),
        };
    }

    // What can be sent is what is shown, but most of it can be left out, which null is the same as.
    private static Dictionary<string, IOpenApiSchema> Sent(OpenApiDocument document, bool isPatch) => Listed(document)
        .Where(member => !ScheduleBody.ReadOnly.Contains(member.Key))
        .ToDictionary(member => member.Key, IOpenApiSchema (member) =>
        {
            var schema = (OpenApiSchema)member.Value.CreateShallowCopy();
            if (schema.Type is { } type && (isPatch || member.Key != "interval"))
            {
                schema.Type = type | JsonSchemaType.Null;
                schema.Enum = null;
            }

            return schema;
        });

    // Words that may be null are told by a pattern, which null passes.
    private static void Close(OpenApiDocument document)
    {
        var listed = Listed(document);
        Restrict(listed["status"], Statuses);
        Restrict(listed["interval"], Intervals);
        Restrict(listed["format"], Words<ReportFormat>());
        Match(listed["weekday"], Words<Weekday>());
        Match(listed["locale"], Words<ReportLocale>());
        var cutOff = (OpenApiSchema)listed["cut_off"];
        cutOff.Pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
        var month = (OpenApiSchema)listed["month"];
        (month.Minimum, month.Maximum) = ("1", "12");
        var prefix = (OpenApiSchema)listed["file_name_prefix"];
        (prefix.MinLength, prefix.MaxLength) = (1, FileNamePrefix.MostCharacters);
        listed["day"] = new OpenApiSchema
        {
            Description = "The day of the month on which a month or a year ends. A month without that day ends on its last "
                + "one, so 31 is `last`. Null unless `interval` is `monthly` or `yearly`; left out, it is 1.",
            Type = JsonSchemaType.Integer | JsonSchemaType.String | JsonSchemaType.Null,
            Minimum = "1",
            Maximum = "31",
            Pattern = $"^{ScheduleBody.LastDay}$",
        };
    }

    private static IDictionary<string, IOpenApiSchema> Listed(OpenApiDocument document) =>
        document.Components!.Schemas![nameof(ListedSchedule)].Properties!;

    private static void Restrict(IOpenApiSchema schema, string[] words)
    {
        ((OpenApiSchema)schema).Enum = [.. words];
        Match(schema, words);
    }

    private static void Match(IOpenApiSchema schema, string[] words) =>
        ((OpenApiSchema)schema).Pattern = $"^({string.Join('|', words)})$";

    private static string[] Words<TEnum>()
        where TEnum : struct, Enum => [.. Enum.GetValues<TEnum>().Select(value => value.Word())];

    private static JsonNode? Node(ListedSchedule schedule) =>
        JsonSerializer.SerializeToNode(schedule, ScheduleJson.Plain.ListedSchedule);
}
