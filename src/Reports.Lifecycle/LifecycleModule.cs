using System.Text.Json.Nodes;
using Carter;
using FluentValidation;
using JasperFx.Events.Projections;
using Marten;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Lifecycle.Requests;
using Reports.Lifecycle.Schedules;
using Weasel.Postgresql;
using Wolverine.Marten.Publishing;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Lifecycle;

/// <summary>Requests, schedules, generation, verification, and the read models of requests and schedules.</summary>
public sealed class LifecycleModule : ICarterModule
{
    /// <summary>Adds what the module needs.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddLifecycle(IServiceCollection services, LifecycleOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<LifecycleStore>();
        services.AddSingleton(s => new Grants(s.GetRequiredService<KeyRing>()));
        services.AddSingleton(s => new GenerationOrders(
            s.GetRequiredService<Grants>(), options, new OwnAddress(s), s.GetRequiredService<Storage.ReportFiles>()));
        services.AddSingleton(s => new GeneratorAnswers(
            s.GetRequiredService<Grants>(),
            s.GetRequiredService<OutboxedSessionFactory>(),
            s.GetRequiredService<GenerationOrders>(),
            s.GetRequiredService<ReportVerifier>(),
            s.GetRequiredService<NpgsqlDataSource>(),
            options,
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new ReportVerifier(
            s.GetRequiredService<Storage.ReportFiles>(),
            s.GetRequiredService<LifecycleStore>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddScoped<ReportIntake>();
        services.AddRequests();
        services.AddSingleton<UploadFile>();
        services.AddSingleton<GeneratorStore>();
        services.AddSingleton<GeneratorSecrets>();
        services.AddSingleton(s => new ReportSubmissions(
            s.GetRequiredService<GeneratorStore>(),
            s.GetRequiredService<GeneratorSecrets>(),
            s.GetRequiredService<LifecycleStore>(),
            s.GetRequiredService<OutboxedSessionFactory>(),
            s.GetRequiredService<GenerationOrders>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddScoped<LifecycleStreams>();
        services.AddHostedService<GenerationWatcher>();
        services.AddHostedService<RetentionWatcher>();
        services.AddSingleton<ScheduleStore>();
        services.AddSingleton<ScheduledReports>();
        services.AddHostedService<ScheduleRunner>();
        services.AddMediatR(c => c.RegisterServicesFromAssemblyContaining<LifecycleModule>());
        services.AddValidatorsFromAssemblyContaining<LifecycleModule>(
            ServiceLifetime.Singleton, includeInternalTypes: true);
        return services;
    }

    /// <summary>Adds the module's projections and sequence to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options)
    {
        options.Projections.Add(new ReportFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new GeneratorFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new RequestsProjection(), ProjectionLifecycle.Inline);
        options.Projections.Add(new GeneratorsProjection(), ProjectionLifecycle.Inline);
        options.Projections.Add(new ScheduleFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new SchedulesProjection(), ProjectionLifecycle.Inline);
        options.Storage.ExtendedSchemaObjects.Add(new Sequence("reports.report_number"));
        options.Storage.ExtendedSchemaObjects.Add(GenerationWatch.Table());
        options.Storage.ExtendedSchemaObjects.Add(IdempotencyKeys.Table());
    }

    /// <summary>Tells the events of a report.</summary>
    /// <param name="events">All of its stream up to some place, in order.</param>
    /// <returns>
    /// For each a sentence, and the state after it as a JSON object; none before the report was asked for.
    /// </returns>
    public static IReadOnlyList<(string Sentence, JsonObject? State)> TellReport(IEnumerable<object> events) =>
        ReportStory.Tell(events);

    /// <inheritdoc/>
    public void AddRoutes(IEndpointRouteBuilder app)
    {
        RequestEndpoints.Map(app);
        ScheduleEndpoints.Map(app);
        GenerationEndpoints.Map(app);
    }
}
