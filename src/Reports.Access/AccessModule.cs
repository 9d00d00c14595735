using FluentValidation;
using JasperFx.Events.Projections;
using Marten;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Postgresql;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Access;

/// <summary>
/// The settings of authentication: how many attempts may fail in a window, on each node by itself. A window begins with
/// the first failure.
/// </summary>
/// <param name="FailuresPerAddress">Of one source address; of IPv6 its first 64 bits.</param>
/// <param name="FailuresPerIdentity">For one claimed identity (a user name or a key id), wherever from.</param>
/// <param name="FailuresPerAddressAndIdentity">Of one source address for one claimed identity.</param>
/// <param name="FailureWindow">How long a window is; whole seconds.</param>
public sealed record AccessOptions(
    int FailuresPerAddress, int FailuresPerIdentity, int FailuresPerAddressAndIdentity, TimeSpan FailureWindow);

/// <summary>Merchants, API keys, users, permissions, authentication.</summary>
public static class AccessModule
{
    /// <summary>Adds what the module needs, and the authentication and authorisation of every endpoint.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="options">The settings.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAccess(this IServiceCollection services, AccessOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<SecretStore>();
        services.AddSingleton<ApiKeyHasher>();
        services.AddSingleton<PrincipalNumbers>();
        services.AddSingleton<Merchants>();
        services.AddSingleton<CredentialCache>();
        services.AddSingleton<PasswordCache>();
        services.AddSingleton<FailureBudgets>();
        services.AddSingleton<CredentialVerification>();

        // Whoever has proved nothing is told what is left of the only budget that is theirs.
        services.AddSingleton<Func<HttpContext, RateLimit>>(s => http =>
            s.GetRequiredService<FailureBudgets>().Left(http.Connection.RemoteIpAddress));

        // Who is calling, asked anew: an answer that takes long ends with its caller's rights.
        services.AddSingleton<Func<HttpContext, Task<Caller?>>>(s => async http =>
            (await s.GetRequiredService<CredentialVerification>().VerifyAsync(
                PresentedCredential.From(http.Request.Headers), http.Connection.RemoteIpAddress)).Caller);
        services.AddHostedService<EpochPolling>();
        services.AddSingleton<AccessRefusals>();
        services.AddHostedService<AccessRefusalNode>();
        services.AddScoped<AccessStreams>();
        services.AddScoped<CurrentCaller>();
        services.AddMediatR(c => c.RegisterServicesFromAssemblyContaining(typeof(AccessModule)));
        services.AddValidatorsFromAssemblyContaining(
            typeof(AccessModule), ServiceLifetime.Singleton, includeInternalTypes: true);

        // The core only: no cookie is ever made, so there is no need for the keys that protect one.
        services.AddAuthenticationCore(options => options.DefaultScheme = PermissionRequirement.Scheme);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<AuthenticationSchemeOptions, CredentialAuthentication>(PermissionRequirement.Scheme, null);
        services.AddAuthorization();
        return services;
    }

    /// <summary>
    /// Records who is refused for want of a credential or of the right, on every endpoint that does not record by
    /// itself (<see cref="RecordsByItself"/>); after routing, and around what handles exceptions.
    /// </summary>
    /// <param name="app">The pipeline.</param>
    public static void RecordRefusals(IApplicationBuilder app) => app.UseMiddleware<AccessRefusalNotes>();

    /// <summary>Adds the module's projections and tables to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options)
    {
        options.Projections.Add(new MerchantFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new CredentialFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new UserFold(), ProjectionLifecycle.Live);
        options.Projections.Add(new AccessProjection(), ProjectionLifecycle.Inline);
        options.Storage.ExtendedSchemaObjects.Add(SecretStore.Table());
        options.Storage.ExtendedSchemaObjects.Add(new Sequence("reports.principal_number"));
    }
}

/// <summary>Gives principals their numbers: 20 bits, because that is what a download token has room for.</summary>
internal sealed class PrincipalNumbers(NpgsqlDataSource database)
{
    public async Task<int> NextAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("select nextval('reports.principal_number')");
        var number = (long)(await command.ExecuteScalarAsync(cancellation))!;
        return number < 1 << 20
            ? (int)number
            : throw new InvalidOperationException("All 1,048,575 principal numbers are used up.");
    }
}
