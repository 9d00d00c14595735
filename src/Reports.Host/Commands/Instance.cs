using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Marten;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Wolverine.Transports;

namespace Reports.Host.Commands;

/// <summary>Runs a command with the services of the host, but without its web server.</summary>
internal static class Instance
{
    /// <summary>The exit code of what could not be done, or is not well.</summary>
    public const int Failed = 1;

    private const int LongestSubject = 1000;

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

    /// <summary>Runs some work that no event tells of, and records that an operator had it done.</summary>
    /// <param name="command">The command.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="work">The work.</param>
    /// <param name="isMigrating">Whether it changes the schema.</param>
    public static Task<int> ActAsync(
        string command, string? subject, Func<IServiceProvider, Task> work, bool isMigrating = false) =>
        RunAsync(
            async services =>
            {
                try
                {
                    await work(services);
                }
                catch (Exception e)
                {
                    try
                    {
                        await RecordAsync(services, command, subject, isDone: false);
                    }
                    catch (Exception other) when (IsExpected(other))
                    {
                        // What kept the work from being done keeps the record from it, and is what is told.
                    }

                    ExceptionDispatchInfo.Throw(e);
                }

                await RecordAsync(services, command, subject, isDone: true);
            },
            isMigrating);

    private static async Task RecordAsync(IServiceProvider services, string command, string? subject, bool isDone)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var act = new OperatorActed(
            Guid.CreateVersion7(now),
            command,
            subject is { Length: > LongestSubject } ? subject[..LongestSubject] : subject,
            isDone,
            Actor.Operator,
            now);
        await using var session = services.GetRequiredService<IDocumentStore>().LightweightSession(Tenants.Platform);
        session.LastModifiedBy = Actor.Operator.Id;
        services.GetRequiredService<Origins>().Put(session, Origin.Command);
        session.Events.StartStream<OperatorStream>(act.ActId, act);
        await session.SaveChangesAsync(CancellationToken.None);
    }

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

/// <summary>Stream type of what an operator had done.</summary>
internal sealed class OperatorStream;

/// <summary>Makes up passwords.</summary>
internal static class Passwords
{
    private const string Alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    public static string Generate() => RandomNumberGenerator.GetString(Alphabet, 24);
}
