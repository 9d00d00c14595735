using System.Text.Json;
using System.Text.Json.Nodes;
using Carter;
using FluentValidation;
using JasperFx.Events.Projections;
using Marten;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Delivery;

/// <summary>The settings of list and download.</summary>
/// <param name="TokenLifetime">How long a download URL is good for, at the least; it ends on a whole minute.</param>
/// <param name="NodeLease">How long after a node's last sign of life its open downloads count as interrupted.</param>
/// <param name="RequestsPerDay">
/// How many requests a principal may send in a UTC day, unless its merchant has a quota of its own.
/// </param>
/// <param name="DownloadsPerHour">
/// How many downloads a principal may have in any hour, unless its merchant has a quota of its own.
/// </param>
public sealed record DeliveryOptions(
    TimeSpan TokenLifetime, TimeSpan NodeLease, int RequestsPerDay, int DownloadsPerHour)
{
    /// <summary>
    /// Whether an expired, malformed or foreign token is answered as if it were unknown, as one of the published
    /// documents says. The record of the attempt still tells them apart.
    /// </summary>
    public bool IsNotFoundOnly { get; init; }

    /// <summary>The database, for the connections that serve lists and downloads.</summary>
    public string Database { get; init; } = "";

    /// <summary>How many bytes a second a client must take of a download at the least.</summary>
    public double SlowestBytesPerSecond { get; init; } = 1024;

    /// <summary>How much longer it may take for each block of a file.</summary>
    public TimeSpan SlowGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>By how much a node's clock and the database's may differ without being recorded.</summary>
    public TimeSpan LargestClockSkew { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Where a node writes down that its event store is away, so that it is known should the node end meanwhile; none
    /// to keep it in memory. Best a directory that all nodes share.
    /// </summary>
    public string? OutageDirectory { get; init; }

    /// <inheritdoc/>
    public override string ToString() => nameof(DeliveryOptions); // one of the members holds a password

    /// <summary>The hour in which downloads are counted; tests cannot wait for one.</summary>
    internal TimeSpan DownloadWindow { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>The finished reports: list, tokens, download, and the record of every attempt.</summary>
public sealed class DeliveryModule : ICarterModule
{
    private static readonly string[] Methods = ["GET", "HEAD"];

    /// <summary>Adds what the module needs.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddDelivery(IServiceCollection services, DeliveryOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ServingDatabase>();
        services.AddSingleton<FinishedReports>();
        services.AddSingleton<DownloadTokens>();
        services.AddSingleton<PageMarks>();
        services.AddSingleton<ListWalks>();
        services.AddSingleton<VerifiedBlocks>();
        services.AddSingleton<AttemptJournal>();
        services.AddSingleton<DownloadLedger>();
        services.AddSingleton<OutageWatch>();
        services.AddSingleton<OutageJournal>();
        services.AddSingleton<ClockWatch>();
        services.AddScoped<ReportPresenter>();
        services.AddScoped<ListReportsAsOf>();
        services.AddScoped<DownloadDecider>();
        services.AddScoped<DownloadReport>();
        services.AddHostedService<AuditNode>();
        services.AddHostedService<DownloadNode>();
        services.AddSingleton<DownloadQuota>();
        services.AddSingleton<RequestQuota>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ForbiddenQuotaNote>();
        services.AddHostedService<QuotaNode>();
        services.AddHealthChecks().AddCheck<AuditCheck>("audit", tags: ["ready"]);
        services.AddMediatR(c => c.RegisterServicesFromAssemblyContaining<DeliveryModule>());
        services.AddValidatorsFromAssemblyContaining<DeliveryModule>(
            ServiceLifetime.Singleton, includeInternalTypes: true);
        return services;
    }

    /// <summary>Makes the tables of the list anew from the events, while they are read and written.</summary>
    /// <param name="database">The database, as the owner of the schema.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellation">Stops it; the tables stay as they are.</param>
    /// <returns>How many reports are listed.</returns>
    public static Task<long> RebuildListAsync(
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation) =>
        new FinishedReportsRebuild(database, clock).RunAsync(cancellation);

    /// <summary>Adds the module's projections and tables to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options)
    {
        options.Projections.Add(new FinishedReportsProjection(), ProjectionLifecycle.Inline);
        options.Storage.ExtendedSchemaObjects.Add(DownloadNode.Table());
        options.Projections.Add(new QuotaOverridesProjection(), ProjectionLifecycle.Inline);
        options.Storage.ExtendedSchemaObjects.Add(RequestQuota.Table());
        foreach (var schemaObject in DownloadQuota.SchemaObjects())
        {
            options.Storage.ExtendedSchemaObjects.Add(schemaObject);
        }
    }

    /// <summary>
    /// Counts the requests to every endpoint that is marked with <see cref="CountedRequests"/>; after authorisation.
    /// </summary>
    /// <param name="app">The pipeline.</param>
    public static void CountRequests(IApplicationBuilder app) => app.UseMiddleware<RequestQuotaCheck>();

    /// <summary>Tells an event of a download, or of the file that was downloaded.</summary>
    /// <param name="event">The event.</param>
    /// <returns>A sentence.</returns>
    public static string TellDownload(object @event) => DownloadStory.Sentence(@event);

    /// <summary>What a merchant's list answered at an instant, from the events.</summary>
    /// <param name="http">The request; its parameters are the list's own.</param>
    /// <param name="database">Where the events are.</param>
    /// <param name="merchant">Whose list.</param>
    /// <param name="asOf">The instant.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The body, without <c>watermark</c> and any <c>download_action</c>.</returns>
    /// <exception cref="ProblemException">A parameter is wrong, or there was no such merchant then.</exception>
    public static Task<JsonObject> ListAsOfAsync(
        HttpContext http, NpgsqlDataSource database, Guid merchant, DateTimeOffset asOf, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.RequestServices.GetRequiredService<ListReportsAsOf>()
            .AnswerAsync(http, database, merchant, asOf, cancellation);
    }

    /// <summary>
    /// Makes the decision about a download again from what is recorded of it, by the rules that the request was decided
    /// by, and compares it with the answer on record.
    /// </summary>
    /// <param name="attempted">The attempt.</param>
    /// <param name="end">The event that ended it; none when there is none yet.</param>
    /// <param name="report">
    /// The events of the report that the attempt names with a smaller sequence than the attempt's, in their order; none
    /// when it names none.
    /// </param>
    /// <returns>
    /// A JSON object: <c>policy_version</c>, <c>is_recomputable</c>, <c>lacks</c>, <c>ruling</c>, <c>recomputed</c>,
    /// <c>recorded</c>, <c>is_as_recorded</c>, <c>by_events</c>, <c>is_by_events</c>.
    /// </returns>
    public static JsonObject ExplainDownload(DownloadAttempted attempted, object? end, IEnumerable<object> report) =>
        JsonSerializer.SerializeToNode(DownloadExplanation.Of(attempted, end, report), ContractJson.Options)!.AsObject();

    /// <inheritdoc/>
    public void AddRoutes(IEndpointRouteBuilder app)
    {
        var reports = app.MapGroup("");
        foreach (var path in (string[])
            [ListReports.Path, "/b/api/v1/reports/", "/api/v1/reports/", "/api/v1/reports/files/"])
        {
            reports.MapMethods(path, Methods, ListReports.Endpoint)
                .RequireAuthorization(PermissionRequirement.Policy(Permissions.ViewReport))
                .WithMetadata(CountedRequests.Marker, CheckpointedResponses.Marker)
                .DescribeList(path);
        }

        reports.MapMethods(ListReports.Path + "{encrypted_id}/", Methods, ShowReport.Endpoint)
            .RequireAuthorization(PermissionRequirement.Policy(Permissions.ViewReport))
            .WithMetadata(CountedRequests.Marker, CheckpointedResponses.Marker)
            .DescribeReport();
        foreach (var path in (string[])[ListReports.Path, "/api/v1/reports/files/"])
        {
            // The download authenticates by itself: its refusals are recorded too, those of other methods among them.
            var refusing = new RefusesByItself();
            reports.MapMethods(path + "{token}/download/", Methods, DownloadReport.Endpoint)
                .AllowAnonymous()
                .WithMetadata(refusing, RecordsByItself.Marker, CheckpointedResponses.Marker)
                .DescribeDownload(path);
            reports.Map(path + "{token}/download/", DownloadReport.Endpoint)
                .AllowAnonymous()
                .WithMetadata(refusing, RecordsByItself.Marker)
                .ExcludeFromDescription();
        }
    }
}
