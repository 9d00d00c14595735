using FluentValidation;
using Marten;
using MediatR;
using Npgsql;
using Reports.Audit.Sealing;
using Reports.BuildingBlocks;
using Reports.Contracts.Events;
using Reports.Ledger;

namespace Reports.Audit;

/// <summary>
/// An operator says that the end of the record is gone because a backup was restored: the ledger goes on from what is
/// there, and the declaration is in it for good.
/// </summary>
public static class DeclareRestored
{
    private const int LongestReason = 500;

    /// <summary>The declaration.</summary>
    /// <param name="Reason">Why; a reference, never a person's name.</param>
    public sealed record Command(string Reason) : IRequest<RestoredFromBackup>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Reason).NotEmpty().MaximumLength(LongestReason);
    }

    internal sealed class Handler(
        IDocumentSession session, AuditorDatabase database, LedgerOptions options, LedgerKeys keys, LedgerMemory memory,
        TimeProvider clock, CurrentCaller current) : IRequestHandler<Command, RestoredFromBackup>
    {
        public async Task<RestoredFromBackup> Handle(Command request, CancellationToken cancellationToken)
        {
            if (keys.Signers.Count == 0)
            {
                throw Refused("No key of the ledger is configured here, and a declaration is signed by it.");
            }

            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var (head, lost) = await LostAsync(connection, cancellationToken);
            var said = new RestoreDeclaration(options.Origin, lost.Size, lost.Root, head.Size, head.Root);
            var now = clock.GetUtcNow();
            var restored = new RestoredFromBackup(
                Guid.CreateVersion7(now), lost.Size, Convert.ToHexStringLower(lost.Root), head.Size, request.Reason,
                current.Required.Actor, now, said.Sign(keys.Signers));
            session.Events.StartStream<AuditStream>(restored.RestoreId, restored);
            await session.SaveChangesAsync(cancellationToken);
            return restored;
        }

        private async Task<(LedgerHead Head, Checkpoint Lost)> LostAsync(
            NpgsqlConnection connection, CancellationToken cancellation)
        {
            try
            {
                // What is signed must be the tree's.
                var head = await LedgerHead.LoadAsync(connection, options.Origin, keys.Believed, cancellation);
                return (head, await memory.LostAsync(connection, head.Size, cancellation) ?? throw Refused(
                    "The ledger has everything that the anchors know of, or its loss is declared already."));
            }
            catch (LedgerFaultException e)
            {
                throw Refused($"That is no restored backup. {e.Message}.");
            }
        }

        private static ProblemException Refused(string detail) => new(Problem.Conflict with { Detail = detail });
    }
}
