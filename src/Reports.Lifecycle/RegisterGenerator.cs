using FluentValidation;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Lifecycle;

/// <summary>Lets a generator start reports on its own.</summary>
public static class RegisterGenerator
{
    /// <summary>The command.</summary>
    /// <param name="Name">A name for operators.</param>
    /// <param name="MerchantId">The one merchant it may start reports for; none for all.</param>
    public sealed record Command(string Name, Guid? MerchantId = null) : IRequest<Issued>;

    /// <summary>A generator and its secret, which is shown this once.</summary>
    /// <param name="GeneratorId">The generator.</param>
    /// <param name="Secret">What it signs with.</param>
    public sealed record Issued(Guid GeneratorId, string Secret)
    {
        /// <summary>Without the secret.</summary>
        /// <returns>The id.</returns>
        public override string ToString() => $"{nameof(Issued)} {GeneratorId}";
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Name)
            .Must(name => name.Trim().Length is >= 1 and <= 200 && !name.Any(char.IsControl))
            .WithMessage("must be 1 to 200 characters, without control characters").OverridePropertyName("name");
    }

    internal sealed class Handler(
        LifecycleStreams streams,
        LifecycleStore merchants,
        GeneratorSecrets secrets,
        CurrentCaller current,
        TimeProvider clock) : IRequestHandler<Command, Issued>
    {
        public async Task<Issued> Handle(Command command, CancellationToken cancellationToken)
        {
            if (command.MerchantId is { } merchant)
            {
                await merchants.RequireActiveAsync(merchant, cancellationToken);
            }

            var now = clock.GetUtcNow();
            var id = Guid.CreateVersion7(now);
            var registered = new GeneratorRegistered(
                id, command.Name, command.MerchantId, secrets.CurrentVersion, current.Required.Actor, now);
            await streams.ChangeAsync<RegisteredGenerator>(id, _ => [registered], cancellationToken);
            return new Issued(id, secrets.For(id, 1, registered.KeyVersion));
        }
    }
}

/// <summary>Gives a generator a new secret in place of the one it has.</summary>
public static class RotateGeneratorSecret
{
    /// <summary>The command.</summary>
    /// <param name="GeneratorId">The generator.</param>
    public sealed record Command(Guid GeneratorId) : IRequest<RegisterGenerator.Issued>;

    internal static GeneratorSecretRotated Decide(
        RegisteredGenerator? generator, Guid id, int keyVersion, Actor by, DateTimeOffset now) =>
        new(id, GeneratorRules.Active(generator, id).Secret + 1, keyVersion, by, now);

    internal sealed class Handler(
        LifecycleStreams streams, GeneratorSecrets secrets, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command, RegisterGenerator.Issued>
    {
        public async Task<RegisterGenerator.Issued> Handle(Command command, CancellationToken cancellationToken)
        {
            var (id, secret) = (command.GeneratorId, "");
            await streams.ChangeAsync<RegisteredGenerator>(
                id,
                generator =>
                {
                    var rotated = Decide(
                        generator, id, secrets.CurrentVersion, current.Required.Actor, clock.GetUtcNow());
                    secret = secrets.For(id, rotated.Secret, rotated.KeyVersion);
                    return [rotated];
                },
                cancellationToken);
            return new RegisterGenerator.Issued(id, secret);
        }
    }
}

/// <summary>Lets a generator start nothing any more. What it was asked for it may still answer.</summary>
public static class DisableGenerator
{
    /// <summary>The command.</summary>
    /// <param name="GeneratorId">The generator.</param>
    public sealed record Command(Guid GeneratorId) : IRequest;

    internal sealed class Handler(LifecycleStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command>
    {
        public Task Handle(Command command, CancellationToken cancellationToken) =>
            streams.ChangeAsync<RegisteredGenerator>(
                command.GeneratorId,
                generator =>
                [
                    new GeneratorDisabled(
                        GeneratorRules.Active(generator, command.GeneratorId).Id, current.Required.Actor, clock.GetUtcNow()),
                ],
                cancellationToken);
    }
}

/// <summary>Every registered generator, the first registered first; never a secret.</summary>
public static class ListGenerators
{
    /// <summary>The query.</summary>
    public sealed record Query : IRequest<IReadOnlyList<Row>>;

    /// <summary>A generator.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="MerchantId">The one merchant it may start reports for; none for all.</param>
    /// <param name="Secret">Which of its secrets counts, from 1.</param>
    /// <param name="RegisteredAt">Since when it is registered.</param>
    /// <param name="DisabledAt">Since when it is disabled; none when it is not.</param>
    public sealed record Row(
        Guid Id, string Name, Guid? MerchantId, int Secret, DateTimeOffset RegisteredAt, DateTimeOffset? DisabledAt);

    internal sealed class Handler(NpgsqlDataSource database) : IRequestHandler<Query, IReadOnlyList<Row>>
    {
        public async Task<IReadOnlyList<Row>> Handle(Query query, CancellationToken cancellationToken)
        {
            await using var command = database.CreateCommand(
                """
                select generator_id, name, merchant_id, secret, registered_at, disabled_at
                from reports.generators order by generator_id
                """);
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<Row>();
            while (await row.ReadAsync(cancellationToken))
            {
                rows.Add(new Row(
                    row.GetGuid(0),
                    row.GetString(1),
                    row.IsDBNull(2) ? null : row.GetGuid(2),
                    row.GetInt32(3),
                    row.GetFieldValue<DateTimeOffset>(4),
                    row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5)));
            }

            return rows;
        }
    }
}

/// <summary>What can be done to a generator only while it may start reports.</summary>
internal static class GeneratorRules
{
    public static RegisteredGenerator Active(RegisteredGenerator? generator, Guid id) => generator switch
    {
        null => throw new ProblemException(Problem.NotFound with { Detail = $"There is no generator {id}." }),
        { IsDisabled: true } => throw new ProblemException(Problem.Conflict with
        {
            Detail = $"The generator {id} is disabled already.",
        }),
        _ => generator,
    };
}
