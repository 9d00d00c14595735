using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Generator;

public class GeneratorModuleTests
{
    [Fact]
    public void the_generator_keeps_its_data_source_to_itself()
    {
        var services = new ServiceCollection().AddReferenceGenerator("Host=localhost");
        services.Select(service => service.ServiceType).ShouldBe(
            [typeof(TransactionDatabase), typeof(TransactionImport), typeof(ReferenceGenerator)]);
        services.ShouldAllBe(service => service.Lifetime == ServiceLifetime.Singleton);
        services.ShouldNotContain(service => service.ServiceType == typeof(NpgsqlDataSource));
    }
}
