using FluentValidation;
using JasperFx.Events.Projections;
using Marten;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Reports.BuildingBlocks;
using Weasel.Postgresql;

[assembly: JasperFx.JasperFxAssembly]

namespace Reports.Access;

/// <summary>Merchants, API keys, users, permissions, authentication.</summary>
public static class AccessModule
{
    /// <summary>Adds what the module needs, and the authentication and authorisation of every endpoint.</summary>
    /// <param name="services">The services of the host.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.AddSingleton<SecretStore>();
        services.AddSingleton<ApiKeyHasher>();
        services.AddSingleton<PrincipalNumbers>();
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

    /// <summary>Adds the module's projections and tables to the event store.</summary>
    /// <param name="options">The options of the store.</param>
    public static void Configure(StoreOptions options)
    {
        options.Projections.Add(new AccessProjection(), ProjectionLifecycle.Inline);
        options.Storage.ExtendedSchemaObjects.Add(SecretStore.Table());
        options.Storage.ExtendedSchemaObjects.Add(new Sequence("reports.principal_number"));
    }
}

/// <summary>Stream type of a merchant.</summary>
internal sealed class MerchantStream;

/// <summary>Stream type of a credential.</summary>
internal sealed class CredentialStream;

/// <summary>Stream type of a user.</summary>
internal sealed class UserStream;

/// <summary>Gives principals their numbers: 20 bits, because that is what a download token has room for.</summary>
internal sealed class PrincipalNumbers(NpgsqlDataSource database)
{
    /// <exception cref="ProblemException">There is no such merchant.</exception>
    public async Task<int> NextAsync(Guid? merchant, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select nextval('reports.principal_number')
            where $1 = '' or exists (select from reports.access_merchants where merchant_id::text = $1)
            """);
        command.Parameters.AddWithValue(merchant?.ToString() ?? "");
        var number = (long)(await command.ExecuteScalarAsync(cancellation)
            ?? throw new ProblemException(Problem.NotFound with { Detail = $"There is no merchant {merchant}." }));
        return number < 1 << 20
            ? (int)number
            : throw new InvalidOperationException("All 1,048,575 principal numbers are used up.");
    }
}
