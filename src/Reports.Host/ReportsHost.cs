using Carter;
using JasperFx;
using MediatR;
using Reports.Access;
using Reports.Audit;
using Reports.BuildingBlocks;
using Reports.Delivery;
using Reports.Generator;
using Reports.Host.Roads;
using Reports.Lifecycle;
using Reports.Storage;
using Wolverine;

namespace Reports.Host;

/// <summary>Puts the modules together into one program.</summary>
internal static class ReportsHost
{
    /// <param name="args">Settings beyond those of the environment.</param>
    /// <param name="compilesHandlers">Whether the handlers' code is made and compiled at the start.</param>
    /// <param name="isMigrating">Whether it is to change the schema, as the role that owns it, and nothing else.</param>
    /// <param name="isOwner">Whether it has the rights of that role without changing the schema.</param>
    public static WebApplicationBuilder Builder(
        string[] args, bool compilesHandlers = false, bool isMigrating = false, bool isOwner = false)
    {
        var builder = WebApplication.CreateBuilder(args);
        var settings = Settings.From(builder.Configuration);
        settings = isMigrating || isOwner ? settings.AsOwner(isMigrating) : settings;
        var connections = ConnectionLimits.From(builder.Configuration);
        var services = builder.Services;
        services.AddSingleton(settings);
        services.AddSingleton(settings.Keys);
        services.AddSingleton<EncryptedIds>();
        services.AddSingleton<TimeProvider>(new MicrosecondClock());
        services.AddSingleton(new PublicUrl(settings.PublicUrl));
        services.AddSingleton(new ReportFiles(settings.StorageRoot));
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(LogBehavior<,>));
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(ValidationBehavior<,>));
        services.AddScoped<Microsoft.AspNetCore.Authorization.IAuthorizationHandler, PermissionHandler>();

        services.AddEventStore(settings);
        services.AddAccess(settings.Access);
        LifecycleModule.AddLifecycle(services, settings.Lifecycle);
        DeliveryModule.AddDelivery(
            services,
            new Delivery.DeliveryOptions(
                settings.TokenLifetime, settings.NodeLease, settings.RequestsPerDay, settings.DownloadsPerHour)
            {
                Database = EventStore.Connection(settings.Database, "reports-serving"),
                IsNotFoundOnly = settings.IsNotFoundOnly,
                SlowestBytesPerSecond = connections.MinimumDataRate,
                SlowGrace = connections.GracePeriod,
                LargestClockSkew = settings.LargestClockSkew,
                OutageDirectory = Path.Combine(settings.StorageRoot, ".outages"),
            });
        AuditModule.AddAudit(services, new AuditOptions
        {
            SealerDatabase = EventStore.Connection(settings.Logins.Sealer, "reports-sealer"),
            AuditorDatabase = EventStore.Connection(settings.Logins.Auditor, "reports-auditor"),
            Ledger = settings.Ledger,
            ReadsPerHour = settings.AuditReadsPerHour,
            Replay = new ReplayOptions
            {
                TellReport = LifecycleModule.TellReport,
                TellDownload = DeliveryModule.TellDownload,
                ExplainDownload = DeliveryModule.ExplainDownload,
                ListAsOf = DeliveryModule.ListAsOfAsync,
            },
        });
        services.AddReferenceGenerator(settings.Database);
        services.AddRoads(settings.Roads);

        services.AddCarter(configurator: carter =>
            carter.WithModule<DeliveryModule>().WithModule<LifecycleModule>().WithModule<AuditModule>());
        services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.ShutdownTimeout);
        services.AddExceptionHandler<ProblemHandling>();
        services.AddProblemDetails();
        services.AddHealth();
        services.AddApiDescription();
        services.AddTelemetry(builder.Configuration);
        builder.Host.UseWolverine(
            options => Messaging.Configure(
                options, settings, compilesHandlers || builder.Environment.IsDevelopment()),
            ExtensionDiscovery.ManualOnly);
        builder.Logging.AddSecretFilters();
        builder.WebHost.ConfigureKestrel(connections.Configure);
        OutermostFilter.AddTo(services, Proxies.From(builder.Configuration));
        return builder;
    }

    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        Use(app);
        return app;
    }

    public static void Use(WebApplication app)
    {
        // The framework would put its own authentication before all of this, where a database that is away ends in a
        // bare 500 and a download in no record. Each endpoint that asks for a caller authenticates by itself.
        ((IApplicationBuilder)app).Properties["__AuthenticationMiddlewareSet"] = true;
        app.UseRouting();
        AccessModule.RecordRefusals(app);
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        app.Use(RequestShape.Check);
        AuditModule.ShowCheckpoints(app);
        app.UseAuthorization();
        DeliveryModule.CountRequests(app);
        app.MapCarter();
        app.MapHealth();
        app.MapProblemPages();
        app.MapApiDescription();

        // Otherwise the endpoints would be known from the start of the server on: too late for commands.
        app.UseEndpoints(_ => { });
    }

    public static async Task<int> RunFrameworkCommandAsync(string[] args)
    {
        var builder = Builder([], compilesHandlers: true, isMigrating: true);
        builder.Host.ApplyJasperFxExtensions();
        await using var app = Build(builder);
        return await app.RunJasperFxCommands(args);
    }
}
