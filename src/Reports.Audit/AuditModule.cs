using System.Text.Json.Nodes;
using Carter;
using FluentValidation;
using Marten;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Reports.Audit.Sealing;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Audit;

/// <summary>The settings of the audit.</summary>
public sealed record AuditOptions
{
    /// <summary>The connection string of the sealer's login, complete with timeouts and name.</summary>
    public required string SealerDatabase { get; init; }

    /// <summary>The connection string of the login that reads for auditors, complete with timeouts and name.</summary>
    public required string AuditorDatabase { get; init; }

    /// <summary>How many requests to the audit surface a principal may send in an hour.</summary>
    public int ReadsPerHour { get; init; } = 1000;

    /// <summary>The settings of the ledger.</summary>
    public LedgerOptions Ledger { get; init; } = new();

    /// <summary>What the replays ask other modules for; a program that only seals has none.</summary>
    public ReplayOptions? Replay { get; init; }

    /// <inheritdoc/>
    public override string ToString() => nameof(AuditOptions);
}

/// <summary>What only other modules know, and replays tell.</summary>
public sealed record ReplayOptions
{
    /// <summary>Tells the events of a report's stream: for each a sentence, and the state after it.</summary>
    public required Func<IEnumerable<object>, IReadOnlyList<(string Sentence, JsonObject? State)>> TellReport
    {
        get; init;
    }

    /// <summary>Tells an event of a download.</summary>
    public required Func<object, string> TellDownload { get; init; }

    /// <summary>Makes the decision about a download again, from attempt, end and the report's events before it.</summary>
    public required Func<DownloadAttempted, object?, IEnumerable<object>, JsonObject> ExplainDownload { get; init; }

    /// <summary>The body of a merchant's list at an instant, from the events of a database.</summary>
    public required Func<HttpContext, NpgsqlDataSource, Guid, DateTimeOffset, CancellationToken, Task<JsonObject>> ListAsOf
    {
        get; init;
    }
}

/// <summary>The audit: replay, ledger, proofs.</summary>
public sealed class AuditModule : ICarterModule
{
    /// <summary>Adds what the module needs.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAudit(IServiceCollection services, AuditOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        services.AddHealthChecks()
            .AddCheck<LedgerCheck>("ledger", HealthStatus.Degraded, tags: ["ready", "ledger"]);
        AddSealer(services, options);
        services.AddMediatR(c => c.RegisterServicesFromAssemblyContaining<AuditModule>());
        services.AddValidatorsFromAssemblyContaining<AuditModule>(
            ServiceLifetime.Singleton, includeInternalTypes: true);
        ArgumentNullException.ThrowIfNull(options.Replay, nameof(options));
        return services.AddSingleton(options.Replay)
            .AddHostedService<LedgerOutages>()
            .AddHostedService(s => s.GetRequiredService<CurrentCheckpoint>())
            .AddSingleton<CurrentCheckpoint>()
            .AddSingleton(s => AuditorDatabase.Create(s.GetRequiredService<AuditOptions>().AuditorDatabase))
            .AddSingleton<LedgerProofs>()
            .AddSingleton<AuditQuota>()
            .AddSingleton<AuditReads>()
            .AddSingleton<StoredEvents>()
            .AddScoped<AuditReading>();
    }

    /// <summary>Adds what seals and nothing else: a program that only seals needs no more.</summary>
    /// <param name="services">The services of the program.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddSealer(IServiceCollection services, AuditOptions options)
    {
        services.AddSingleton(options)
            .AddSingleton(options.Ledger)
            .AddSingleton(s => new SealerDatabase(
                NpgsqlDataSource.Create(s.GetRequiredService<AuditOptions>().SealerDatabase)))
            .AddSingleton<LedgerKeys>()
            .AddSingleton<LedgerMemory>()
            .AddSingleton<LedgerState>();
        return options.Ledger.Seals ? services.AddHostedService<SealerLoop>() : services;
    }

    /// <summary>
    /// Has the answers of every endpoint that is marked with <see cref="CheckpointedResponses"/> carry the newest
    /// checkpoint; after routing.
    /// </summary>
    /// <param name="app">The pipeline.</param>
    public static void ShowCheckpoints(IApplicationBuilder app)
    {
        var current = app.ApplicationServices.GetRequiredService<CurrentCheckpoint>();
        app.Use(current.ShowAsync);
    }

    /// <summary>Adds the module's tables to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options)
    {
        options.Storage.ExtendedSchemaObjects.Add(AuditQuota.Table());
        AuditSchema.Configure(options);
    }

    /// <summary>Creates the schema <c>ledger</c> and indexes; after the event store's tables, as their owner.</summary>
    /// <param name="database">The connections of the role that owns the schema.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>A task that ends when it is done.</returns>
    public static async Task ApplySchemaAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await LedgerSchema.ApplyAsync(database, cancellation);
        await AuditSchema.ApplyAsync(database, cancellation);
    }

    /// <inheritdoc/>
    public void AddRoutes(IEndpointRouteBuilder app)
    {
        app.MapGet(ReadEvents.Path, ReadEvents.Endpoint).Reads(AuditSurface.Events).DescribeEvents();
        app.MapGet(ReplayReport.Path, ReplayReport.Endpoint).Reads(AuditSurface.Report).DescribeReport();
        app.MapGet(ReplayDownload.Path, ReplayDownload.Endpoint).Reads(AuditSurface.Download).DescribeDownload();
        app.MapGet(ReplayList.Path, ReplayList.Endpoint).Reads(AuditSurface.List).DescribeList();
        app.MapGet(ReadLedger.CheckpointPath, ReadLedger.Checkpoint).Reads(AuditSurface.Checkpoint).DescribeCheckpoint();
        app.MapGet(ReadLedger.CheckpointsPath, ReadLedger.Checkpoints).Reads(AuditSurface.Checkpoint)
            .DescribeCheckpoints();
        app.MapGet(ReadLedger.LeavesPath, ReadLedger.Leaves).Reads(AuditSurface.Leaves).DescribeLeaves();
        app.MapGet(ReadLedger.KeysPath, ReadLedger.Keys).Reads(AuditSurface.Checkpoint).DescribeKeys();
        app.MapGet(ShowLedger.Path, ShowLedger.Endpoint).Reads(AuditSurface.Checkpoint).DescribeLedger();
        app.MapGet(Prove.ProofPath + "{id}", Prove.Event).Reads(AuditSurface.Proof).DescribeProof();
        app.MapGet(Prove.ReceiptPath + "{id}", Prove.Receipt).Reads(AuditSurface.Proof).DescribeReceipt();
        app.MapGet(Prove.ConsistencyPath, Prove.Consistency).Reads(AuditSurface.Consistency).DescribeConsistency();
    }
}
