using JasperFx;
using JasperFx.Events;
using JasperFx.MultiTenancy;
using Marten;
using Npgsql;
using Reports.Access;
using Reports.Audit;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Delivery;
using Reports.Lifecycle;
using Wolverine.Marten;
using Wolverine.Runtime;

namespace Reports.Host;

/// <summary>
/// The event store: Marten on one PostgreSQL, a tenant for each merchant (<c>docs/adr/0003-one-event-store.md</c>).
/// </summary>
internal static class EventStore
{
    // Waits are for requests; what changes a large table takes its time.
    private const int LongestCommand = 10;
    private const int MostPrepared = 64;
    private static readonly TimeSpan LongestSchemaChange = TimeSpan.FromHours(1);

    public static void AddEventStore(this IServiceCollection services, Settings settings)
    {
        var longest = settings.IsMigrating ? (int)LongestSchemaChange.TotalSeconds : default(int?);
        services.AddSingleton(_ =>
            NpgsqlDataSource.Create(Prepared(Connection(settings.Database, "reports", longest))));
        services.AddMarten(options => Configure(options, settings))
            .UseNpgsqlDataSource()
            .IntegrateWithWolverine(wolverine =>
            {
                wolverine.MessageStorageSchemaName = "wolverine";
                wolverine.TransportSchemaName = Roads.PostgresQueueRoad.Schema;
                wolverine.UseWolverineManagedEventSubscriptionDistribution = true;
            });

        // Only what a request or a command opens is the caller's. Message handlers open theirs for the tenant of their
        // message, and the framework's own session factory has no tenant to fall back to: it fails loudly.
        services.AddSingleton<Origins>();
        services.AddScoped<TenantSessions>();
        services.AddScoped(s => s.GetRequiredService<TenantSessions>().OpenSession());
        services.AddScoped(s => s.GetRequiredService<TenantSessions>().QuerySession());

        // The outbox does not hand its session's tenant on to the messages by itself.
        services.AddScoped<IMartenOutbox, TenantOutbox>();
    }

    /// <summary>A connection string with a name in the database's lists and an end to every wait.</summary>
    public static string Connection(string connectionString, string name, int? commandTimeout = null)
    {
        var given = new NpgsqlConnectionStringBuilder(connectionString);
        return new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = given.ApplicationName ?? name,
            Timeout = Capped(given.Timeout, 5),
            CommandTimeout = commandTimeout ?? Capped(given.CommandTimeout, LongestCommand),
        }.ConnectionString;
    }

    // A session that is given back is reset. Where it holds prepared statements, what it has planned is left to it, and
    // so is what the functions and triggers of an append have: to plan them anew costs more than to run them.
    private static string Prepared(string connectionString)
    {
        var given = new NpgsqlConnectionStringBuilder(connectionString);
        return given.MaxAutoPrepare > 0 ? connectionString : new NpgsqlConnectionStringBuilder(connectionString)
        {
            MaxAutoPrepare = MostPrepared,
            AutoPrepareMinUsages = 2,
        }.ConnectionString;
    }

    // Zero means no end to Npgsql.
    private static int Capped(int seconds, int most) => seconds is 0 ? most : Math.Min(seconds, most);

    private static void Configure(StoreOptions options, Settings settings)
    {
        options.DatabaseSchemaName = "reports";
        options.Events.DatabaseSchemaName = "events";
        options.AutoCreateSchemaObjects = settings.IsMigrating ? AutoCreate.CreateOrUpdate : AutoCreate.None;
        options.UseSystemTextJsonForSerialization(configure: json => ContractJson.Apply(json));

        var events = options.Events;
        events.StreamIdentity = StreamIdentity.AsGuid;
        events.TenancyStyle = TenancyStyle.Conjoined;
        options.Policies.AllDocumentsAreMultiTenanted();
        options.Advanced.DefaultTenantUsageEnabled = false;
        events.AppendMode = EventAppendMode.QuickWithServerTimestamps;
        events.UseMandatoryStreamTypeDeclaration = true;
        events.EnableUniqueIndexOnEventId = true;
        events.EnableEventTypeIndex = true;
        events.UseExclusiveLockOnConcurrentAppends = true;
        events.UseAdvisoryLockTransaction = true;
        events.MetadataConfig.EnableAll();
        events.MetadataConfig.UserNameEnabled = true;
        foreach (var (name, type) in ContractNames.Events)
        {
            events.AddEventType(type);
            events.MapEventType(type, name);
        }

        // An event that cannot be applied is not skipped: what it belongs to stops, loudly.
        options.Projections.Errors.SkipApplyErrors = false;
        options.Projections.Errors.SkipSerializationErrors = false;
        options.Projections.Errors.SkipUnknownEvents = false;

        options.OpenTelemetry.TrackConnections = JasperFx.OpenTelemetry.TrackLevel.Normal;
        options.OpenTelemetry.TrackEventCounters();

        options.Listeners.Add(new OriginOfEvents());
        options.Storage.ExtendedSchemaObjects.Add(Origins.Table());
        AccessModule.Configure(options);
        LifecycleModule.Configure(options);
        DeliveryModule.Configure(options);
        AuditModule.Configure(options);
    }
}

/// <summary>
/// Opens sessions for the caller's tenant; events that are appended carry who, from where and which request.
/// </summary>
internal sealed class TenantSessions(IDocumentStore store, Origins origins, CurrentCaller current)
{
    public IQuerySession QuerySession() => store.QuerySession(Tenants.Name(current.Required.Tenant));

    public IDocumentSession OpenSession()
    {
        var caller = current.Required;
        var session = store.LightweightSession(Tenants.Name(caller.Tenant));
        session.LastModifiedBy = caller.Actor.Id;
        if (current.RequestId is { } request)
        {
            session.SetHeader("request_id", request);
        }

        origins.Put(session, current.Origin);
        return session;
    }
}

/// <summary>An outbox whose messages travel with the tenant and the user of its session.</summary>
public sealed class TenantOutbox : MartenOutbox
{
    /// <summary>Takes the scope's session.</summary>
    /// <param name="runtime">The messaging runtime.</param>
    /// <param name="session">The session whose commit sends the messages.</param>
    public TenantOutbox(IWolverineRuntime runtime, IDocumentSession session)
        : base(runtime, session)
    {
        TenantId = session.TenantId;
        UserName = session.LastModifiedBy;
    }
}
