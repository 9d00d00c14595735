using Microsoft.Extensions.Configuration;
using Reports.Host;
using Reports.Host.Roads;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Roads;

public sealed class RoadSettingsTests
{
    [Fact]
    public void without_a_setting_the_road_is_local()
    {
        Read().ShouldBe(new RoadSettings(GeneratorRoad.Local, null, 100));
    }

    [Theory]
    [InlineData("Local")]
    [InlineData("postgresqueue")]
    [InlineData("PostgresTable")]
    public void a_road_is_named_in_any_case(string name)
    {
        Read(("Generators:Road", name)).Road.ToString().ShouldBe(name, StringCompareShould.IgnoreCase);
    }

    [Theory]
    [InlineData("Kafka")]
    [InlineData("")]
    [InlineData("1")]
    public void another_road_is_refused_with_the_names_of_those_there_are(string name)
    {
        Should.Throw<SettingException>(() => Read(("Generators:Road", name)))
            .Message.ShouldBe("The setting Reports:Generators:Road (REPORTS__GENERATORS__ROAD in the environment) "
                + "must be one of Local, PostgresQueue, PostgresTable, RabbitMq.");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("http://user:secret@localhost")]
    [InlineData("user:secret@localhost")]
    public void the_broker_needs_an_amqp_address_and_a_wrong_one_is_not_repeated(string? address)
    {
        Should.Throw<SettingException>(() => Read(("Generators:Road", "RabbitMq"), ("Generators:RabbitMq", address)))
            .Message.ShouldNotContain("secret");
    }

    [Fact]
    public void the_settings_do_not_print_the_brokers_password()
    {
        Read(("Generators:Road", "RabbitMq"), ("Generators:RabbitMq", "amqps://user:secret@localhost/v"))
            .ToString().ShouldBe("RoadSettings RabbitMq");
    }

    private static RoadSettings Read(params (string Name, string? Value)[] values) =>
        RoadSettings.From(new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(v => KeyValuePair.Create($"Reports:{v.Name}", v.Value)))
            .Build()
            .GetSection("Reports"));
}
