using System.Net;
using FluentValidation;
using Marten;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>
/// Erases source addresses and user agents: everything from one address, or the one row that an event names. The events
/// keep a hash that leads nowhere then. The next request from there is another origin.
/// </summary>
public static class EraseOrigins
{
    /// <summary>The command; of the platform, since an address is nobody's in particular. One of the two is given.</summary>
    /// <param name="Address">The source address, as text.</param>
    /// <param name="Origin">The hash that an event has.</param>
    /// <param name="Reason">Why; a reference, never a person's name.</param>
    public sealed record Command(string? Address, string? Origin, string Reason) : IRequest<EraseUser.Erased>
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(EraseOrigins);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Reason).ErasureReason();
            RuleFor(c => c.Address).Must(address => address is null || IPAddress.TryParse(address, out _))
                .WithMessage("must be an IP address").OverridePropertyName("address");
        }
    }

    internal sealed class Handler(AccessStreams streams, CurrentCaller current, TimeProvider clock)
        : IRequestHandler<Command, EraseUser.Erased>
    {
        // As many as one event names; a record of more is several.
        private const int MostReferences = 100;

        public async Task<EraseUser.Erased> Handle(Command command, CancellationToken cancellationToken)
        {
            var (by, now) = (current.Required.Actor, clock.GetUtcNow());
            await using var session = streams.Open(tenant: null);
            await session.BeginTransactionAsync(cancellationToken);
            var erased = await DeleteAsync(session, command, cancellationToken);
            if (erased.Count == 0)
            {
                throw Refusal.Unknown("Nothing is known of this origin.");
            }

            var records = new List<Guid>();
            foreach (var references in erased.Chunk(MostReferences))
            {
                var record = Guid.CreateVersion7(now);
                session.Events.StartStream<ErasureStream>(record, new SubjectErased(
                    record, ErasedSubject.Origin, references, references.Length, command.Reason, by, now));
                records.Add(record);
            }

            await session.SaveChangesAsync(cancellationToken);
            return new EraseUser.Erased(erased.Count, records);
        }

        private static async Task<List<string>> DeleteAsync(
            IDocumentSession session, Command command, CancellationToken cancellation)
        {
            await using var delete = new NpgsqlCommand(
                "delete from reports.origins where address = any($1) or origin = $2 returning origin");
            delete.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Spellings(command.Address) });
            delete.Parameters.Add(new NpgsqlParameter<string> { TypedValue = command.Origin ?? "" });
            await using var row = await session.ExecuteReaderAsync(delete, cancellation);
            var erased = new List<string>();
            while (await row.ReadAsync(cancellation))
            {
                erased.Add(row.GetString(0));
            }

            return erased;
        }

        // A socket that takes both families writes an address of the older one in the newer one's form.
        private static string[] Spellings(string? address) => address is null
            ? []
            : IPAddress.Parse(address) is var ip && ip.IsIPv4MappedToIPv6
                ? [ip.ToString(), ip.MapToIPv4().ToString()]
                : [ip.ToString(), ip.MapToIPv6().ToString()];
    }
}
