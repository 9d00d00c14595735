using System.Text;
using Reports.Contracts.Events;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Roads;

/// <summary>A service whose generator is the Python program, through tables.</summary>
public sealed class PythonTableTests(PostgresTableApp road) : IClassFixture<PostgresTableApp>
{
    [Fact]
    public async Task the_generator_in_python_makes_a_report_through_tables()
    {
        SampleGenerators.NeedPython();
        using var generator = SampleGenerators.Python(
            "python",
            "--postgres", SampleGenerators.Url(road.Generator.ConnectionString + ";Password=generator"),
            "--url", road.App.Address.ToString().TrimEnd('/'));

        await Samples.ServeAsync(road, generator, "generator-python/1.0");
    }
}

/// <summary>The samples that RabbitMQ is the road of.</summary>
[Collection(RabbitMqRoad.Name)]
public sealed class RabbitMqSampleTests(RabbitMqApp road)
{
    [Fact]
    public async Task the_generator_in_python_makes_a_report_through_rabbitmq()
    {
        TestBroker.Need();
        SampleGenerators.NeedPython();
        using var generator = SampleGenerators.Python(
            "python", "--rabbitmq", TestBroker.Address!, "--url", road.App.Address.ToString().TrimEnd('/'));

        await Samples.ServeAsync(road, generator, "generator-python/1.0");
    }

    [Fact]
    public async Task the_worker_makes_a_report_through_rabbitmq()
    {
        TestBroker.Need();
        using var worker = SampleGenerators.Worker(
            road.App, ("REPORTS__GENERATORS__ROAD", "RabbitMq"), ("REPORTS__GENERATORS__RABBITMQ", TestBroker.Address!));

        await Samples.ServeAsync(road, worker, ReferenceGenerator.Name);
    }
}

/// <summary>A service whose generator is the worker, through Wolverine's queues.</summary>
public sealed class WorkerQueueApp() : RoadApp("--Reports:Generators:Road=PostgresQueue");

/// <summary>The worker through Wolverine's queues.</summary>
public sealed class WorkerQueueTests(WorkerQueueApp road) : IClassFixture<WorkerQueueApp>
{
    [Fact]
    public async Task the_worker_makes_a_report_through_queues_in_the_database()
    {
        using var worker = SampleGenerators.Worker(road.App, ("REPORTS__GENERATORS__ROAD", "PostgresQueue"));

        await Samples.ServeAsync(road, worker, ReferenceGenerator.Name);
    }
}

internal static class Samples
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Starts a generator, has it make a report, and looks at what was recorded and at the file.</summary>
    public static async Task ServeAsync(RoadApp road, SupervisedProcess generator, string name)
    {
        generator.Start();
        var merchant = await road.App.MerchantAsync();
        var report = await road.RequestAsync(merchant);

        try
        {
            await road.FinishedAsync(report, Patience);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(generator.Said, e);
        }

        var events = await merchant.EventsAsync(report);

        // The first word of a short work may come after the last.
        events.Where(e => e is not GenerationStarted).Select(e => e.GetType())
            .ShouldBe([typeof(ReportRequested), typeof(ReportGenerated), typeof(ReportFinished)]);
        events.OfType<ReportGenerated>().Single().By.Id.ShouldBe(name);
        using var client = merchant.Client();
        var listed = (await merchant.ListAsync()).GetProperty("results")[0];
        var file = await client.GetByteArrayAsync(new Uri(TestMerchant.PathOf(listed), UriKind.Relative));
        Encoding.UTF8.GetString(file).ShouldStartWith("transaction_id,occurred_at,type,");
    }
}
