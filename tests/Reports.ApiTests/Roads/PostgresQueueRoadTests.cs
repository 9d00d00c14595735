using System.Text.Json;
using JasperFx.CodeGeneration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Reports.Contracts;
using Reports.Contracts.Messages;
using Reports.Host;
using Reports.Host.Roads;
using Shouldly;
using Wolverine;
using Wolverine.Postgresql;
using Wolverine.Runtime;
using Wolverine.Util;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>A service whose generators are Wolverine applications, and one of them.</summary>
public sealed class PostgresQueueApp() : RoadApp("--Reports:Generators:Road=PostgresQueue")
{
    private IHost _generator = null!;

    public IMessageBus Bus => _generator.Services.GetRequiredService<IMessageBus>();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var builder = Microsoft.Extensions.Hosting.Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<RoadApp>(this);
        builder.UseWolverine(options =>
        {
            options.ServiceName = "generator";
            options.ApplicationAssembly = typeof(QueueGeneratorHandler).Assembly;
            options.UseRuntimeCompilation();
            options.CodeGeneration.TypeLoadMode = TypeLoadMode.Dynamic;
            options.Durability.Mode = DurabilityMode.Solo;
            options.PersistMessagesWithPostgresql(App.ConnectionString, "generator")
                .EnableMessageTransport(transport => transport.TransportSchemaName("queues"));
            WolverineMessageNaming.InsertFirst<ContractMessageNaming>();
            options.UseSystemTextJsonForSerialization(json => ContractJson.Apply(json));
            options.Discovery.DisableConventionalDiscovery().IncludeType<QueueGeneratorHandler>();
            options.ListenToPostgresqlQueue("generation_orders").PollingInterval(TimeSpan.FromMilliseconds(500));
            options.PublishMessage<GenerationCompleted>().ToPostgresqlQueue("generation_answers");
            options.PublishMessage<GenerationHeartbeat>().ToPostgresqlQueue("generation_answers");
        });
        _generator = builder.Build();
        await _generator.StartAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await _generator.StopAsync();
        _generator.Dispose();
        await base.DisposeAsync();
    }
}

/// <summary>A generator on .NET that uses Wolverine.</summary>
public sealed class QueueGeneratorHandler
{
    public static GenerationCompleted Handle(GenerateReport order, RoadApp road)
    {
        ArgumentNullException.ThrowIfNull(road);
        var answer = road.Fulfil(JsonSerializer.SerializeToElement(order, ContractJson.Options));
        return answer.Deserialize<GenerationCompleted>(ContractJson.Options)!;
    }
}

/// <summary>Orders and answers over Wolverine's queues in the database.</summary>
public sealed class PostgresQueueRoadTests(PostgresQueueApp road) : IClassFixture<PostgresQueueApp>
{
    [Fact]
    public async Task queues_are_the_everyday_logins_alone()
    {
        await using var command = road.App.Database.CreateCommand(
            """
            select count(*), count(*) filter (where has_table_privilege('reports_app', c.oid, 'select')
                and has_table_privilege('reports_app', c.oid, 'insert')
                and has_table_privilege('reports_app', c.oid, 'update')
                and has_table_privilege('reports_app', c.oid, 'delete')),
                count(*) filter (where exists (
                    select from aclexplode(c.relacl) a where a.grantee not in (c.relowner, 'reports_app'::regrole)))
            from pg_class c where c.relnamespace = 'queues'::regnamespace and c.relkind = 'r'
            """);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        row.GetInt64(0).ShouldBeGreaterThan(3);
        (row.GetInt64(1), row.GetInt64(2)).ShouldBe((row.GetInt64(0), 0));
    }

    [Fact]
    public void answers_are_handled_in_lanes()
    {
        var options = road.App.Services.GetRequiredService<IWolverineRuntime>().Options;

        options.Transports.SelectMany(t => t.Endpoints())
            .Where(e => e.EndpointName is "generation_answers" or "ingress")
            .Select(e => e.GroupShardingSlotNumber).ShouldBe([RoadsToGenerators.Lanes, RoadsToGenerators.Lanes]);
    }

    [Fact]
    public async Task a_generator_that_uses_wolverine_finishes_the_report()
    {
        var report = await road.RequestAsync();

        await road.FinishedAsync(report);
    }

    [Fact]
    public async Task a_wrong_grant_is_one_dead_letter_and_the_next_report_goes_on()
    {
        var mark = RoadApp.Unique();
        await road.Bus.PublishAsync(new GenerationHeartbeat(Guid.CreateVersion7(), 1, "AAAA", mark, 1));
        await road.DiesAsync(mark);

        await road.FinishedAsync(await road.RequestAsync());
        (await road.DeadAsync(mark)).ShouldBe(1);
    }
}
