using Reports.Generator;
using Reports.GeneratorWorker;
using Reports.Storage;
using Wolverine;

// The reference generator as a process of its own, and a sample of a generator in .NET (docs/generators.md). It reads
// the same settings as the service: Reports:Database, Reports:Storage:Root, Reports:Generators:Road and :RabbitMq.
var builder = Host.CreateApplicationBuilder(args);
var settings = builder.Configuration.GetSection("Reports");
string Required(string name) => settings[name] is { Length: > 0 } value
    ? value
    : throw new InvalidOperationException($"The setting Reports:{name} is missing.");

var database = Required("Database");
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton(new ReportFiles(Required("Storage:Root")));
builder.Services.AddReferenceGenerator(database);
builder.UseWolverine(options =>
{
    Roads.ConfigureMessages(options);
    switch (Required("Generators:Road").ToUpperInvariant())
    {
        case "POSTGRESQUEUE":
            Roads.UsePostgresQueue(options, database);
            break;
        case "RABBITMQ":
            Roads.UseRabbitMq(options, new Uri(Required("Generators:RabbitMq")));
            break;
        case var other:
            throw new InvalidOperationException(
                $"Reports:Generators:Road is {other}, but this generator takes PostgresQueue and RabbitMq only.");
    }
});
await builder.Build().RunAsync();
