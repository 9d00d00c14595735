using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Reports.Host;

/// <summary>The credentials in the OpenAPI document. An operation that can answer 401 takes any one of them.</summary>
internal static class CredentialDescription
{
    private static readonly Dictionary<string, OpenApiSecurityScheme> Schemes = new()
    {
        ["ApiKey"] = new()
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Header,
            Name = "Api-Key",
            Description = "A merchant's API key, or an auditor's. Send one credential only; the same key in both headers counts as one.",
        },
        ["ApiKeyAuthorization"] = new()
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Header,
            Name = "Authorization",
            Description = "An API key after the word `Api-Key` and a space: `Authorization: Api-Key <key>`.",
        },
        ["Basic"] = new()
        {
            Type = SecuritySchemeType.Http,
            Scheme = "basic",
            Description = "A user of the merchant (RFC 7617, UTF-8) with the permission for what is asked: " +
                "`report.can_view_report` to list and download, `report.can_request_report` for requests, " +
                "`report.can_manage_schedule` for schedules, `report.can_view_audit` for the audit.",
        },
    };

    public static Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var document = context.Document!;
        operation.Security = [];
        if (operation.Responses!.ContainsKey("401"))
        {
            foreach (var (name, scheme) in Schemes)
            {
                document.AddComponent<IOpenApiSecurityScheme>(name, scheme);
                operation.Security.Add(new() { [new OpenApiSecuritySchemeReference(name, document)] = [] });
            }
        }

        return Task.CompletedTask;
    }
}
