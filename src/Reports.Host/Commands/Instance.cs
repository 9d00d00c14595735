using System.Security.Cryptography;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Wolverine.Transports;

namespace Reports.Host.Commands;

/// <summary>Runs a command with the services of the host, but without its web server.</summary>
internal static class Instance
{
    private const int Failed = 1;

    /// <summary>Settings for a program that a person watches: warnings only, a line each, beside the output.</summary>
    public static readonly string[] QuietLog =
    [
        "--Logging:LogLevel:Default=Warning",
        "--Logging:LogLevel:Microsoft.Hosting.Lifetime=Warning",
        "--Logging:Console:FormatterName=simple",
        "--Logging:Console:FormatterOptions:SingleLine=true",
        "--Logging:Console:FormatterOptions:TimestampFormat=HH:mm:ss ",
        "--Logging:Console:LogToStandardErrorThreshold=Trace",
    ];

    /// <summary>Runs some work; what goes wrong is told in one sentence.</summary>
    /// <param name="work">The work.</param>
    /// <param name="isMigrating">Whether it changes the schema.</param>
    /// <param name="isOwner">Whether it needs the rights of the schema's owner for something else.</param>
    public static Task<int> RunAsync(
        Func<IServiceProvider, Task> work, bool isMigrating = false, bool isOwner = false) =>
        GuardAsync(async () =>
        {
            var builder = ReportsHost.Builder(
                [.. QuietLog, "--Reports:Nodes:Mode=Balanced"], isMigrating: isMigrating, isOwner: isOwner);
            await using var app = ReportsHost.Build(builder);
            await work(app.Services);
        });

    /// <summary>Does some work; what goes wrong around it is told in one sentence.</summary>
    public static async Task<int> GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
            return 0;
        }
        catch (Exception e) when (IsExpected(e))
        {
            await Console.Error.WriteLineAsync(Sentence(e));
            return Failed;
        }
    }

    // A failure of the surroundings' needs no stack trace.
    private static bool IsExpected(Exception e) =>
        e is SettingException or ProblemException or NpgsqlException or IOException or UnauthorizedAccessException
            or BrokerInitializationException;

    private static string Sentence(Exception e) => e switch
    {
        ProblemException { Problem: var problem } => problem.Detail ?? problem.Message,
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName } =>
            "The schema of the database is missing or older than this program: `schema apply` brings it up to date.",
        NpgsqlException => $"The database does not answer: {e.Message}",
        BrokerInitializationException => "RabbitMQ does not answer where the setting Reports:Generators:RabbitMq "
            + "(REPORTS__GENERATORS__RABBITMQ in the environment) says, or refuses the service: see the log above.",
        _ => e.Message,
    };

    /// <summary>Sends one request on behalf of an operator.</summary>
    public static Task<int> SendAsync<TResult>(
        Guid? tenant, IRequest<TResult> request, Action<TResult> print, CancellationToken cancellation) =>
        RunAsync(async services => print(await services.SendAsync(tenant, request, cancellation)));

    /// <summary>Sends one request on behalf of an operator, and says that it is done.</summary>
    public static Task<int> SendAsync(Guid? tenant, IRequest request, string done, CancellationToken cancellation) =>
        RunAsync(async services =>
        {
            await services.SendAsync(tenant, request, cancellation);
            Console.WriteLine(done);
        });

    /// <summary>Sends one request in a scope of its own, as an operator of a tenant or of the platform.</summary>
    public static async Task<TResult> SendAsync<TResult>(
        this IServiceProvider services, Guid? tenant, IRequest<TResult> request, CancellationToken cancellation)
    {
        await using var scope = services.CreateAsyncScope();
        BeOperator(scope.ServiceProvider, tenant);
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(request, cancellation);
    }

    /// <summary>Sends one request without a result in a scope of its own, as an operator.</summary>
    public static async Task SendAsync(
        this IServiceProvider services, Guid? tenant, IRequest request, CancellationToken cancellation)
    {
        await using var scope = services.CreateAsyncScope();
        BeOperator(scope.ServiceProvider, tenant);
        await scope.ServiceProvider.GetRequiredService<ISender>().Send(request, cancellation);
    }

    private static void BeOperator(IServiceProvider scope, Guid? tenant)
    {
        var current = scope.GetRequiredService<CurrentCaller>();
        current.Caller = Caller.Operator(tenant);
        current.FindOrigin = () => Origin.Command;
    }
}

/// <summary>Makes up passwords.</summary>
internal static class Passwords
{
    private const string Alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    public static string Generate() => RandomNumberGenerator.GetString(Alphabet, 24);
}
